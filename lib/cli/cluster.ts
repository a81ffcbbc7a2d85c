// `ual cluster`: how well the features of two tokens are told apart, for pairs of tokens, under a model and its adapters.
import { join } from "node:path";
import type { Output } from "../cli.ts";
import { type Clusters, clusterTokens, type PairScore, pairsOf, SPACES } from "../cluster/mod.ts";
import { checkLayer, type Layer, type Model } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser, writeFileAtomic } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import { versions } from "../run/machine.ts";
import { sortedJson } from "../run/manifest.ts";
import { Progress } from "../run/progress.ts";
import { table } from "../show/text.ts";
import type { Flags } from "./flags.ts";
import { jitOf, modelOf, modelsNamed, readAdapters, sequencesOf } from "./model.ts";

/** Clusters, or goes on where a run into the same folder was killed. Without --out nothing is left on the disk. */
export async function cluster(flags: Flags): Promise<Output> {
  const layers = layersOf(flags), wanted = modelsNamed(["base", ...flags.list("adapter")]);
  const { model, template } = await modelOf(flags);
  checkLayers(layers, model);
  const { sequences } = await sequencesOf(flags, model, template), options = { ...optionsOf(flags), layers };
  pairsOf(model, sequences, options); // what is wrong with the pairs is said before the adapters are read
  const models = await readAdapters(wanted, model);
  const out = flags.text("out") && resolveUser(flags.text("out")!);
  if (out) await checkFolder(out);
  const dir = out || await Deno.makeTempDir({ prefix: "ual-cluster-" });
  try {
    using _lock = lockFolder(dir);
    const progress = new Progress("features", sequences.length * wanted.size);
    const onBatch = (done: number, total: number) =>
      void progress.update(Math.round(done / total * sequences.length * wanted.size));
    const found = await clusterTokens(model, sequences, join(dir, "features"), models, {
      ...options,
      onBatch,
    });
    await progress.finish(`${found.points} features under each of ${wanted.size} models`);
    const json = jsonOf(model, found, models.hashes);
    if (out) {
      await writeFileAtomic(
        join(out, "silhouettes.jsonl"),
        found.scores.map((row) => JSON.stringify(row) + "\n").join(""),
      );
      await writeFileAtomic(join(out, "summary.json"), sortedJson({ ...json, versions: versions() }));
    }
    return { json: { ...(out ? { out } : {}), ...json }, text: textOf(model, found, out) };
  } finally {
    if (!out) await Deno.remove(dir, { recursive: true });
  }
}

/** What a run leaves in its folder. */
const OWN = ["features", "silhouettes.jsonl", "summary.json"];

/** Throws InputError for a file, and for a folder that holds anything but a run of this verb. */
async function checkFolder(out: string): Promise<void> {
  const fail = (why: string) =>
    new InputError(`Cannot write to ${out}: ${why}; give a new or an empty folder`);
  const there = await Deno.stat(out).catch(() => undefined);
  if (!there) return;
  if (!there.isDirectory) throw fail("it is a file");
  const names = (await Array.fromAsync(Deno.readDir(out))).map(({ name }) => name);
  const other = names.filter((name) => !name.startsWith(".") && !OWN.includes(name)).sort()[0];
  if (other !== undefined) throw fail(`it holds something else, such as ${other}`);
}

function optionsOf(flags: Flags) {
  const { threads } = jitOf(flags), named = flags.text("pairs"), seed = flags.whole("seed", 0);
  const count = flags.given("random-pairs") ? flags.whole("random-pairs", 0) : named === undefined ? 100 : 0;
  const maxPoints = flags.given("max-points") ? flags.whole("max-points", 2) : undefined;
  const random = { count, minCount: flags.whole("min-count", 2), seed };
  return { named, random, maxPoints, seed, threads };
}

