// Features of tokens beside plain loops, by layer and adapter; their files beside numpy's; broken, wrong and closed ones.
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import {
  extractFeatures,
  extractMany,
  type FeatureOptions,
  type Features,
  limitPoints,
  openFeatures,
  pointsOf,
} from "../lib/cluster/features.ts";
import { openArray } from "../lib/cluster/mapped.ts";
import { npyHeader, npyInts } from "../lib/cluster/npy.ts";
import { f32 } from "../lib/jit/mod.ts";
import { type Adapter, initLora, type Layer, type Sequence } from "../lib/model/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { loopLayers, smallBase, smallConfig } from "./oracles/small_model.ts";

/** Texts of several lengths, of tokens 3 to 22; some of their tokens are supervised, in one none. */
const texts: Sequence[] = [9, 4, 17, 6, 12, 9].map((length, s) => {
  const random = stream(4, "texts", s), ids = Int32Array.from(random.ints(length, 20), (id) => id + 3);
  const supervised = ids.map((_, i) => i > 0 && s !== 3 && random.uniform(100 + i) < 0.7 ? 1 : 0);
  return { id: `text ${s}`, ids, supervised: Uint8Array.from(supervised) };
});

function adapterOf(r: number, seed: number): Adapter {
  const lora = { r, alpha: 2 * r, dropout: 0, targets: ["q_proj", "v_proj"] };
  const random = stream(seed, "adapter"), params = initLora(smallConfig(), lora, seed);
  let at = 0;
  for (const [name, { shape, data }] of Object.entries(params)) {
    params[name] = f32(shape, Float32Array.from(data, () => 0.3 * random.normal(at++)));
  }
  return { params, lora };
}

const OPTIONS: FeatureOptions = { threads: 1, cache: false, maxRows: 2 };
const LAYERS: Layer[] = [0, 1, 2, "final"];
const everything = ({ points }: Features) => points.tokens.map((_, i) => i);

function near(found: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  equal(found.length, wanted.length, what);
  const scale = Math.max(...Array.from(wanted, Math.abs)); // float32 is as exact as the largest of a sum's terms
  for (let i = 0; i < wanted.length; i++) {
    ok(
      Math.abs(found[i] - wanted[i]) < 1e-5 * scale,
      `${what} [${i}]: ${found[i]}, not ${wanted[i]}`,
    );
  }
}

/** What a folder's files hold, by name. */
async function bytesOf(dir: string): Promise<Record<string, Uint8Array>> {
  const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await Deno.readFile(join(dir, name))] as const)),
  );
}

const refuses = (action: Promise<unknown>, why: RegExp) =>
  rejects(action, (error) => {
    ok(error instanceof InputError, String(error));
    ok(/^Cannot \w+ .*: .*; .*/s.test(error.message), `no action, value or remedy: ${error.message}`);
    ok(why.test(error.message), error.message);
    return true;
  });

Deno.test("extractMany() equals plain loops by layer, base and adapters of two ranks at once as one by one", () =>
  inFolder(async (folder) => {
    const { base, config, weights } = await smallBase(folder);
    const adapters = {
      base: undefined,
      small: adapterOf(2, 1),
      large: adapterOf(3, 2),
      other: adapterOf(2, 3),
    };
    const options = { ...OPTIONS, layers: LAYERS },
      many = await extractMany(base, texts, folder, adapters, options);
    for (const [name, adapter] of Object.entries(adapters)) {
      const features = many[name];
      deepEqual([features.width, features.layers], [config.hiddenSize, LAYERS]);
      const scale = adapter ? adapter.lora.alpha / adapter.lora.r : 1;
      const states = texts.map(({ ids }) => loopLayers(config, weights, ids, adapter?.params, scale));
      for (const [l, layer] of [0, 1, 2, "final" as const].entries()) {
        const wanted = texts.flatMap(({ supervised }, s) =>
          [...supervised].flatMap((one, i) => one ? states[s][l][i - 1] : [])
        );
        near(features.rows(everything(features), layer), wanted, `${name}, layer ${layer}`);
      }
      const alone = await extractFeatures(base, texts, join(folder, "alone"), { ...options, adapter });
      for (const layer of LAYERS) {
        near(
          alone.rows(everything(alone), layer),
          features.rows(everything(features), layer),
          `${name} alone`,
        );
      }
      alone.close();
      features.close();
    }
  }));

