// Chat templates: dialogues → the text a model was trained to read, and where in it the answers stand.
// Jinja by @huggingface/jinja, with the settings of transformers' apply_chat_template. Token ids: model/encode.ts.
import { Template } from "@huggingface/jinja";
import { InputError, messageOf } from "../run/errors.ts";
import type { Turn } from "./example.ts";

/** What a template may ask for besides the messages. */
export interface RenderOptions {
  /** Ends the text where the assistant's next answer begins. */
  addGenerationPrompt?: boolean;
  /** The texts of the model's special tokens; "" where it has none. */
  bosToken?: string;
  eosToken?: string;
}

let parsed: { source: string; template: Template } | undefined;

/** The text of `turns` under the Jinja `template`. Throws InputError where the template is damaged or refuses the dialogue. */
export function renderChat(template: string, turns: readonly Turn[], options: RenderOptions = {}): string {
  const { addGenerationPrompt = false, bosToken = "", eosToken = "" } = options;
  try {
    return parse(template).render({
      messages: turns.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: addGenerationPrompt,
      bos_token: bosToken,
      eos_token: eosToken,
    });
  } catch (error) {
    if (error instanceof InputError) throw error;
    const roles = turns.map((turn) => turn.role).join(", ");
    throw new InputError(
      `Cannot render a dialogue (${roles}) with the chat template: ${messageOf(error)}; use another template`,
    );
  }
}

function parse(source: string): Template {
  if (parsed?.source === source) return parsed.template;
  if (!source.trim()) {
    throw new InputError("Cannot render a dialogue: the chat template is empty; give one as a .jinja file");
  }
  try {
    parsed = { source, template: new Template(source) };
  } catch (error) {
    throw new InputError(`Cannot use the chat template: ${messageOf(error)}; correct the Jinja`);
  }
  return parsed.template;
}

/** An assistant's answer in a rendered text: characters [start, end), the token that ends the turn included. */
export interface Span {
  start: number;
  end: number;
}

/**
 * The text of a dialogue and the span of every assistant turn in it. An answer starts where the text of the turns
 * before it ends, the generation prompt included, and ends after its content and what the template puts behind that,
 * white space at the very end excepted ("<|im_end|>" of "<|im_end|>\n"). Throws InputError where the template writes
 * the earlier turns differently once an answer follows: then nobody can say where the answer starts.
 */
export function renderExample(
  template: string,
  turns: readonly Turn[],
  options: Omit<RenderOptions, "addGenerationPrompt"> = {},
): { text: string; spans: Span[] } {
  const text = renderChat(template, turns, options);
  const spans = turns.flatMap((turn, i) => {
    if (turn.role !== "assistant") return [];
    const before = renderChat(template, turns.slice(0, i), { ...options, addGenerationPrompt: true });
    const after = i + 1 === turns.length ? text : renderChat(template, turns.slice(0, i + 1), options);
    if (!text.startsWith(before) || !text.startsWith(after) || after.length < before.length) {
      throw new InputError(
        `Cannot find the answer of turn ${
          i + 1
        }: the chat template writes the turns before it differently when it ` +
          "follows; supervise all tokens or use another template",
      );
    }
    return [{
      start: before.length,
      end: before.length + answerLength(after.slice(before.length), turn.content),
    }];
  });
  return { text, spans };
}

/** How much of `tail` is the answer: its content, then the template's end of turn without white space behind it. */
function answerLength(tail: string, content: string): number {
  const trimmed = content.trim();
  const at = tail.indexOf(tail.includes(content) ? content : trimmed);
  const contentEnd = at < 0 ? 0 : at + (tail.includes(content) ? content : trimmed).length;
  return Math.max(contentEnd, tail.trimEnd().length);
}
