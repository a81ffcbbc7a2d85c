// A reader's own dialogues: sizes, the held-out part, messages for bad lines, and training, scoring and exporting on a tiny model.
import * as assert from "node:assert/strict";
import { join } from "node:path";
import { bundled, readExamples } from "../lib/data/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import {
  exportOwn,
  fromRoot,
  ownPreset,
  ownRuns,
  rateOwn,
  readingError,
  splitOff,
} from "../lib/study/own_data.ts";
import { studyFolders } from "../lib/study/folders.ts";
import { preset } from "../lib/study/presets.ts";
import { scoreMethods } from "../lib/study/stages.ts";
import { methodModels } from "../lib/study/study_models.ts";
import { trainFolder, trainRuns } from "../lib/study/training.ts";
import { withTinyModel } from "./oracles/tiny_server.ts";

Deno.test("ownPreset() is the preset in a folder of its own with the reader's numbers; quick stays quick", () => {
  const own = ownPreset("smollm2", { steps: 7, mean: 0.2 }), plain = preset("smollm2");
  assert.deepEqual([own.name, own.mean, own.settings.steps, own.settings.epochs, own.trainCount], [
    "smollm2/own_data",
    0.2,
    7,
    undefined,
    Infinity,
  ]);
  assert.equal(ownPreset("smollm2").settings, plain.settings);
  const quick = ownPreset("quick", { steps: 7 });
  assert.deepEqual([quick.settings.steps, quick.trainCount], [2, 8]);
  for (const steps of [0, 1.5, NaN]) assert.throws(() => ownPreset("quick", { steps }), InputError);
});

Deno.test("splitOff() parts the dialogues in their order, by the seed", async () => {
  const all = await bundled("train", 10), { train, heldout } = splitOff(all, { share: 0.3, seed: 1 });
  assert.deepEqual([train.length, heldout.length], [7, 3]);
  const place = (part: typeof all) => part.map((one) => all.indexOf(one));
  assert.deepEqual([...place(train), ...place(heldout)].sort((a, b) => a - b), [...all.keys()]);
  for (const part of [train, heldout]) assert.deepEqual(place(part), place(part).sort((a, b) => a - b));
  assert.deepEqual(splitOff(all, { share: 0.3, seed: 1 }), { train, heldout });
  assert.notDeepEqual(splitOff(all, { share: 0.3, seed: 2 }), { train, heldout });
  assert.equal(splitOff(all, { share: 0.01 }).heldout.length, 1, "at least one");
  for (const share of [0, -1, 1, NaN]) assert.throws(() => splitOff(all, { share }), InputError);
  assert.throws(() => splitOff(all.slice(0, 1)), InputError);
});

Deno.test("readingError() names the line and the remedy, and no folder", async () => {
  assert.equal(await readingError('{"prompt": "a", "response": "b"}'), "no error");
  assert.match(
    await readingError('{"prompt": "a"}'),
    /^Cannot read my\.jsonl:2: response is missing; write /,
  );
  assert.match(
    await readingError('{"id": "1", "prompt": "a", "response": "b"}'),
    /the id "1" is that of line 1 too/,
  );
});

Deno.test("fromRoot() reads the bundled file of own dialogues: 24 without ratings", async () => {
  const all = await readExamples(fromRoot("data/your_own.jsonl"));
  assert.equal(all.length, 24);
  assert.ok(all.every(({ uncertainty, turns }) => uncertainty === undefined && turns.length === 2));
  assert.equal(fromRoot("/a/b.jsonl"), "/a/b.jsonl");
});

Deno.test("rateOwn() refuses an endpoint without a key", async () => {
  const before = Deno.env.get("OPENAI_API_KEY");
  Deno.env.set("UAL_JUDGE", "a-model");
  Deno.env.delete("OPENAI_API_KEY");
  try {
    const all = await bundled("train", 2);
    await withTinyModel((model) =>
      assert.rejects(() => rateOwn(ownPreset("quick"), model, all), {
        name: "InputError",
        message: /OPENAI_API_KEY/,
      })
    );
  } finally {
    Deno.env.delete("UAL_JUDGE");
    if (before !== undefined) Deno.env.set("OPENAI_API_KEY", before);
  }
});

Deno.test("ownRuns() train SFT without and UAL with the smoothing given; exportOwn() writes the merged model once", () =>
  withTinyModel(async (model, folder) => {
    Deno.env.set("UAL_OUT", folder);
    try {
      const quick = ownPreset("quick", { steps: 1 });
      const p = { ...quick, settings: { ...quick.settings, threads: 1 } };
      const all = (await bundled("train", 5)).map((one, i) => ({
        ...one,
        turns: [{ role: "user" as const, content: `${i}?` }, {
          role: "assistant" as const,
          content: `No ${i}.`,
        }],
      }));
      const { train, heldout } = splitOff(all, { share: 0.2 }), smoothing = train.map((_, i) => i / 10);
      const runs = await trainRuns(p, model, ownRuns(train, smoothing), "train");
      assert.deepEqual(Object.keys(runs), ["SFT", "UAL"]);
      const used = Object.fromEntries(
        runs.UAL.metrics.flatMap(({ samples }) => samples.map((one) => [one.id, one.smoothing])),
      );
      for (const [id, s] of Object.entries(used)) {
        assert.ok(Math.abs(s - smoothing[train.findIndex((one) => one.id === id)]) < 1e-7, id);
      }
      assert.ok(runs.SFT.metrics.every(({ samples }) => samples.every((one) => one.smoothing === 0)));
      const scores = await scoreMethods(p, model, heldout, { models: methodModels(p, ["SFT", "UAL"]) });
      assert.deepEqual(Object.keys(scores), ["base", "SFT", "UAL"]);
      const files = await exportOwn(p, model, "UAL"), { run } = studyFolders(p);
      const path = join(run, files.model), made = (await Deno.stat(path)).mtime!.getTime();
      assert.ok((await Deno.stat(join(run, files.adapter, "adapter_model.safetensors"))).isFile);
      assert.deepEqual(await exportOwn(p, model, "UAL"), files);
      assert.equal((await Deno.stat(path)).mtime!.getTime(), made, "left alone");
      assert.equal(trainFolder(p, "UAL"), join(run, "train/UAL"));
    } finally {
      Deno.env.delete("UAL_OUT");
    }
  }));
