// From texts to silhouettes of token pairs: beside transformers and scikit-learn on a tiny Llama (parity/sklearn/pairs.json),
// features kept and found again, pictures of pairs.
import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { chosenPairs, rankPairs } from "../lib/cluster/chosen_pairs.ts";
import { type Features, openFeatures } from "../lib/cluster/features.ts";
import { keptFeatures } from "../lib/cluster/kept_features.ts";
import { contextOf, pairPicture } from "../lib/cluster/pair_pictures.ts";
import { type PairScore, scorePairs } from "../lib/cluster/score_pairs.ts";
import { f32, type Params } from "../lib/jit/mod.ts";
import { type Layer, type Model, parseConfig, type Sequence } from "../lib/model/mod.ts";
import { loraName } from "../lib/model/lora.ts";
import { openSafetensors } from "../lib/model/safetensors.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";

const parity = join(import.meta.dirname!, "parity"),
  family = join(parity, "transformers/families/llama3_rope");
const stored: {
  maxPoints: number;
  texts: { ids: number[]; supervised: number[] }[];
  lora: { r: number; alpha: number; update: Record<string, { A: number[][]; B: number[][] }> };
  scores: Omit<PairScore, "kind">[];
} = JSON.parse(await Deno.readTextFile(join(parity, "sklearn/pairs.json")));

const sequences: Sequence[] = stored.texts.map(({ ids, supervised }, i) => ({
  id: `t${i}`,
  ids: Int32Array.from(ids),
  supervised: Uint8Array.from(supervised),
}));
const LAYERS: Layer[] = [0, 2, "final"];
const pairs = [[3, 5], [2, 7], [9, 4]].map(([a, b]) => ({ a, b, kind: "named" as const }));

async function tinyModel(): Promise<Model> {
  const path = join(family, "config.json"),
    weights = await openSafetensors(join(family, "model.safetensors"));
  const config = parseConfig(JSON.parse(await Deno.readTextFile(path)), path);
  return { config, weights, hash: "tiny", definition: "tiny", name: "tiny" } as unknown as Model;
}

function adapterOf({ r, alpha, update }: typeof stored.lora) {
  const params: Params = {};
  for (const [name, parts] of Object.entries(update)) {
    for (const matrix of ["A", "B"] as const) {
      const rows = parts[matrix];
      params[loraName(`${name}.weight`, matrix)] = f32(
        [rows.length, rows[0].length],
        Float32Array.from(rows.flat()),
      );
    }
  }
  return { params, lora: { r, alpha, dropout: 0, targets: ["q_proj", "v_proj"] } };
}

/** The features of both models in a folder, closed at the end. */
function withFeatures(body: (features: Record<string, Features>, folder: string) => Promise<void>) {
  return inFolder(async (folder) => {
    const model = await tinyModel();
    using _weights = model.weights;
    const models = {
      adapters: { base: undefined, adapted: adapterOf(stored.lora) },
      hashes: { adapted: "one" },
    };
    const options = { layers: LAYERS, threads: 1 };
    const features = await keptFeatures(model, sequences, join(folder, "features"), models, options);
    try {
      await body(features, folder);
    } finally {
      for (const own of Object.values(features)) own.close();
    }
  });
}

Deno.test("scorePairs() gives what scikit-learn finds in transformers' hidden states, by layer and adapter", () =>
  withFeatures(async (features) => {
    const found: PairScore[] = [];
    for (const layer of LAYERS) {
      found.push(...await scorePairs(features, pairs, { layer, maxPoints: stored.maxPoints }));
    }
    equal(found.length, stored.scores.length);
    for (const { model, layer, a, b, counts, ...measures } of stored.scores) {
      const own = found.find((score) =>
        score.model === model && score.layer === layer && score.a === a && score.b === b
      )!;
      deepEqual(own.counts, counts);
      for (const [name, value] of Object.entries(measures) as ["pca2", number][]) {
        const off = Math.abs(own[name] - value) / Math.max(1, Math.abs(value));
        ok(off < 1e-5, `${name} of ${a} | ${b}, ${model}, layer ${layer}: ${own[name]}, not ${value}`);
      }
    }
  }));

Deno.test("points are those of the next tokens, the first ones of each token first", () =>
  withFeatures(async (features) => {
    const { points } = features.base;
    const wanted = sequences.flatMap(({ ids, supervised }, sample) =>
      [...ids].flatMap((token, t) => supervised[t] ? [[token, t - 1, sample]] : [])
    );
    deepEqual([...points.tokens].map((token, i) => [token, points.positions[i], points.samples[i]]), wanted);
    const { points: shown } = await pairPicture(features.base, pairs[0], { maxPoints: 6 });
    const first = (token: number) =>
      wanted.flatMap(([own], i) => own === token ? [i] : []).slice(0, 6).map((index) => ({ index, token }));
    deepEqual(shown.map(({ index, token }) => ({ index, token })), [...first(3), ...first(5)]);
  }));

