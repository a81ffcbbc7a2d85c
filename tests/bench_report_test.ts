// bench/report.ts and bench/profile.ts: the arithmetic between measured steps and the printed table.
import assert from "node:assert/strict";
import { join } from "node:path";
import { lastRuns, matrixShare, operatorTimes, profileRows } from "../bench/profile.ts";
import { compare, type Measured, spread } from "../bench/report.ts";
import { readProfile } from "../lib/jit/profile.ts";
import { inFolder } from "./folder.ts";

const side = (seconds: number[], losses: number[]): Measured => ({
  seconds,
  losses,
  peakBytes: 2e9,
  startSeconds: 1,
  traceSeconds: 0.5,
  sessionSeconds: 3,
  load: [0, 0, 0],
});

Deno.test("spread() gives the median of odd and even counts and the ends", () => {
  assert.deepEqual(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  assert.deepEqual(spread([4, 1, 2, 10]), { median: 3, min: 1, max: 10 });
});

Deno.test("compare() takes ratios within a round and losses over the steps that both took", () => {
  const rounds = [
    { ours: side([1, 2, 9], [5, 4, 3]), torch: side([4], [5.00005, 4]) },
    { ours: side([4, 4, 4], [5, 4, 3]), torch: side([4], [5, 4]) },
  ];
  const { sides, ratios, lossesAgree, sessionSeconds } = compare(rounds, 100);
  assert.deepEqual(sides.ours.tokensPerSecond, { median: 37.5, min: 100 / 9, max: 100 });
  assert.deepEqual(ratios.torch.speed, { median: 1.5, min: 1, max: 2 });
  assert.ok(Math.abs(ratios.torch.lossDifference - 5e-5) < 1e-12);
  assert.deepEqual([sides.ours.steps, sides.ours.lastLoss, lossesAgree, sessionSeconds], [6, 4, true, 3]);
  rounds[1].torch.losses[1] = 4.0002;
  assert.equal(compare(rounds, 100).lossesAgree, false);
});

Deno.test("matrixShare() counts kernel times by operator", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "profile.json");
    const event = (op_name: string, dur: number, kind = "kernel_time") => (
      { cat: "Node", name: `n_${kind}`, dur, args: { op_name } }
    );
    const events = [
      { cat: "Session", name: "model_run", dur: 900 },
      event("FusedMatMul", 60),
      event("Mul", 25),
      event("FusedMatMul", 10),
      event("Gemm", 5),
      event("Mul", 700, "fence_before"),
    ];
    await Deno.writeTextFile(path, JSON.stringify(events));
    const { share, operators } = matrixShare(operatorTimes(await readProfile(path)));
    assert.equal(share, 0.75);
    assert.deepEqual(operators[0], { op: "FusedMatMul", share: 0.7 });
  });
});

Deno.test("profileRows() gives one run's calls and the speed of products, without the first runs", () => {
  const call = (op: string, microseconds: number, inputs: number[][], outputs: number[][]) => ({
    node: `${op}_0`,
    op,
    microseconds,
    inputs,
    outputs,
  });
  const run = (factor: number) => [
    call("FusedMatMul", 10 * factor, [[4, 8], [8, 5]], [[4, 5]]),
    call("Mul", 5 * factor, [[4, 5], [4, 5]], [[4, 5]]),
    call("FusedMatMul", 25 * factor, [[2, 3, 8], [2, 8, 5]], [[2, 3, 5]]),
  ];
  const profile = { calls: [run(7), run(1), run(3)].flat(), runs: [900, 100, 300], session: 0 };
  const counted = lastRuns(profile, 1);
  assert.deepEqual(
    profileRows(counted, "operator").map(({ op, calls, milliseconds }) => [op, calls, milliseconds]),
    [
      ["FusedMatMul", 2, 0.07],
      ["Mul", 1, 0.01],
    ],
  );
  const [batched, flat] = profileRows(counted, "shapes");
  assert.equal(batched.shapes, "[2,3,8] [2,8,5] → [2,3,5]");
  assert.ok(Math.abs(batched.gigaflops! - 2 * 2 * 3 * 5 * 8 / 50e-6 / 1e9) < 1e-9); // 2·M·N·K of two matrices in 50 µs
  assert.ok(Math.abs(flat.gigaflops! - 2 * 4 * 5 * 8 / 20e-6 / 1e9) < 1e-9);
  assert.ok(Math.abs(flat.share - 40 / 160) < 1e-12);
});
