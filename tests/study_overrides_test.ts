// What a notebook's parameters change of a preset.
import { deepEqual, equal, match, throws } from "node:assert/strict";
import { preset, studyFolders, trainFolder } from "../lib/study/mod.ts";

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
  deepEqual([other.settings.epochs, "steps" in other.settings], [2, false]);
  deepEqual(other.evaluation.tasks.map(({ limit }) => limit), other.evaluation.tasks.map(() => 3));
  deepEqual(other.ablation.means, [0.2, 0.4]);
  equal(plain.mean, 0.1, "the preset itself is untouched");
  equal(studyFolders(other).run === studyFolders(plain).run, false);
  equal(preset("quick", { mean: 0.3 }).name === preset("quick", { mean: 0.2 }).name, false);
  equal(preset("quick", { mean: 0.3, lr: 3e-4 }).name, preset("quick", { mean: 0.3 }).name);
});

Deno.test("preset() with other values shares training runs with all that train alike", () => {
  const plain = preset("smollm2"), asked = preset("smollm2", { limit: 5, judgedCount: 3, means: [0.2] });
  equal(studyFolders(asked).run === studyFolders(plain).run, false);
  equal(trainFolder(asked, "UAL"), trainFolder(plain, "UAL"));
  equal(trainFolder(asked, "UAL", "ablate") === trainFolder(plain, "UAL", "ablate"), false);
  const trained = preset("smollm2", { mean: 0.2, seed: 1 });
  equal(trainFolder(trained, "UAL") === trainFolder(plain, "UAL"), false);
  equal(trainFolder(preset("smollm2", { seed: 1, limit: 5, mean: 0.2 }), "UAL"), trainFolder(trained, "UAL"));
});

Deno.test("preset() refuses unknown presets, unknown values and values out of range", () => {
  throws(() => preset("huge"), /Cannot use preset huge: there is none; choose from quick, smollm2, full/);
  throws(() => preset("quick", { mean: 1 }), /Cannot set mean to 1: it must be above 0 and below 1/);
  throws(() => preset("quick", { mean: 0 }), /Cannot set mean to 0: it must be above 0 and below 1/);
  throws(() => preset("quick", { lr: 0 }), /Cannot set lr to 0/);
  throws(
    () => preset("quick", { mean: 0.995 }),
    /Cannot set mean to 0.995: it must be below the ceiling, which is 0.99/,
  );
  throws(() => preset("quick", { ceiling: 0.05 }), /Cannot set mean to 0.1: it must be below the ceiling/);
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
