// The ablations' own logic: which runs, and what is made of their rows, against plain sums and made-up judgements. Judging itself on
// the tiny model as its own judge.
import assert from "node:assert/strict";
import { join } from "node:path";
import { bundled } from "../lib/data/mod.ts";
import type { ItemRow } from "../lib/evaluate/item_row.ts";
import { openTasks } from "../lib/evaluate/mod.ts";
import type { Score } from "../lib/model/mod.ts";
import { mixRuns, mixSets, mixTable, strengthRuns } from "../lib/study/ablation.ts";
import {
  checkpointRows,
  judgedFigureRows,
  judgedPairClaims,
  judgedTable,
  mathScores,
  mixClaims,
  mixRows,
  overSeeds,
  preferenceDifference,
  strengthLosses,
  strengthRows,
} from "../lib/study/ablation_results.ts";
import { taskScores } from "../lib/study/benchmark_results.ts";
import {
  answerPrompts,
  judgeAnswers,
  type JudgedPair,
  judgeName,
  studyPrompts,
} from "../lib/study/judging.ts";
import { type Preset, preset } from "../lib/study/presets.ts";
import { withTinyModel } from "./oracles/tiny_server.ts";
import { itemRows } from "./item_rows.ts";

const p: Preset = (() => {
  const quick = preset("quick");
  return {
    ...quick,
    ablation: { ...quick.ablation, means: [0.1, 0.5], methods: ["LS", "UAL"], seeds: [0, 1] },
  };
})();

Deno.test("strengthRuns() are SFT and each method at each mean, with every seed", async () => {
  const train = await bundled("train", 16), runs = strengthRuns(p, train);
  assert.deepEqual(Object.keys(runs).filter((name) => name.endsWith("seed-1")), [
    "SFT-seed-1",
    "LS-0.1-seed-1",
    "LS-0.5-seed-1",
    "UAL-0.1-seed-1",
    "UAL-0.5-seed-1",
  ]);
  const { examples, settings, mean } = runs["UAL-0.5-seed-1"];
  assert.deepEqual([examples, settings?.seed, mean], [train.slice(0, p.ablation.trainCount), 1, 0.5]);
  const one = strengthRuns({ ...p, ablation: { ...p.ablation, seeds: [3] } }, train);
  assert.deepEqual(Object.keys(one), ["SFT", "LS-0.1", "LS-0.5", "UAL-0.1", "UAL-0.5"]);
});

Deno.test("mixSets() are the upper half, the lower half and half of each, of one size", async () => {
  const train = await bundled("train", 20),
    sets = mixSets({ ...p, ablation: { ...p.ablation, trainCount: 6 } }, train);
  const u = (set: keyof typeof sets) => sets[set].map(({ uncertainty }) => uncertainty!);
  assert.deepEqual(Object.values(sets).map(({ length }) => length), [6, 6, 6]);
  assert.ok(Math.min(...u("high")) >= Math.max(...u("low")));
  const sorted = train.map(({ uncertainty }) => uncertainty!).sort((a, b) => a - b);
  assert.equal(u("mixed").filter((one) => one >= sorted[10]).length, 3);
  assert.deepEqual(mixTable(sets).map(({ set, dialogues }) => [set, dialogues]), [["high", 6], ["low", 6], [
    "mixed",
    6,
  ]]);
  const runs = mixRuns(p, sets);
  assert.deepEqual(Object.keys(runs), ["high-SFT", "low-SFT", "mixed-SFT", "mixed-UAL"]);
  assert.equal(runs["mixed-UAL"].examples, sets.mixed);
});

/** itemRows() by the measures of the ablations' tasks. */
const rowsOf = (model: string, task: string, values: number[], metrics = ["acc", "acc_norm"]): ItemRow[] =>
  itemRows(model, task, values, metrics);

const scored = (id: string, nll: number[]): Score => ({
  id,
  nll: Float64Array.from(nll),
  confidence: Float32Array.from(nll, () => 0.5),
  predicted: Int32Array.from(nll, () => 1),
  targets: Int32Array.from(nll, () => 1),
});

