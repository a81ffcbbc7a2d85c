// Manifests: byte-identical, written last, current only while key and outputs are the same.
import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { sha256Hex } from "../lib/run/files.ts";
import {
  isCurrent,
  readManifest,
  readVolatile,
  sortedJson,
  type StageKey,
  stagesTouched,
  writeManifest,
} from "../lib/run/manifest.ts";
import { inFolder } from "./folder.ts";

const key: StageKey = { inputs: { data: "aa", model: "bb" }, settings: { seed: 7, lr: 1e-4 }, code: "cc" };

async function write(folder: string, extra = {}) {
  await Deno.writeTextFile(join(folder, "out.txt"), "out");
  return await writeManifest(folder, { stage: "map", ...key, outputs: ["out.txt"], ...extra });
}

Deno.test("writeManifest() writes the same bytes from run to run, with sorted keys and nothing of the machine", () =>
  inFolder(async (dir) => {
    await write(dir, { results: { loss: 1.5 }, volatile: { seconds: 1 } });
    const first = await Deno.readTextFile(join(dir, "manifest.json"));
    await write(dir, { results: { loss: 1.5 }, volatile: { seconds: 2 } });
    equal(await Deno.readTextFile(join(dir, "manifest.json")), first);
    const manifest = await readManifest(dir);
    deepEqual(Object.keys(manifest), [
      "code",
      "inputs",
      "outputs",
      "results",
      "settings",
      "stage",
      "versions",
    ]);
    deepEqual(manifest.outputs, { "out.txt": sha256Hex("out") });
    deepEqual(Object.keys(manifest.settings), ["lr", "seed"]);
    const volatile = await readVolatile(dir);
    equal(volatile.seconds, 2);
    ok(volatile.peakMemory > 1e7 && volatile.hardware.cores >= 1);
    deepEqual([...Deno.readDirSync(dir)].map((e) => e.name).sort(), [
      "manifest.json",
      "out.txt",
      "volatile.json",
    ]);
  }));

Deno.test("isCurrent() is true for the same key alone, whatever the order of its names", () =>
  inFolder(async (dir) => {
    equal(await isCurrent(dir, key), false);
    await write(dir);
    equal(await isCurrent(dir, key), true);
    equal(await isCurrent(dir, { ...key, inputs: { model: "bb", data: "aa" } }), true);
    equal(await isCurrent(dir, { ...key, inputs: { ...key.inputs, data: "ab" } }), false);
    equal(await isCurrent(dir, { ...key, settings: { ...key.settings, seed: 8 } }), false);
    equal(await isCurrent(dir, { ...key, code: "cd" }), false);
  }));

Deno.test("isCurrent() is false for changed or missing outputs, other versions and a broken manifest", () =>
  inFolder(async (dir) => {
    await write(dir);
    await Deno.writeTextFile(join(dir, "out.txt"), "other");
    equal(await isCurrent(dir, key), false);
    await Deno.remove(join(dir, "out.txt"));
    equal(await isCurrent(dir, key), false);
    await write(dir);
    const path = join(dir, "manifest.json");
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(/"deno": ".*"/, '"deno": "1.0.0"'));
    equal(await isCurrent(dir, key), false);
    await Deno.writeTextFile(path, text.slice(0, 40));
    equal(await isCurrent(dir, key), false);
    await rejects(readManifest(dir), /Cannot read .*manifest\.json: .*; run the stage again/);
    await rejects(readManifest(join(dir, "none")), InputError);
  }));

Deno.test("stagesTouched() names the stages that were written or found current here, and no others", () =>
  inFolder(async (dir) => {
    const stage = async (name: string) => {
      await Deno.mkdir(join(dir, name), { recursive: true });
      return await write(join(dir, name));
    };
    const b = await stage("train/b"), a = await stage("a");
    deepEqual(Object.entries(stagesTouched(dir)), [["a", a], ["train/b", b]]);
    deepEqual(stagesTouched(join(dir, "train")), { b });
    const copy = join(dir, "copy"); // as an older run left it
    await Deno.mkdir(copy);
    for (const file of ["manifest.json", "out.txt"]) {
      await Deno.copyFile(join(dir, "a", file), join(copy, file));
    }
    equal("copy" in stagesTouched(dir), false);
    equal(await isCurrent(copy, { ...key, code: "dd" }), false);
    equal("copy" in stagesTouched(dir), false);
    equal(await isCurrent(copy, key), true);
    deepEqual(stagesTouched(dir).copy, a);
  }));

Deno.test("writeManifest() refuses numbers that JSON cannot hold, and writes nothing then", () =>
  inFolder(async (dir) => {
    await rejects(write(dir, { results: { loss: NaN } }), {
      name: "RangeError",
      message: "Cannot write loss as JSON: it is NaN; leave it out or use null",
    });
    deepEqual([...Deno.readDirSync(dir)].map((e) => e.name), ["out.txt"]);
  }));

Deno.test("sortedJson() sorts keys at every depth and leaves lists alone", () => {
  equal(
    sortedJson({ b: [2, 1], a: { d: undefined, c: 1 } }),
    '{\n  "a": {\n    "c": 1\n  },\n  "b": [\n    2,\n    1\n  ]\n}\n',
  );
  match(sortedJson([]), /^\[\]\n$/);
  throws(() => sortedJson([Infinity]), RangeError);
});