Deno.test("extractFeatures() writes points by text and position, those of some tokens, and the same bytes again", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder), wanted: number[][] = [];
    texts.forEach(({ ids, supervised }, s) =>
      ids.forEach((id, i) => void (supervised[i] && wanted.push([id, i - 1, s])))
    );
    const rowsOf = ({ points: { tokens, positions, samples } }: Features) =>
      [...tokens].map((token, i) => [token, positions[i], samples[i]]);
    const all = await extractFeatures(base, texts, join(folder, "all"), OPTIONS);
    deepEqual(rowsOf(all), wanted);
    deepEqual(all.points.sampleIds, texts.map(({ id }) => id));
    deepEqual(all.points, pointsOf(texts));
    const tokens = new Set(wanted.slice(0, 4).map(([token]) => token));
    const some = await extractFeatures(base, texts, join(folder, "some"), { ...OPTIONS, tokens });
    const kept = wanted.flatMap(([token], i) => tokens.has(token) ? [i] : []);
    deepEqual(rowsOf(some), kept.map((i) => wanted[i]));
    near(some.rows(everything(some)), all.rows(kept), "of some tokens");
    deepEqual(
      some.rows([2, 0, 2]).slice(0, some.width),
      some.rows([2]),
      "rows by index, again and in any order",
    );
    const first = await bytesOf(join(folder, "all"));
    const again = await extractFeatures(base, texts, join(folder, "all"), OPTIONS);
    deepEqual(await bytesOf(join(folder, "all")), first);
    deepEqual(all.rows([0]), again.rows([0]), "features that were open stay good");
    for (const features of [all, some, again]) features.close();
  }));

Deno.test("extractFeatures() takes a layer twice as once, and refuses no layer, unknown layers and texts without points", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder), dir = join(folder, "f");
    const twice = await extractFeatures(base, texts.slice(1, 2), dir, {
      ...OPTIONS,
      layers: [1, "final", 1],
    });
    deepEqual(twice.layers, [1, "final"]);
    throws(() => twice.rows([0], 0), /Cannot read layer 0: only 1, final were extracted/);
    for (const row of [-1, 0.5, NaN, twice.points.tokens.length]) {
      throws(
        () => twice.rows([row]),
        (error) => error instanceof RangeError && /Cannot read feature/.test(error.message),
      );
    }
    twice.close();
    const none = join(folder, "none");
    for (const layers of [[], [3], [-1], [0.5]]) {
      await rejects(extractFeatures(base, texts, none, { ...OPTIONS, layers }), RangeError);
    }
    await refuses(extractFeatures(base, [texts[3]], none, OPTIONS), /none of 1 texts has a supervised token/);
    await refuses(extractFeatures(base, [], none, OPTIONS), /none of 0 texts/);
    await refuses(
      extractFeatures(base, texts, none, { ...OPTIONS, tokens: new Set([0]) }),
      /none of 6 texts/,
    );
    equal(await Deno.stat(none).catch(() => "nothing"), "nothing");
    await Deno.writeTextFile(none, "a file");
    await rejects(extractFeatures(base, texts, none, OPTIONS), InputError);
  }));

Deno.test("limitPoints() keeps the first points of each token over all texts", () => {
  const sequences = [[5, 7, 7, 5], [7, 5, 8, 7]].map((ids, i) => ({
    id: String(i),
    ids: Int32Array.from(ids),
    supervised: Uint8Array.from([0, 1, 1, 1]),
  }));
  const rows = (options: Parameters<typeof limitPoints>[1]) =>
    limitPoints(sequences, options).map(({ supervised }) => [...supervised]);
  deepEqual(rows({}), [[0, 1, 1, 1], [0, 1, 1, 1]]);
  deepEqual(rows({ most: 2 }), [[0, 1, 1, 1], [0, 1, 1, 0]]);
  deepEqual(rows({ tokens: new Set([7]) }), [[0, 1, 1, 0], [0, 0, 0, 1]]);
  deepEqual(rows({ tokens: new Set([7, 8]), most: 2 }), [[0, 1, 1, 0], [0, 0, 1, 0]]);
  for (const most of [1, 0, -3, NaN, 2.5]) {
    throws(() => rows({ most }), /points of a token: give a whole number/);
  }
  deepEqual([...sequences[0].supervised], [0, 1, 1, 1], "what was given stays as it was");
});

Deno.test("an extraction that fails in the middle leaves no features, not even of an earlier one", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder), dir = join(folder, "f");
    (await extractFeatures(base, texts, dir, OPTIONS)).close();
    const failing = {
      ...OPTIONS,
      maxRows: 1,
      onBatch: () => Promise.reject(new Error("the power went out")),
    };
    await rejects(extractFeatures(base, texts, dir, failing), /the power went out/);
    await refuses(
      openFeatures(dir),
      /features\.json: it (is missing|does not exist)|features\.json.*(missing|no such)/i,
    );
    (await extractFeatures(base, texts, dir, OPTIONS)).close();
  }));

const stored: {
  taken: Record<string, { file: string; dtype: "<f4" | "<i4"; shape: number[]; values: number[] }>;
  refused: Record<string, string>;
} = JSON.parse(await Deno.readTextFile(join(import.meta.dirname!, "parity/numpy/npy.json")));
const decoded = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

