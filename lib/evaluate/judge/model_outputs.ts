// A model's answers in AlpacaEval's layout, model_outputs.json; two such files paired by instruction.
import { basename } from "node:path";
import { z } from "zod";
import { InputError } from "../../run/errors.ts";
import { jsonlOf, readBytes, writeFileAtomic } from "../../run/files.ts";

/** One answer. */
export interface ModelOutput {
  /** Where the prompt is from, such as "helpful_base". */
  dataset?: string;
  instruction: string;
  output: string;
  /** Whose answer it is. */
  generator: string;
}

/** Two answers to one instruction: the first is the reference's, the second that of the model to be compared with it. */
export interface Pair {
  dataset?: string;
  instruction: string;
  output_1: string;
  generator_1: string;
  output_2: string;
  generator_2: string;
}

const Row = z.object({
  dataset: z.string().nullish(),
  instruction: z.string(),
  output: z.string(),
  generator: z.string().nullish(),
});

/**
 * The answers in a file: a JSON array as AlpacaEval has it, or one JSON object a line. `generator` stands for what a row
 * does not name; default: the file's name. Throws InputError for what is not readable, a row without instruction or output,
 * half a surrogate pair, and more than one generator.
 */
export async function readModelOutputs(
  path: string,
  { generator = basename(path).replace(/\.jsonl?$/, "") }: { generator?: string } = {},
): Promise<ModelOutput[]> {
  const rows = await rowsOf(path);
  if (rows.length === 0) throw new InputError(`Cannot use ${path}: it holds no answers; give at least one`);
  const outputs = rows.map(({ place, value }) => {
    const parsed = Row.safeParse(value);
    if (!parsed.success) {
      throw new InputError(
        `Cannot use ${place}: ${wrongIn(parsed.error)}; write {"instruction", "output", "generator"}`,
      );
    }
    const { dataset, instruction, output } = parsed.data;
    if (!instruction.isWellFormed() || !output.isWellFormed()) {
      throw new InputError(`Cannot use ${place}: it holds half of a surrogate pair; correct the text`);
    }
    return {
      ...(dataset ? { dataset } : {}),
      instruction,
      output,
      generator: parsed.data.generator || generator,
    };
  });
  const names = new Set(outputs.map(({ generator }) => generator));
  if (names.size > 1) {
    throw new InputError(
      `Cannot use ${path}: its answers are by ${
        [...names].slice(0, 3).join(", ")
      }; give one generator's a file`,
    );
  }
  return outputs;
}

function wrongIn(error: z.ZodError): string {
  const [{ path, message }] = error.issues;
  return path.length ? `its field ${path.join(".")} is wrong (${message})` : message;
}

/** The rows of a JSON array or of a JSONL file, each with its place; the file is read once. */
export async function rowsOf(path: string): Promise<{ place: string; value: unknown }[]> {
  const bytes = await readBytes(path);
  if (!/^\s*\[/.test(new TextDecoder().decode(bytes.subarray(0, 1000)))) {
    return jsonlOf(bytes, path).map(({ line, value }) => ({ place: `${path}:${line}`, value }));
  }
  try {
    const rows: unknown[] = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return rows.map((value, i) => ({ place: `${path}, row ${i + 1}`, value }));
  } catch (error) {
    throw new InputError(
      error instanceof SyntaxError
        ? `Cannot read ${path}: not valid JSON (${error.message}); give an array of answers`
        : `Cannot read ${path}: not valid UTF-8; save the file as UTF-8`,
    );
  }
}

/** Writes answers as AlpacaEval's model_outputs.json. */
export async function writeModelOutputs(path: string, outputs: readonly ModelOutput[]): Promise<void> {
  const rows = outputs.map(({ dataset, instruction, output, generator }) => ({
    dataset,
    instruction,
    output,
    generator,
  }));
  await writeFileAtomic(path, JSON.stringify(rows, null, 2) + "\n");
}

/** Answers in pairs, and how many found no partner. */
export interface Paired {
  /** In the reference's order. */
  pairs: Pair[];
  /** Instructions that only one side has answered. */
  unpaired: { reference: number; model: number };
}

/**
 * Pairs the answers to the same instruction; of an instruction that comes several times, the first with the first and so on
 * (alpaca_eval would compare each with each). Throws InputError where there is no instruction in common.
 */
export function pairOutputs(reference: readonly ModelOutput[], model: readonly ModelOutput[]): Paired {
  const waiting = new Map<string, ModelOutput[]>();
  for (const answer of model) {
    const same = waiting.get(answer.instruction);
    if (same) same.push(answer);
    else waiting.set(answer.instruction, [answer]);
  }
  const pairs = reference.flatMap((one): Pair[] => {
    const other = waiting.get(one.instruction)?.shift();
    if (!other) return [];
    const dataset = one.dataset ?? other.dataset;
    return [{
      ...(dataset === undefined ? {} : { dataset }),
      instruction: one.instruction,
      output_1: one.output,
      generator_1: one.generator,
      output_2: other.output,
      generator_2: other.generator,
    }];
  });
  if (pairs.length === 0) {
    throw new InputError(
      "Cannot compare: no instruction was answered by both; give answers to the same prompts",
    );
  }
  return {
    pairs,
    unpaired: { reference: reference.length - pairs.length, model: model.length - pairs.length },
  };
}
