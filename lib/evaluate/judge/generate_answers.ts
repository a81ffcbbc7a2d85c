// A model's answers to prompts, turn after turn, many side by side; an interrupted call goes on.
import type { JitOptions } from "../../jit/mod.ts";
import { type Adapter, baseOf, generate, type Model, type Sampling } from "../../model/mod.ts";
import { InputError } from "../../run/errors.ts";
import { appendLineSync, dropTornLine, readJsonl, sha256Hex } from "../../run/files.ts";
import { stream } from "../../run/seed.ts";
import { promptIds } from "../../serve/prompt.ts";
import { paramsHash } from "../../train/mod.ts";
import type { Turn } from "../../data/example.ts";
import type { ModelOutput } from "./model_outputs.ts";
import type { Prompt } from "./prompt_set.ts";

/** How to answer. */
export interface AnswerOptions extends JitOptions, Sampling {
  /** Whose answers they are called. */
  generator: string;
  /** Without it the base model answers. */
  adapter?: Adapter;
  /** Default: the model's own. */
  template?: string;
  /** New tokens of an answer at most; default 256. */
  maxNew?: number;
  /** Of the draws, where the temperature is above 0; default 0. */
  seed?: number;
  /** Answers that grow side by side; default 16. */
  batch?: number;
  /** A file for what is done: the same call goes on from there. The caller removes it. */
  partial?: string;
  /** Told after each group of prompts that is answered. */
  onProgress?: (done: number, total: number) => void | Promise<void>;
}

/** The answers to one prompt's turns. */
export interface Answered {
  /** One a turn. */
  texts: string[];
  /** New tokens of each. */
  tokens: number[];
  /** Whether each came to its own end, rather than to the most tokens. */
  ended: boolean[];
}

/** Groups hold so many times the answers that grow side by side. */
const GROUP = 4;

/** Answers to each prompt's first turn, in AlpacaEval's layout. Throws as answerTurns(). */
export async function generateAnswers(
  model: Model,
  prompts: readonly Prompt[],
  options: AnswerOptions,
): Promise<ModelOutput[]> {
  const answered = await answerTurns(model, prompts.map(({ further: _, ...prompt }) => prompt), options);
  return answered.map(({ texts }, i) => ({
    dataset: prompts[i].dataset,
    instruction: prompts[i].instruction,
    output: texts[0],
    generator: options.generator,
  }));
}

/**
 * Answers to each turn of each prompt, the earlier turns and answers before it. White space around an answer is cut off.
 * Throws InputError before the first token where a first turn with its answer exceeds the model's context, and for settings
 * that make no sense; a later turn that does not fit ends its prompt with an InputError too.
 */
export async function answerTurns(
  model: Model,
  prompts: readonly Prompt[],
  options: AnswerOptions,
): Promise<Answered[]> {
  const { partial, batch = 16, onProgress } = options;
  const found = partial ? await resumed(partial, keyOf(model, prompts, options)) : [];
  checkFirstTurns(model, prompts, options);
  await onProgress?.(found.length, prompts.length);
  while (found.length < prompts.length) {
    const group = await answerGroup(model, prompts.slice(found.length, found.length + GROUP * batch), {
      ...options,
      from: found.length,
    });
    for (const one of group) if (partial) appendLineSync(partial, one);
    found.push(...group);
    await onProgress?.(found.length, prompts.length);
  }
  return found;
}

/** One turn after the other, all prompts of the group side by side. */
async function answerGroup(
  model: Model,
  prompts: readonly Prompt[],
  options: AnswerOptions & { from: number },
): Promise<Answered[]> {
  const answered: Answered[] = prompts.map(() => ({ texts: [], tokens: [], ended: [] }));
  const most = Math.max(...prompts.map(({ further = [] }) => 1 + further.length));
  for (let turn = 0; turn < most; turn++) {
    const open = prompts.flatMap(({ further = [] }, i) => turn <= further.length ? [i] : []);
    const turns = open.map((i) => dialogue(prompts[i], answered[i].texts, turn));
    const answers = await oneTurn(model, turns, {
      ...options,
      places: open.map((i) => options.from + i),
      turn,
    });
    open.forEach((i, k) => {
      answered[i].texts.push(answers[k].text);
      answered[i].tokens.push(answers[k].tokens);
      answered[i].ended.push(answers[k].ended);
    });
  }
  return answered;
}

/** The turns up to the user's turn number `turn`. */
function dialogue({ instruction, further = [] }: Prompt, texts: readonly string[], turn: number): Turn[] {
  return [instruction, ...further].slice(0, turn + 1).flatMap((content, i): Turn[] => [
    { role: "user", content },
    ...(i < turn ? [{ role: "assistant" as const, content: texts[i] }] : []),
  ]);
}

async function oneTurn(
  model: Model,
  dialogues: Turn[][],
  options: AnswerOptions & { places: number[]; turn: number },
): Promise<{ text: string; tokens: number; ended: boolean }[]> {
  const { generator: _, template = model.chatTemplate, maxNew = 256, seed = 0, places, turn, ...rest } =
    options;
  const { tokenizer } = model;
  const prompts = dialogues.map((turns) => promptIds(tokenizer, template, turns));
  const answers = await generate(baseOf(model), prompts, {
    ...rest,
    maxNew,
    stop: model.config.eosIds,
    streamOf: (i) => stream(seed, "answer", places[i], turn),
  });
  return answers.map(({ ids, finish }) => ({
    text: tokenizer.decode(ids, { skipSpecial: true }).trim(),
    tokens: ids.length,
    ended: finish === "stop",
  }));
}

function checkFirstTurns(model: Model, prompts: readonly Prompt[], options: AnswerOptions): void {
  const { template = model.chatTemplate, maxNew = 256 } = options, { maxPositions } = model.config;
  if (prompts.length === 0) throw new InputError("Cannot answer 0 prompts: give at least one");
  for (const [i, { instruction }] of prompts.entries()) {
    const length = promptIds(model.tokenizer, template, [{ role: "user", content: instruction }]).length;
    if (length + maxNew <= maxPositions) continue;
    throw new InputError(
      `Cannot answer prompt ${
        i + 1
      }: it has ${length} tokens, with ${maxNew} new ones more than the model's context of ` +
        `${maxPositions}; leave it out or ask for fewer`,
    );
  }
}

/** What decides the answers. */
function keyOf(model: Model, prompts: readonly Prompt[], options: AnswerOptions): string {
  const { adapter, template = model.chatTemplate, maxNew = 256, seed = 0, batch = 16 } = options;
  const { temperature = 0, topK = 0, topP = 1, threads, engine } = options;
  const asked = prompts.map(({ instruction, further }) => [instruction, ...further ?? []]);
  return sha256Hex(JSON.stringify([
    [model.hash, model.definition, template],
    adapter ? [adapter.lora, paramsHash(adapter.params)] : null,
    [maxNew, seed, batch, temperature, topK, topP, threads ?? null, engine ?? null],
    asked,
  ]));
}

/** The answers in the file `path` if it was begun with this key; else the file is begun anew. */
async function resumed(path: string, key: string): Promise<Answered[]> {
  const there = await Deno.stat(path).then(() => true, () => false);
  if (there) {
    await dropTornLine(path);
    const [head, ...lines] = await readJsonl(path).catch(() => []);
    if ((head?.value as { key?: string })?.key === key) return lines.map(({ value }) => value as Answered);
    await Deno.remove(path);
  }
  appendLineSync(path, { key });
  return [];
}
