// Prompts to be answered: a benchmark's from the local mirror, our own bundled ones, or a file's.
import { join } from "node:path";
import { mirrorFile } from "../../data/mirror.ts";
import { InputError } from "../../run/errors.ts";
import { resolveUser, sha256File } from "../../run/files.ts";
import { rowsOf } from "./model_outputs.ts";

/** One prompt, of one turn or more. */
export interface Prompt {
  /** The user's first turn. */
  instruction: string;
  /** Where it is from, as AlpacaEval's rows have it. */
  dataset: string;
  /** The user's turns after the first. */
  further?: string[];
  /** MT-bench's: the question's number, kind, and reference answers, one a turn. */
  id?: string;
  category?: string;
  reference?: string[];
}

/** The prompts of a source. */
export interface PromptSet {
  /** What was asked for: "alpaca_eval", "open" or a file's path. */
  name: string;
  prompts: Prompt[];
  /** SHA-256 of the file. */
  sha256: string;
}

/** The sources by name: a file of the mirror, or one in data/benchmarks. */
const SOURCES: Record<string, { mirror: string; references?: string } | { bundled: string }> = {
  alpaca_eval: { mirror: "alpaca_eval/text_davinci_003_model_outputs.json" },
  lima: { mirror: "lima/lima_test_set.jsonl" },
  mt_bench: { mirror: "mt_bench/question.jsonl", references: "mt_bench/reference_gpt-4.jsonl" },
  vicuna_bench: { mirror: "vicuna_bench/question.jsonl" },
  open: { bundled: "open_prompts/test.jsonl" },
  two_turns: { bundled: "two_turns/test.jsonl" },
};

/**
 * The prompts of a source: alpaca_eval (805), lima (300 test prompts), mt_bench (80, two turns, with GPT-4's references) and
 * vicuna_bench from the local mirror; open and two_turns, our own; or a file: a JSON array or JSONL whose rows have one of
 * `instruction` (with `input`), `prompt`, `turns`, `conversations`. Throws InputError for what cannot be read or used.
 */
export async function readPromptSet(source: string): Promise<PromptSet> {
  const known = Object.hasOwn(SOURCES, source) ? SOURCES[source] : undefined;
  const path = !known
    ? resolveUser(source)
    : "mirror" in known
    ? mirrorFile(known.mirror).path
    : join(import.meta.dirname!, "../../../data/benchmarks", known.bundled);
  if ((await Deno.stat(path).catch(() => undefined))?.isFifo) { // it is read again for its hash
    throw new InputError(`Cannot read ${path}: it is a pipe; save it as a file`);
  }
  const fallback = known ? source : "file";
  const prompts = (await rowsOf(path)).map(({ place, value }) => promptOf(value, place, fallback));
  if (prompts.length === 0) {
    throw new InputError(`Cannot use ${path}: it holds no prompts; give at least one`);
  }
  const references = known && "mirror" in known && known.references;
  const filled = references ? await withReferences(prompts, mirrorFile(references).path) : prompts;
  return { name: source, prompts: filled, sha256: await sha256File(path) };
}

type Row = Record<string, unknown>;

function promptOf(value: unknown, place: string, dataset: string): Prompt {
  const row = value as Row;
  const fail = (what: string): never => {
    throw new InputError(`Cannot use ${place}: ${what}; write {"instruction": "…"} or {"turns": ["…", "…"]}`);
  };
  if (typeof value !== "object" || value === null) fail("it is no object");
  const turns = turnsOf(row);
  if (!turns || turns.length === 0) return fail("it has no prompt");
  for (const turn of turns) {
    if (typeof turn !== "string" || !turn.trim()) fail("a turn of it is no text or empty");
    if (!(turn as string).isWellFormed()) fail("it holds half of a surrogate pair");
  }
  const [instruction, ...further] = turns as string[],
    { dataset: own, question_id: id, category, reference } = row;
  const texts = Array.isArray(reference) &&
    reference.every((one) => typeof one === "string" && one.isWellFormed());
  return {
    instruction,
    dataset: typeof own === "string" && own ? own : dataset,
    ...(further.length ? { further } : {}),
    ...(id === undefined ? {} : { id: String(id) }),
    ...(typeof category === "string" ? { category } : {}),
    ...(texts && reference.length ? { reference: reference as string[] } : {}),
  };
}

function turnsOf({ instruction, input, prompt, turns, conversations }: Row): unknown[] | undefined {
  if (typeof instruction === "string") {
    return [typeof input === "string" && input ? `${instruction}\n\n${input}` : instruction];
  }
  if (prompt !== undefined) return [prompt];
  const all = turns ?? conversations;
  if (all === undefined) return undefined;
  return Array.isArray(all) ? all : [all];
}

/**
 * MT-bench's reference answers stand in a file of their own, {"question_id", "choices": [{"turns": […]}]}; FastChat looks at
 * nothing else, so that the references of the other 10 questions in the file of questions are left aside.
 */
async function withReferences(prompts: Prompt[], path: string): Promise<Prompt[]> {
  const found = new Map((await rowsOf(path)).map(({ value }) => {
    const { question_id, choices } = value as { question_id: unknown; choices?: { turns?: string[] }[] };
    return [String(question_id), choices?.[0]?.turns];
  }));
  return prompts.map(({ reference: _, ...prompt }) => {
    const reference = prompt.id === undefined ? undefined : found.get(prompt.id);
    return reference ? { ...prompt, reference } : prompt;
  });
}