/** --layers: numbers and "final", with commas. */
function layersOf(flags: Flags): Layer[] {
  const names = flags.required("layers").split(",").map((name) => name.trim()).filter(Boolean);
  const layers = names.map((name): Layer => name === "final" ? name : Number(name));
  const wrong = names.find((name) => name !== "final" && !/^\d+$/.test(name));
  if (wrong !== undefined || layers.length === 0) {
    throw new InputError(
      `Cannot use --layers ${flags.text("layers")}: ${
        wrong ?? "it"
      } names no layer; give numbers from 0 and final, with commas`,
    );
  }
  return [...new Set(layers)];
}

function checkLayers(layers: Layer[], { config, name }: Model): void {
  try {
    layers.forEach((layer) => checkLayer(config, layer));
  } catch {
    throw new InputError(
      `Cannot use --layers ${layers}: ${name} has 0 (the embeddings) to ${config.layers}, and final`,
    );
  }
}

/** The object of --json: a pair's silhouettes by model, at the last layer that was asked for; all layers in silhouettes.jsonl. */
function jsonOf(
  { name, hash, tokenizer }: Model,
  { pairs, scores, summary, differences, points, samples }: Clusters,
  hashes: Record<string, string>,
) {
  const models = [...new Set(scores.map((score) => score.model))];
  const text = (token: number) => tokenizer.decode([token]);
  const own = Map.groupBy(scores, ({ a, b, kind }) => `${kind} ${a} ${b}`);
  return {
    model: { name, hash },
    adapters: Object.fromEntries(models.map((one) => [one, hashes[one] ?? null])),
    points,
    samples,
    pairs: pairs.map(({ a, b, kind }) => {
      const rows = own.get(`${kind} ${a} ${b}`)!, { counts, layer } = rows.at(-1)!;
      const last = rows.filter((row) => row.layer === layer);
      return {
        a: text(a),
        b: text(b),
        token_ids: [a, b],
        kind,
        counts,
        layer,
        silhouette: byModel(last, ({ pca2, full, cosine }) => ({ pca2, full, cosine })),
        calinski_harabasz: byModel(last, (row) => row.calinskiHarabasz),
        davies_bouldin: byModel(last, (row) => row.daviesBouldin),
        explained_variance: byModel(last, (row) => row.explained),
      };
    }),
    summary: summary.map(finite),
    differences: differences.map(finite),
  };
}

const byModel = <T>(rows: PairScore[], value: (row: PairScore) => T) =>
  Object.fromEntries(rows.map((row) => [row.model, value(row)]));

/** NaN as JSON has it. */
const finite = <T extends object>(row: T): T =>
  Object.fromEntries(
    Object.entries(row).map((
      [key, value],
    ) => [key, typeof value === "number" && !Number.isFinite(value) ? null : value]),
  ) as T;

function textOf(
  { tokenizer }: Model,
  { pairs, scores, summary, differences, points, samples }: Clusters,
  out?: string,
): string {
  const plain = (rows: object[], caption: string) => String(table(rows, { caption })["text/plain"]);
  const shown = pairs.slice(0, 10).map(({ a, b }) => {
    const own = scores.filter((score) =>
      score.a === a && score.b === b && score.layer === scores.at(-1)!.layer
    );
    return {
      pair: [a, b].map((token) => JSON.stringify(tokenizer.decode([token]))).join(" | "),
      features: own[0].counts.join(" + "),
      ...byModel(own, ({ pca2 }) => pca2),
    };
  });
  const parts = [plain(shown, `Silhouettes in a 2-D PCA (${shown.length} of ${pairs.length} pairs)`)];
  const means = summary.map(({ model, layer, measure, value, low, high, pairs }) => ({
    model,
    layer,
    space: SPACES[measure],
    silhouette: value,
    low,
    high,
    pairs,
  }));
  parts.push(plain(means, `Mean silhouettes of ${summary[0].kind} pairs, 95% intervals`));
  if (differences.length) {
    const rows = differences.map(({ better, than, layer, measure, difference, low, high, pHolm }) => ({
      difference: `${better} − ${than}`,
      layer,
      space: SPACES[measure],
      value: difference,
      low,
      high,
      "p (Holm)": pHolm,
    }));
    parts.push(plain(rows, "Differences over the same pairs"));
  }
  return [...parts, `${points} features from ${samples} texts${out ? `; files in ${out}` : ""}`].join("\n\n");
}