Deno.test("pairPicture() draws the plane whose silhouette scorePairs() gives", () =>
  withFeatures(async (features) => {
    for (const layer of LAYERS) {
      const [score] = await scorePairs({ adapted: features.adapted }, pairs, { layer });
      const picture = await pairPicture(features.adapted, pairs[0], { layer });
      ok(
        Math.abs(picture.silhouette - score.pca2) < 1e-6 &&
          Math.abs(picture.explained - score.explained) < 1e-6,
      );
      equal(picture.points.length, score.counts[0] + score.counts[1]);
    }
  }));

Deno.test("scorePairs() refuses a token with one feature, and features of different texts", () =>
  withFeatures(async (features, folder) => {
    await rejects(
      scorePairs(features, [{ a: 3, b: 39, kind: "named" }]),
      new InputError(
        "Cannot set token #3 against #39: #39 has 0 features in these texts; give at least 2 of each",
      ),
    );
    const model = await tinyModel();
    using _weights = model.weights;
    const other = await keptFeatures(model, sequences.slice(1), join(folder, "other"), {
      adapters: { base: undefined },
      hashes: {},
    }, { threads: 1 });
    await rejects(
      scorePairs({ one: features.base, two: other.base }, pairs),
      /Cannot compare the features of one and two: they are of different texts/,
    );
    other.base.close();
  }));

Deno.test("keptFeatures() makes a model's features once, and again when its adapter, texts or layers are others", () =>
  inFolder(async (folder) => {
    const model = await tinyModel();
    using _weights = model.weights;
    const adapters = { base: undefined, adapted: adapterOf(stored.lora) }, ran: string[] = [];
    const times = async () => {
      const found: Record<string, number> = {};
      for (const name of Object.keys(adapters)) {
        found[name] = (await Deno.stat(join(folder, name, "features.npy"))).mtime!.getTime();
      }
      return found;
    };
    const make = async (hash: string, texts = sequences, layers: Layer[] = ["final"]) => {
      const options = { layers, threads: 1, onBatch: () => void ran.push(hash) };
      const made = await keptFeatures(model, texts, folder, { adapters, hashes: { adapted: hash } }, options);
      for (const own of Object.values(made)) own.close();
      return await times();
    };
    const first = await make("one"), batches = ran.length;
    deepEqual(await make("one"), first);
    equal(ran.length, batches, "nothing was run for what was there");
    const other = await make("two");
    deepEqual([other.base, other.adapted === first.adapted], [first.base, false], "only the other adapter");
    await make("two", sequences.slice(1));
    notEqual((await times()).base, first.base);
    await make("two", sequences.slice(1), ["final", 1]);
    const opened = await openFeatures(join(folder, "base"));
    deepEqual(opened.layers, ["final", 1]);
    opened.close();
    await Deno.truncate(join(folder, "base/features.npy"), 1000); // as a broken disk leaves it
    const before = ran.length;
    await make("two", sequences.slice(1), ["final", 1]);
    ok(ran.length > before, "what does not have its hash is made again");
  }));

Deno.test("contextOf() shows a token between its neighbours", () => {
  const words = ["<s>", "Once", " upon", " a", " time", "\n", "there", " was"];
  const tokenizer = {
    decode: (ids: ArrayLike<number>) => Array.from(ids, (id) => words[id]).join(""),
  } as unknown as Model["tokenizer"];
  const sequence = { id: "s", ids: Int32Array.from([1, 2, 3, 4, 5, 6, 7]), supervised: new Uint8Array(7) };
  equal(contextOf(tokenizer, sequence, 2), "Once upon a⟦ time⟧ ⏎ there was");
  equal(contextOf(tokenizer, sequence, 2, { before: 1, after: 0 }), "…  a⟦ time⟧ …");
  equal(contextOf(tokenizer, sequence, 0, { before: 3, after: 1 }), "Once⟦ upon⟧ a …");
});

Deno.test("rankPairs() and chosenPairs() take the pairs of the commonest tokens by ratio, as a plain loop does", () =>
  withFeatures(async ({ base, adapted }) => {
    const options = { tokens: 6, maxPoints: 20, except: new Set([4]) };
    const counts = new Map<number, number>();
    for (const token of base.points.tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    counts.delete(4);
    const common = [...counts].sort(([a, n], [b, m]) => m - n || a - b).slice(0, 6).map(([token]) => token);
    const wanted: { a: number; b: number; ratio: number }[] = [];
    for (const a of common) {
      for (const b of common.filter((other) => other > a)) {
        const pair = [{ a, b, kind: "named" as const }];
        const [top] = await scorePairs({ adapted }, pair, { maxPoints: 20 });
        const [bottom] = await scorePairs({ base }, pair, { maxPoints: 20 });
        if (top.pca2 > 0 && bottom.pca2 > 0) wanted.push({ a, b, ratio: top.pca2 / bottom.pca2 });
      }
    }
    wanted.sort((p, q) => q.ratio - p.ratio);
    const ranked = await rankPairs(adapted, base, options);
    deepEqual(ranked, wanted);
    ok(ranked.length > 4 && ranked[0].ratio > 1);
    const chosen = (list: typeof wanted) => list.map(({ a, b }) => ({ a, b, kind: "chosen" }));
    deepEqual(chosenPairs(ranked, { count: 3 }), chosen(wanted.slice(0, 3)));
    deepEqual(chosenPairs(ranked, { count: 2, against: true }), chosen(wanted.toReversed().slice(0, 2)));
  }));
