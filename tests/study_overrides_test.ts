// What a notebook's parameters change of a preset.
import { deepEqual, equal, match, throws } from "node:assert/strict";
import { preset, studyFolders } from "../lib/study/mod.ts";

Deno.test("preset() with the preset's own values, zeros and empty lists is the preset", () => {
  const plain = preset("smollm2");
  const same = preset("smollm2", {
    mean: 0.1,
    ceiling: 0.99,
    lr: 3e-4,
    epochs: 0,
    seed: 0,
    limit: 0,
    means: [],
  });
  deepEqual(same, plain);
});

Deno.test("preset() with other values has them, and a name and folders of its own", () => {
  const plain = preset("quick"),
    other = preset("quick", { mean: 0.3, epochs: 2, limit: 3, means: [0.2, 0.4] });
  match(other.name, /^quick\+[0-9a-f]{8}$/);
  equal(other.mean, 0.3);
  deepEqual([other.settings.epochs, other.settings.steps], [2, undefined]);
  deepEqual(other.evaluation.tasks.map(({ limit }) => limit), other.evaluation.tasks.map(() => 3));
  deepEqual(other.ablation.means, [0.2, 0.4]);
  equal(plain.mean, 0.1, "the preset itself is untouched");
  equal(studyFolders(other).run === studyFolders(plain).run, false);
  equal(preset("quick", { mean: 0.3 }).name === preset("quick", { mean: 0.2 }).name, false);
  equal(preset("quick", { mean: 0.3, lr: 3e-4 }).name, preset("quick", { mean: 0.3 }).name);
});

Deno.test("preset() refuses unknown presets, unknown values and values out of range", () => {
  throws(() => preset("huge"), /Cannot use preset huge: there is none; choose from quick, smollm2, full/);
  throws(() => preset("quick", { mean: 1 }), /Cannot set mean to 1: it must be above 0 and below 1/);
  throws(() => preset("quick", { mean: -0.1 }), /Cannot set mean to -0.1/);
  throws(
    () => preset("quick", { epochs: 1.5 }),
    /Cannot set epochs to 1.5: it must be a whole number above 0/,
  );
  throws(() => preset("quick", { lr: Infinity }), /Cannot set lr/);
  throws(() => preset("quick", { means: [0.1, 2] }), /Cannot set means to 2/);
  throws(
    () => preset("quick", { steps: 3 } as never),
    /Cannot set steps of a preset: there is no such value/,
  );
});