Deno.test("overSeeds(), strengthRows() and strengthLosses() are means over the seeds", async () => {
  const tasks = await openTasks(["piqa"], {}, { limit: 2 });
  const small = { ...p, ablation: { ...p.ablation, means: [0.5], methods: ["UAL" as const] } };
  const runs = strengthRuns(small, await bundled("train", 4));
  const items = [
    ...rowsOf("SFT-seed-0", "piqa", [0, 0]),
    ...rowsOf("SFT-seed-1", "piqa", [0, 1]),
    ...rowsOf("UAL-0.5-seed-0", "piqa", [1, 0]),
    ...rowsOf("UAL-0.5-seed-1", "piqa", [1, 1]),
  ];
  const pooled = overSeeds(items, runs, tasks);
  assert.deepEqual(pooled.map(({ model, doc_index, acc }) => [model, doc_index, acc]), [
    ["SFT", 0, 0],
    ["SFT", 1, 0.5],
    ["UAL-0.5", 0, 1],
    ["UAL-0.5", 1, 0.5],
  ]);
  const dialogues = {
    "SFT-seed-0": [scored("a", [1, 1]), scored("b", [2])],
    "SFT-seed-1": [scored("a", [3, 3]), scored("b", [2])],
    "UAL-0.5-seed-0": [scored("a", [1, 0]), scored("b", [1])],
    "UAL-0.5-seed-1": [scored("a", [1, 0]), scored("b", [1])],
  };
  const rows = strengthRows(runs, dialogues, taskScores(pooled, tasks));
  const [sft, , sftTask, ual, calibration, ualTask] = rows;
  assert.deepEqual([sft.method, sft.mean, sft.measure], ["SFT", 0, "Held-out perplexity"]);
  assert.ok(Math.abs(Math.log(sft.value) - (4 + 2) / 3) < 1e-12, "log of the mean nll of both seeds");
  assert.ok(Math.abs(Math.log(ual.value) - 2 / 3) < 1e-12);
  assert.deepEqual([ual.mean, calibration.measure], [0.5, "Held-out calibration error (%)"]);
  assert.ok(calibration.low! <= calibration.value && calibration.value <= calibration.high!);
  assert.deepEqual([sftTask.value, ualTask.value], [25, 75]);
  const losses = strengthLosses(runs, dialogues);
  assert.deepEqual(losses.map(({ run, against }) => [run, against]), [
    ["UAL-0.5-seed-0", "SFT-seed-0"],
    ["UAL-0.5-seed-1", "SFT-seed-1"],
  ]);
  assert.ok(Math.abs(losses[0].difference as number - (2 - 4) / 3) < 1e-12);
});

Deno.test("checkpointRows() begin at the base model and go up by steps", async () => {
  const tasks = await openTasks(["piqa"], {}, { limit: 2 });
  const items = [
    ...rowsOf("base", "piqa", [0, 1]),
    ...rowsOf("SFT@2", "piqa", [0, 0]),
    ...rowsOf("SFT@10", "piqa", [1, 1]),
    ...rowsOf("UAL@2", "piqa", [1, 1]),
  ];
  const rows = checkpointRows(taskScores(items, tasks), ["SFT", "UAL"]);
  assert.deepEqual(rows.map(({ method, step, score }) => [method, step, score]), [
    ["SFT", 0, 0.5],
    ["SFT", 2, 0],
    ["SFT", 10, 1],
    ["UAL", 0, 0.5],
    ["UAL", 2, 1],
  ]);
});

/** Judged pairs with these preferences, both orders alike. */
const judged = (preferences: (number | null)[]): JudgedPair[] =>
  preferences.map((preference, i) => ({
    instruction: `${i}`,
    output_1: "a",
    generator_1: "base",
    output_2: "b",
    generator_2: "other",
    annotator: "letters",
    judge: "made up",
    preference,
    showings: preference === null
      ? []
      : [false, true].map((switched) => ({ switched, preference, key: `${i}` })),
  }));

Deno.test("preferenceDifference() pairs by prompt and leaves out what has no preference", () => {
  const found = preferenceDifference(judged([1, 1.5, null, 2]), judged([2, 2, 2, null]));
  assert.deepEqual([found.difference, found.n], [0.75, 2]);
});

