// MetaMath-style accuracy, the paper's "MetaMath" column: problems of MetaMathQA, worked out.
// Source: huggingface.co/datasets/meta-math/MetaMathQA (Yu et al. 2023), of which UAL's released code takes the last 1,000 rows;
// prompt and extraction after github.com/meta-math/MetaMath, eval_gsm8k.py and eval_math.py (metamath_answer.ts), whose
// instruction is worded anew. A row: {"query": "A hen lays 3 eggs a day. How many in a week?",
//   "response": "3 * 7 = 21. The answer is: 21", "type": "GSM_AnsAug"}; a row of GSM8K will do too.
// The model goes on after "### Response: Let's think step by step."; a text with "The answer is: 21 eggs." is right.
import { NO_ANSWER } from "../grading/math_answer.ts";
import { metamathAnswer, metamathMatch } from "../grading/metamath_answer.ts";
import { lastWord, RELEASED, substringHit } from "../grading/released_code.ts";
import { leaveOut, textField } from "../row_fields.ts";
import type { GenerationAnswer, Task } from "../task.ts";
import { afterHashes, mathDoc } from "./gsm8k.ts";

/** A problem and its worked-out answer, which ends in "The answer is: n". */
interface MetaMath {
  question: string;
  response: string;
}

function parse(row: Record<string, unknown>): MetaMath {
  if (row.query === undefined && row.answer !== undefined) {
    const { question, answer } = mathDoc(row);
    const worked = answer.slice(0, answer.lastIndexOf("####")).trimEnd();
    return { question, response: `${worked}\nThe answer is: ${afterHashes(answer)}` };
  }
  const question = textField(row, "query"), response = textField(row, "response");
  return ["", NO_ANSWER].includes(metamathAnswer(response))
    ? leaveOut('its response has nothing after "The answer is: "')
    : { question, response };
}

const prompt = (question: string) =>
  'Solve this problem. Work it out in steps and end with "The answer is: " and the answer.\n\n' +
  `### Instruction:\n${question}\n\n### Response: Let's think step by step.`;

/** Right by number where the answer is a whole one (eval_gsm8k.py), else as LaTeX (eval_math.py). */
export const metamath: Task<MetaMath> = {
  name: "metamath",
  kind: "generation",
  test: {
    bundled: "metamath/test.jsonl",
    mirror: ["metamath/MetaMathQA-395K.json", "metamath/test.jsonl"],
    hub: { name: "meta-math/MetaMathQA", split: "train" },
    last: 1000,
  },
  defaultShots: { harness: 0, openllm: 0 },
  pick: "sample",
  metrics: ["exact_match", RELEASED.substring],
  parse,
  text: (doc) => prompt(doc.question),
  target: (doc) => doc.response,
  item: (doc, before) => ({
    kind: "generation",
    question: doc.question,
    contexts: [before + prompt(doc.question)],
    stop: ["Question", "USER", "ASSISTANT", "Instruction", "Response"],
    maxNew: 512,
    target: doc.response,
  }),
  grade(item, answer) {
    if (item.kind !== "generation") throw new TypeError("internal: metamath has generation items only");
    const { text } = answer as GenerationAnswer, gold = metamathAnswer(item.target);
    const byNumber = /^[-+]?[0-9][0-9,]*$/.test(gold);
    return {
      metrics: {
        exact_match: metamathMatch(text, gold, byNumber),
        [RELEASED.substring]: substringHit(text, lastWord(item.target)),
      },
      extracted: { extracted_answer: metamathAnswer(text), gold_answer: gold },
    };
  },
};
