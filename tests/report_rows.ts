// Made-up rows of items for the tests of the report, with texts that would run as script.
import type { ItemRow, TaskInfo } from "../lib/evaluate/item_row.ts";

/** Would run if it were not escaped. */
export const HOSTILE =
  `</script><script>globalThis.broken = 1</script><img src=x onerror="globalThis.broken = 2">' & "é😀"`;

export const tasks: TaskInfo[] = [
  { task: "arc_challenge", metrics: ["acc", "acc_norm"], shots: 0, settings: "harness", source: "bundled" },
  ...["anatomy", "world_religions"].map((subject): TaskInfo => ({
    task: `mmlu_${subject}`,
    group: "mmlu",
    subgroup: subject === "anatomy" ? "stem" : "humanities",
    metrics: ["acc"],
    shots: 5,
    settings: "openllm",
    source: "mirror",
  })),
  {
    task: "truthfulqa_mc2",
    group: "truthfulqa",
    metrics: ["mc2"],
    shots: 0,
    settings: "harness",
    source: "bundled",
  },
  {
    task: "gsm8k",
    metrics: ["exact_match_strict", "exact_match_flexible"],
    shots: 5,
    settings: "harness",
    source: "bundled",
  },
];

/** A number in [0, 1) out of what it is for. */
function chance(...parts: (string | number)[]): number {
  let state = 2166136261;
  for (const c of parts.join("|")) state = Math.imul(state ^ c.charCodeAt(0), 16777619) >>> 0;
  state = Math.imul(state ^ state >>> 15, 2246822519) >>> 0;
  return ((state ^ state >>> 13) >>> 0) / 4294967296;
}

const WORDS =
  "river stone lamp winter garden metal bird paper cloud window copper salt engine leaf harbour clock".split(
    " ",
  );

function words(count: number, ...seed: (string | number)[]): string {
  return Array.from({ length: count }, (_, i) => WORDS[Math.floor(chance("w", i, ...seed) * WORDS.length)])
    .join(" ");
}

/** `count` items of each task under each model. Item 0 of each task holds HOSTILE. */
export function itemRows(count: number, models = ["base", "SFT", "LS", "UAL"]): ItemRow[] {
  return models.flatMap((model) =>
    tasks.flatMap(({ task, group }) =>
      Array.from({ length: count }, (_, doc_index): ItemRow => ({
        model,
        task,
        doc_index,
        id: `${task}-${doc_index}`,
        ...(group && { group }),
        question: doc_index === 0 ? HOSTILE : `What of the ${words(30, task, doc_index)}?`,
        context_sha256: "0".repeat(64),
        n_context_tokens: 100,
        truncated: doc_index === 1 ? 12 : 0,
        ...(task === "gsm8k" ? generated(model, doc_index) : choices(model, task, doc_index)),
      }))
    )
  );
}

function choices(model: string, task: string, doc: number): Partial<ItemRow> {
  const texts = Array.from(
    { length: 4 },
    (_, i) => doc === 0 && i === 1 ? HOSTILE : words(3 + i, task, doc, i),
  );
  const gold = task === "truthfulqa_mc2" ? 0 : Math.floor(4 * chance("gold", task, doc));
  const loglikelihoods = texts.map((_, i) => -40 * chance(model, task, doc, i) - (i === gold ? 0 : 4));
  const argmax = (scores: number[]) => scores.indexOf(Math.max(...scores));
  const perPoint = loglikelihoods.map((logp, i) => logp / [...texts[i]].length);
  const row = { choices: texts, gold, loglikelihoods, is_greedy: texts.map(() => false) };
  if (task !== "truthfulqa_mc2") {
    const hits = {
      acc: Number(argmax(loglikelihoods) === gold),
      acc_norm: Number(argmax(perPoint) === gold),
    };
    return { ...row, ...(task.startsWith("mmlu") ? { acc: hits.acc, cluster: task } : hits) };
  }
  const shares = loglikelihoods.map((logp) => Math.exp(logp)), all = shares.reduce((a, b) => a + b);
  return { ...row, labels: [1, 1, 0, 0], mc2: (shares[0] + shares[1]) / all };
}

function generated(model: string, doc: number): Partial<ItemRow> {
  const right = String(10 + doc), said = chance(model, "gsm8k", doc) < 0.3 ? right : "7";
  return {
    generated: doc === 0 ? HOSTILE : ` ${words(60, model, doc)}\n#### ${said}`,
    target: `It is ${right}.\n#### ${right}`,
    strict_match: doc === 0 ? HOSTILE : said,
    flexible_extract: said,
    exact_match_strict: Number(said === right),
    exact_match_flexible: Number(said === right),
  };
}