Deno.test("npyHeader(), npyInts() and openArray() agree with numpy's files, mapped and read", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.npy");
    for (const [name, { file, dtype, shape, values }] of Object.entries(stored.taken)) {
      const bytes = decoded(file), head = npyHeader(dtype, shape);
      deepEqual(head, bytes.slice(0, bytes.length - 4 * values.length), name);
      if (dtype === "<i4") deepEqual(npyInts(Int32Array.from(values)), bytes);
      await Deno.writeFile(path, bytes);
      for (const map of [true, false]) {
        const array = openArray(path, { map });
        equal(array.mapped, map && Deno.build.os === "linux", name);
        deepEqual([array.dtype, array.shape], [dtype, shape]);
        deepEqual([...array.slice(0, values.length)], values);
        deepEqual([...array.slice(1, 2)], values.slice(1, 2));
        array.close();
        array.close();
      }
    }
  }));

Deno.test("openArray() refuses other kinds of arrays and files, and says why", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.npy"), open = () => Promise.resolve().then(() => openArray(path));
    const why: Record<string, RegExp> = {
      "float64": /it holds <f8, not float32 or int32/,
      "float16": /it holds <f2/,
      "big-endian": /it holds >f4/,
      "Fortran order": /it is in Fortran order/,
      "records": /it holds records/,
      "version 2.0": /its format is version 2\.0, not 1\.0/,
    };
    for (const [name, file] of Object.entries(stored.refused)) {
      await Deno.writeFile(path, decoded(file));
      await refuses(open(), why[name]);
    }
    const good = decoded(stored.taken.floats.file),
      changed = (from: string, to: string) => {
        const text = Array.from(good, (byte) => String.fromCharCode(byte)).join("").replace(from, to);
        return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      };
    const wrong: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /not a NumPy file/],
      [good.slice(0, 11), /not a NumPy file/],
      [new TextEncoder().encode('{"text": "not an array at all"}'), /not a NumPy file/],
      [good.slice(0, 100), /header is damaged/],
      [good.slice(0, good.length - 1), /it has 187 bytes and its header promises 188/],
      [Uint8Array.from([...good, 0]), /it has 189 bytes/],
      [changed("(3, 5)", "(9, 5)"), /its header promises 308/],
      [changed("(3, 5)", "(-3,5"), /header is damaged/],
      [changed("(3, 5)", "999999"), /header is damaged/],
    ];
    for (const [bytes, reason] of wrong) {
      await Deno.writeFile(path, bytes);
      await refuses(open(), reason);
    }
    await rejects(Promise.resolve().then(() => openArray(folder)), InputError, "a folder");
    await rejects(Promise.resolve().then(() => openArray(join(folder, "nowhere.npy"))), InputError);
  }));

Deno.test("openFeatures() reads as it maps, refuses files that do not fit its index, and closed ones do not crash", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder), dir = join(folder, "f");
    const mapped = await extractFeatures(base, texts, dir, { ...OPTIONS, layers: [1, "final"] });
    const read = await openFeatures(dir, { map: false });
    for (const layer of [1, "final"] as const) {
      deepEqual(read.rows(everything(read), layer), mapped.rows(everything(mapped), layer));
    }
    const row = mapped.rows([3]), copy = row.slice();
    for (const features of [mapped, read]) {
      features.close();
      throws(
        () => features.rows([0]),
        (error) => error instanceof RangeError && /was closed/.test(error.message),
      );
      features.close();
    }
    deepEqual(row, copy, "rows outlive their file");
    const files = await bytesOf(dir), index = new TextDecoder().decode(files["features.json"]);
    const count = mapped.points.tokens.length;
    const cases: [string, string | Uint8Array, RegExp][] = [
      [
        "tokens.npy",
        npyInts(new Int32Array(count - 1)),
        /tokens\.npy: it is <i4 \[\d+\] and features\.json says/,
      ],
      ["features.npy", npyInts(new Int32Array(count)), /features\.npy: it is <i4/],
      [
        "features_layer_1.npy",
        files["features.npy"].slice(0, -4),
        /it has \d+ bytes and its header promises/,
      ],
      ["features.json", "{", /no index of features; extract them again/],
      ["features.json", "null", /no index of features/],
      ["features.json", index.replace(/"width":\d+/, '"width":-1'), /no index of features/],
      ["features.json", index.replace('[1,"final"]', "[]"), /no index of features/],
      ["features.json", index.replace('[1,"final"]', '["/../../x"]'), /no index of features/],
      ["features.json", index.replace('[1,"final"]', "[2]"), /features_layer_2\.npy/],
      ["features.json", index.replace(/"width":\d+/, '"width":7'), /features\.json says <f4 \[\d+,7\]/],
    ];
    for (const [name, content, why] of cases) {
      await Deno.writeFile(
        join(dir, name),
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
      await rejects(openFeatures(dir), (error) => {
        ok(error instanceof InputError && why.test(error.message), `${name}: ${error}`);
        return true;
      });
      await Deno.writeFile(join(dir, name), files[name]);
    }
    (await openFeatures(dir)).close();
  }));
