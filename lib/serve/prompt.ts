// Messages → the prompt's token ids. What a message says stays text: a special token's name in it ("<|im_end|>") is no
// special token, so that no message can end its turn and speak for another.
import type { Turn } from "../data/example.ts";
import { renderChat } from "../data/template.ts";
import { specialTexts } from "../model/encode.ts";
import type { Tokenizer } from "../model/tokenizer.ts";

/**
 * The ids of a dialogue up to where the answer begins, as encodePrompt() makes them but for special tokens' names in the
 * messages, whose first character is encoded with what is before it and the rest with what follows. A last message of the
 * assistant's is the answer's beginning: it is left open, to be gone on with.
 * Throws InputError as renderChat().
 */
export function promptIds(tokenizer: Tokenizer, template: string, turns: readonly Turn[]): number[] {
  const mark = unusedMark(turns);
  const broken = turns.map((turn) => ({
    ...turn,
    content: breakSpecials(turn.content, tokenizer.specials, mark),
  }));
  const options = { ...specialTexts(tokenizer), addGenerationPrompt: true };
  const begun = broken.at(-1)?.role === "assistant" ? broken.pop()!.content : "";
  const parts = (renderChat(template, broken, options) + begun).split(mark);
  return parts.flatMap((part) => tokenizer.encode(part, { addSpecial: false }));
}

/** `text` with `mark` behind the first character of every special token's name. */
function breakSpecials(text: string, specials: readonly string[], mark: string): string {
  const present = specials.filter((special) => text.includes(special)).sort((a, b) => b.length - a.length);
  return present.reduce(
    (text, special) =>
      text.replaceAll(special, () => first(special) + mark + special.slice(first(special).length)),
    text,
  );
}

/** A text of private-use characters that no message has. */
function unusedMark(turns: readonly Turn[]): string {
  for (let mark = "\uE000";; mark += "\uE000") {
    if (!turns.some(({ content }) => content.includes(mark))) return mark;
  }
}

const first = (text: string) => String.fromCodePoint(text.codePointAt(0)!);
