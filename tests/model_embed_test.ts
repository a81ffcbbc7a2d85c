// lib/model/embed.ts: mean hidden states against the small model's loops.
import assert from "node:assert/strict";
import { cosineDistance, meanHiddenStates } from "../lib/model/embed.ts";
import type { Sequence } from "../lib/model/rows.ts";
import { loopHidden, smallBase } from "./oracles/small_model.ts";
import { inFolder } from "./folder.ts";

Deno.test("meanHiddenStates() is the mean of the hidden states at the supervised tokens, whatever shares a batch", () =>
  inFolder(async (folder) => {
    const { base, config, weights } = await smallBase(folder);
    const sequences: Sequence[] = [[1, 5, 9, 3, 22, 7, 2], [4, 8, 1], [
      11,
      0,
      2,
      13,
      6,
      12,
      1,
      1,
      9,
      3,
      5,
      20,
    ], [
      7,
      8,
      9,
    ]].map(
      (ids, i) => ({
        id: `s${i}`,
        ids: Int32Array.from(ids),
        supervised: Uint8Array.from(ids, (_, j) => j > i % 2 ? 1 : 0),
      }),
    );
    sequences[3].supervised = Uint8Array.from([0, 1, 0]);
    const got = await meanHiddenStates(base, sequences, { threads: 1, cache: false });
    const alone = await meanHiddenStates(base, [sequences[2]], { threads: 1, cache: false, maxRows: 1 });
    sequences.forEach(({ ids, supervised }, i) => {
      const hidden = loopHidden(config, weights, ids), at = [...ids.keys()].filter((j) => supervised[j]);
      for (let d = 0; d < config.hiddenSize; d++) {
        const want = at.reduce((sum, j) => sum + hidden[j][d], 0) / at.length;
        assert.ok(Math.abs(got[i][d] - want) < 1e-5, `${i} ${d}: ${got[i][d]} ≠ ${want}`);
        if (i === 2) assert.ok(Math.abs(alone[0][d] - want) < 1e-5);
      }
    });
    const none = { ...sequences[0], supervised: new Uint8Array(7) };
    await assert.rejects(meanHiddenStates(base, [none]), /Cannot embed s0/);
    assert.deepEqual(await meanHiddenStates(base, []), []);
  }));

Deno.test("cosineDistance() is 0, 1 and 2 for equal, right and opposite directions", () => {
  assert.ok(Math.abs(cosineDistance([1, 2], [2, 4])) < 1e-15);
  assert.equal(cosineDistance([1, 0], [0, 3]), 1);
  assert.equal(cosineDistance([1, 0], [-5, 0]), 2);
  assert.ok(Number.isNaN(cosineDistance([0, 0], [1, 1])));
});
