// Scoring under several adapters with one program: the same numbers as one by one.
import assert from "node:assert/strict";
import { initLora, type LoraConfig } from "../lib/model/lora.ts";
import type { Sequence } from "../lib/model/rows.ts";
import { score, scoreMany } from "../lib/model/score.ts";
import { inFolder } from "./folder.ts";
import { values } from "./oracles/jit_parity.ts";
import { smallBase } from "./oracles/small_model.ts";

const lora: LoraConfig = { r: 2, alpha: 4, dropout: 0.1, targets: ["q_proj", "v_proj"] };

const sequences: Sequence[] = [[1, 5, 9, 3, 22], [4, 4, 8]].map((ids, i) => ({
  id: String(i),
  ids: Int32Array.from(ids),
  supervised: Uint8Array.from(ids, (_, j) => j > 0 ? 1 : 0),
}));

Deno.test("scoreMany() gives for each adapter, and for none, what score() gives", () =>
  inFolder(async (folder) => {
    const { base, config } = await smallBase(folder);
    const adapter = (name: string) => {
      const params = initLora(config, lora, 5);
      for (const [key, tensor] of Object.entries(params)) {
        if (key.includes("lora_B")) tensor.data.set(values(tensor.shape, name + key).data);
      }
      return { params, lora };
    };
    const adapters = { a: adapter("a"), base: undefined, b: adapter("b") };
    const seen: string[] = [];
    const options = { maxRows: 1, cache: false as const };
    const onBatch = (done: number, total: number) => void seen.push(`${done}/${total}`);
    const together = await scoreMany(base, sequences, adapters, { ...options, onBatch });
    assert.deepEqual(Object.keys(together), ["a", "base", "b"]);
    assert.equal(seen.at(-1), `${seen.length}/${seen.length}`);
    for (const [name, adapter] of Object.entries(adapters)) {
      const alone = await score(base, sequences, { ...options, adapter });
      for (const [i, one] of alone.entries()) {
        const other = together[name][i];
        assert.deepEqual([other.id, other.targets, other.predicted], [one.id, one.targets, one.predicted]);
        one.nll.forEach((x, j) => assert.ok(Math.abs(x - other.nll[j]) < 1e-6, `${name} ${i} ${j}`));
        one.confidence.forEach((x, j) => assert.ok(Math.abs(x - other.confidence[j]) < 1e-6));
      }
    }
    assert.notDeepEqual(together.a[0].nll, together.base[0].nll);
    const other = { ...adapters.b, lora: { ...lora, alpha: 8 } };
    await assert.rejects(scoreMany(base, sequences, { ...adapters, b: other }), {
      name: "RangeError",
      message: /Cannot score adapters a and b together/,
    });
    assert.deepEqual(await scoreMany(base, [], adapters), { a: [], base: [], b: [] });
  }));
