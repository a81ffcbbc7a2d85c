// GSM8K after eight worked examples, the same for every question (chains of thought, Wei et al. 2022).
// Source: huggingface.co/datasets/openai/gsm8k; as lm-evaluation-harness 0.4.13 has it (lm_eval/tasks/gsm8k/gsm8k-cot.yaml,
// version 3), whose file the chains are read from.
//
// The prompt: eight times "Q: …\nA: … The answer is 6.\n\n", then "Q: Mia bakes 3 trays of 8 rolls and sells 20. How many are left?\nA:".
// The model goes on " She bakes 24. 24 - 20 = 4. The answer is 4.\n\nQ:" and is cut before "Q:"; strict_match is "4", the target "4".
import { InputError } from "../../run/errors.ts";
import { harnessTaskFile } from "../harness/harness_package.ts";
import { chainMatch } from "../grading/math_answer.ts";
import type { GenerationAnswer, Task } from "../task.ts";
import { parseYaml, type Yaml } from "../harness/yaml.ts";
import { afterHashes, gradeMath, gsm8k, GSM8K_SOURCES, type MathDoc } from "./gsm8k.ts";

const FILE = "gsm8k/gsm8k-cot.yaml";

/** The eight chains as they stand in the prompt. Throws InputError where the harness's package or its samples are missing. */
export async function chains(): Promise<string> {
  const config = parseYaml(await harnessTaskFile(FILE)) as { fewshot_config?: { samples?: Yaml } };
  const samples = config.fewshot_config?.samples;
  if (!Array.isArray(samples) || !samples.every(isSample)) {
    throw new InputError(
      `Cannot read the examples of gsm8k_cot: ${FILE} of lm_eval has no samples of question and target; run \`deno task setup\``,
    );
  }
  return samples.map(({ question, target }) => `${prompt(question)} ${target}\n\n`).join("");
}

function isSample(value: Yaml): value is { question: string; target: string } {
  return typeof value === "object" && !Array.isArray(value) &&
    typeof value.question === "string" && typeof value.target === "string";
}

const prompt = (question: string) => `Q: ${question}\nA:`;

/** The harness's `gsm8k_cot`: its eight chains are the description. */
export const gsm8kCot: Task<MathDoc> = {
  name: "gsm8k_cot",
  kind: "generation",
  test: GSM8K_SOURCES.test,
  defaultShots: { harness: 8, openllm: 8 },
  fixedShots: true,
  pick: "first",
  metrics: gsm8k.metrics,
  description: chains,
  parse: gsm8k.parse,
  text: (doc) => prompt(doc.question),
  target: (doc) => afterHashes(doc.answer),
  item: (doc, before) => ({
    kind: "generation",
    question: doc.question,
    contexts: [before + prompt(doc.question)],
    stop: ["Q:", "</s>", "<|im_end|>"],
    maxNew: 256,
    target: afterHashes(doc.answer),
  }),
  grade: (item, answer) => gradeMath(item, answer as GenerationAnswer, chainMatch),
};
