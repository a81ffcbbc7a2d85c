// GSM8K (Cobbe et al. 2021): grade-school word problems, answered in worked-out text.
// Source: huggingface.co/datasets/openai/gsm8k; as lm-evaluation-harness 0.4.13 has it (lm_eval/tasks/gsm8k/gsm8k.yaml, version 3).
//
// A row: {"question": "Mia bakes 3 trays of 8 rolls and sells 20. How many are left?",
//         "answer": "She bakes 3 * 8 = <<3*8=24>>24 rolls.\nSo 24 - 20 = <<24-20=4>>4 are left.\n#### 4"}
// The prompt: shots, then "Question: Mia bakes … left?\nAnswer:"; the model goes on " She bakes … #### 4\n\nQuestion:" and is cut
// before "Question:". strict_match is "4", so is flexible_extract, and both exact_match are 1.
import { exactMatch, flexibleExtract, strictMatch } from "../grading/math_answer.ts";
import { strip } from "../harness/python_text.ts";
import { RELEASED, substringHit } from "../grading/released_code.ts";
import { leaveOut, textField } from "../row_fields.ts";
import type { GenerationAnswer, Grade, Item, Task } from "../task.ts";

/** A problem and its worked-out answer, which ends in "#### n". */
export interface MathDoc {
  question: string;
  answer: string;
}

/** Where GSM8K's splits are. */
export const GSM8K_SOURCES = {
  test: source("test"),
  shots: source("train"),
};

function source(split: "test" | "train") {
  return {
    bundled: `gsm8k/${split}.jsonl`,
    mirror: [`gsm8k/${split}.jsonl`],
    hub: { name: "openai/gsm8k", config: "main", split },
  };
}

/** A row of GSM8K. Throws RowFault where a field is missing, LeftOut where the answer has no number after "####". */
export function mathDoc(row: Record<string, unknown>): MathDoc {
  const question = textField(row, "question"), answer = textField(row, "answer");
  return afterHashes(answer) ? { question, answer } : leaveOut('its answer has no number after "####"');
}

/** What follows the last "####" of a worked-out answer; "" where there is none. */
export function afterHashes(answer: string): string {
  const at = answer.lastIndexOf("####");
  return at < 0 ? "" : strip(answer.slice(at + 4));
}

/** The answers that the filters extract, compared with the item's target; beside them the released code's substring rule. */
export function gradeMath(item: Item, answer: GenerationAnswer, strict: (text: string) => string): Grade {
  if (item.kind !== "generation") {
    throw new TypeError("internal: an answer can be graded in generation items only");
  }
  const { text } = answer;
  const extracted = { strict_match: strict(text), flexible_extract: flexibleExtract(text) };
  return {
    metrics: {
      exact_match_strict: exactMatch(extracted.strict_match, item.target),
      exact_match_flexible: exactMatch(extracted.flexible_extract, item.target),
      [RELEASED.substring]: substringHit(text, afterHashes(item.target) || item.target),
    },
    extracted,
  };
}

/** The harness's `gsm8k`: 5 shots, drawn from train. */
export const gsm8k: Task<MathDoc> = {
  name: "gsm8k",
  kind: "generation",
  ...GSM8K_SOURCES,
  defaultShots: { harness: 5, openllm: 5 },
  pick: "sample",
  metrics: ["exact_match_strict", "exact_match_flexible", RELEASED.substring],
  parse: mathDoc,
  text: (doc) => `Question: ${doc.question}\nAnswer:`,
  target: (doc) => doc.answer,
  item: (doc, before) => ({
    kind: "generation",
    question: doc.question,
    contexts: [before + gsm8k.text(doc)],
    stop: ["Question:", "</s>", "<|im_end|>"],
    maxNew: 256,
    target: doc.answer,
  }),
  grade: (item, answer) => gradeMath(item, answer as GenerationAnswer, strictMatch),
};