Deno.test("mixRows() and mixClaims() say what mathematics and the judge found", async () => {
  const tasks = await openTasks(["gsm8k", "metamath"], {}, { limit: 12 });
  const hits = (share: number) => Array.from({ length: 12 }, (_, i) => i < 12 * share ? 1 : 0);
  const solved = (model: string, share: number) => [
    ...rowsOf(model, "gsm8k", hits(share), [
      "exact_match_strict",
      "exact_match_flexible",
      "released_substring",
    ]),
    ...rowsOf(model, "metamath", hits(share), ["exact_match", "released_substring"]),
  ];
  const items = [
    ...solved("base", 0),
    ...solved("high-SFT", 0),
    ...solved("low-SFT", 0.9),
    ...solved("mixed-SFT", 0.5),
    ...solved("mixed-UAL", 0.5),
  ];
  const n = 24, votes = (own: number) => judged(Array.from({ length: n }, (_, i) => i % 4 ? own : 1.5));
  const against = {
    "high-SFT against base": votes(2),
    "low-SFT against base": votes(1),
    "mixed-SFT against base": votes(2),
    "mixed-UAL against base": votes(1),
  };
  const rows = mixRows(mathScores(items, tasks), against);
  assert.deepEqual(rows.map(({ data, method, math, winRate }) => [data, method, math, winRate]), [
    ["base", "", 0, null],
    ["high", "SFT", 0, 0.875],
    ["low", "SFT", 11 / 12, 0.125],
    ["mixed", "SFT", 0.5, 0.875],
    ["mixed", "UAL", 0.5, 0.125],
  ]);
  assert.deepEqual(mixClaims(items, tasks, against).map(({ claim, verdict }) => [claim, verdict]), [
    ["low-SFT > high-SFT, math", "confirmed"],
    ["mixed-UAL > mixed-SFT, math", "not distinguishable"],
    ["high-SFT > low-SFT, preference", "confirmed"],
    ["mixed-UAL > mixed-SFT, preference", "contradicted"],
  ]);
  const [row] = judgedFigureRows({ "UAL against SFT": [...judged([2, 2, 1.5, 1]), ...judged([null])] });
  assert.deepEqual([row.a, row.b, row.wins, row.draws, row.losses, row.winRate], [
    "UAL",
    "SFT",
    2,
    1,
    1,
    0.625,
  ]);
  const verdicts = judgedPairClaims({ "UAL against SFT": judged([2, 1, 1.5]), "LS against SFT": votes(2) });
  assert.deepEqual(verdicts.map(({ claim, verdict }) => [claim, verdict]), [
    ["UAL > SFT", "not distinguishable"],
    ["LS > SFT", "confirmed"],
  ]);
  assert.equal(judgedTable({ "UAL against SFT": judged([null, null]) })[0]["win rate (%)"], "–");
});

Deno.test("answerPrompts() and judgeAnswers() keep what they made, and ask the model itself in both orders", () =>
  withTinyModel(async (model, folder) => {
    Deno.env.set("UAL_OUT", folder);
    try {
      const { name, prompts } = await studyPrompts(p);
      assert.deepEqual([name, prompts.length], ["open", p.ablation.prompts.count]);
      const short = prompts.map((prompt, i) => ({ ...prompt, instruction: `Say ${i}.` }));
      const answers = await answerPrompts(p, model, { base: undefined }, short);
      assert.deepEqual(answers.base.map(({ instruction }) => instruction), ["Say 0.", "Say 1."]);
      const both = {
        ...answers,
        other: answers.base.map((one) => ({ ...one, output: "No.", generator: "other" })),
      };
      const pairs: [string, string][] = [["base", "other"]];
      const first = await judgeAnswers(p, model, both, pairs);
      const found = first["other against base"];
      assert.deepEqual(found.map(({ showings }) => showings.map(({ switched }) => switched)), [
        [false, true],
        [false, true],
      ]);
      assert.match(judgeName(model), / on this machine$/);
      const ledger = join(folder, "runs/quick/judged/ledger.jsonl"), before = await Deno.readTextFile(ledger);
      assert.deepEqual(await judgeAnswers(p, model, both, pairs), first);
      assert.equal(await Deno.readTextFile(ledger), before);
    } finally {
      Deno.env.delete("UAL_OUT");
    }
  }));
