// Answers of several models side by side, as in the paper's case study (section 3.5, figure 4).
// Which prompts are shown is decided by their places alone, not by how the answers turned out.
import { InputError } from "../../run/errors.ts";
import type { Annotation } from "./judge_pairs.ts";
import type { ModelOutput } from "./model_outputs.ts";

/** One prompt with each model's answer. */
export interface CaseRow {
  instruction: string;
  dataset?: string;
  /** By the model's name, in the order given. */
  answers: Record<string, string>;
  /** By the name of the model that a judge compared with its reference: 1 the reference's, 2 the model's; where given. */
  preferences?: Record<string, number | null>;
}

/**
 * `count` of the prompts that all models answered, evenly spaced from the first on (default 4), with their answers and, where a
 * judge compared some, its preferences. Throws InputError where no prompt was answered by all.
 */
export function caseStudy(
  outputs: readonly (readonly ModelOutput[])[],
  { count = 4, annotations = [] }: { count?: number; annotations?: readonly Annotation[] } = {},
): CaseRow[] {
  const tables = outputs.map((answers) => new Map(answers.map((one) => [one.instruction, one])));
  const shared = [...tables[0]?.keys() ?? []].filter((instruction) =>
    tables.every((table) => table.has(instruction))
  );
  if (shared.length === 0) {
    throw new InputError(
      "Cannot show answers side by side: no prompt was answered by all; give the same prompts",
    );
  }
  const shown = Math.min(count, shared.length);
  return Array.from({ length: shown }, (_, i) => shared[Math.floor(i * shared.length / shown)]).map(
    (instruction) => {
      const answers = tables.map((table) => table.get(instruction)!);
      const judged = annotations.filter((one) => one.instruction === instruction);
      const { dataset } = answers[0];
      return {
        instruction,
        ...(dataset === undefined ? {} : { dataset }),
        answers: Object.fromEntries(answers.map(({ generator, output }) => [generator, output])),
        ...(judged.length
          ? { preferences: Object.fromEntries(judged.map((one) => [one.generator_2, one.preference])) }
          : {}),
      };
    },
  );
}
