// The case study's table: answers of several models to the same prompts, each with what a judge said of it.
import { type Annotation, caseStudy, type ModelOutput } from "../evaluate/mod.ts";
import type { JudgedPair } from "./judging.ts";

/** One answer of the case study. */
export interface CaseAnswer {
  method: string;
  prompt: string;
  answer: string;
  /** What the judge made of it against the reference's answer, both orders taken together; absent where it was not asked. */
  verdict?: string;
}

/**
 * The answers of `methods` to `count` prompts (default 1) that caseStudy() takes by their places, with the judge's verdicts in
 * `judged` against `reference` ("UAL against SFT", as judgeAnswers() names them). Throws InputError where no prompt was answered
 * by all.
 */
export function caseRows(
  answers: Record<string, ModelOutput[]>,
  judged: Record<string, JudgedPair[]>,
  { methods, reference, count = 1 }: { methods: readonly string[]; reference: string; count?: number },
): CaseAnswer[] {
  const annotations = methods.flatMap((method) => judged[`${method} against ${reference}`] ?? []);
  const cases = caseStudy(methods.map((method) => answers[method]), {
    count,
    annotations: annotations as Annotation[],
  });
  return cases.flatMap(({ instruction, preferences = {}, ...found }) =>
    methods.map((method) => ({
      method,
      prompt: instruction,
      answer: found.answers[method],
      ...(method in preferences ? { verdict: verdictText(preferences[method], reference) } : {}),
    }))
  );
}

/** 1 is a win of the reference in both orders, 2 of the model, 1.5 a draw or one win each. */
function verdictText(preference: number | null, reference: string): string {
  if (preference === null) return "the judge gave no answer";
  if (preference === 1.5) return "no preference";
  return preference > 1.5 ? `preferred to ${reference}'s` : `${reference}'s preferred`;
}
