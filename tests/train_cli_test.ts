// `ual train` with all kinds of smoothing, evaluation, fidelity and weighting, on a tiny model: what it writes and prints,
// and which flags do not go together.
import assert from "node:assert/strict";
import { join } from "node:path";
import { readManifest } from "../lib/run/manifest.ts";
import { readSmoothing } from "../lib/uncertainty/mod.ts";
import { inFolder } from "./folder.ts";
import { metricsIn } from "./oracles/small_run.ts";
import { ended, tinyTask, tinyUal } from "./oracles/tiny_trainable.ts";

/** `ual train` on the tiny task; its JSON. */
async function train(folder: string, out: string, flags: string) {
  const args = ["train", "train.jsonl", "--out", out, "--batch", "4", "--json", ...flags.split(" ")];
  const { code, stdout, stderr } = await ended(tinyUal(folder, ...args));
  assert.equal(code, 0, stderr);
  const json = JSON.parse(stdout);
  return {
    json,
    stderr,
    metrics: await metricsIn(join(folder, out)),
    manifest: await readManifest(join(folder, out)),
  };
}

Deno.test("ual train --heldout leaves the best adapter, whose perplexity ual perplexity finds again", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const flags = "--heldout heldout.jsonl --eval-every 3 --patience 1 --steps 60 --lr 0.3 --dropout 0";
    const { json, manifest, metrics } = await train(folder, "run", flags);
    const { best, last, evaluations, stopped_early, tokens } = json.results.heldout;
    assert.deepEqual([stopped_early, json.steps < 60, json.state], [true, true, "complete"]);
    assert.ok(best.perplexity < last.perplexity && best.step === last.step - 3);
    assert.deepEqual(manifest.results.heldout, json.results.heldout);
    const seen = metrics.filter((m) => m.heldout !== undefined).map((m) => ({
      step: m.step,
      perplexity: m.heldout,
    }));
    assert.deepEqual(seen, evaluations);
    for (const [name, { perplexity }] of Object.entries({ adapter: best, best, last })) {
      const found = await ended(
        tinyUal(folder, "perplexity", "heldout.jsonl", "--adapter", `run/${name}`, "--json"),
      );
      const own = JSON.parse(found.stdout);
      assert.deepEqual([own.perplexity, own.tokens], [perplexity, tokens], name);
    }
    for (const name of ["adapter", "best", "last"]) {
      assert.match(manifest.outputs[`${name}/adapter_model.safetensors`], /^[0-9a-f]{64}$/);
    }
    const card = await Deno.readTextFile(join(folder, "run/adapter/README.md"));
    for (const hash of Object.values(manifest.inputs)) assert.ok(card.includes(hash), hash);
    const mean = metrics.reduce((sum, m) => sum + m.nll, 0) / metrics.length;
    assert.match(
      card,
      new RegExp(
        `the steps: ${mean.toFixed(4)} nats.* ${best.perplexity.toFixed(4)} \\(after step ${best.step}\\)`,
      ),
    );
    assert.ok(
      card.includes("| lr | 0.3 |") && !card.includes(folder),
      "settings, and no path of the machine",
    );
    assert.equal((await train(folder, "run", flags)).json.state, "already complete");
  }));

Deno.test("ual train --smoothing takes perplexity and entropy, and keeps what it used", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const entropy = await train(folder, "entropy", "--smoothing entropy --mean 0.2 --steps 3");
    const rows = await readSmoothing(join(folder, "entropy/smoothing.jsonl"));
    assert.deepEqual(rows.map((row) => row.id), Array.from({ length: 9 }, (_, i) => `t${i}`));
    assert.ok(Math.abs(rows.reduce((sum, row) => sum + row.smoothing, 0) / 9 - 0.2) < 1e-12);
    assert.ok(rows.every((row) => row.uncertainty! > 0 && row.uncertainty! < 1));
    const byId = new Map(rows.map((row) => [row.id, row.smoothing]));
    for (const { samples } of entropy.metrics) {
      for (const s of samples) assert.equal(s.smoothing, byId.get(s.id));
    }
    assert.match(entropy.stderr, /measuring the base model's entropy on 9 dialogues/);
    assert.match(entropy.manifest.outputs["smoothing.jsonl"], /^[0-9a-f]{64}$/);
    assert.equal((entropy.manifest.settings.smoothing as { method: string }).method, "entropy");

    const ppl = await train(folder, "ppl", "--smoothing perplexity --mean 0.2 --steps 3");
    assert.ok(ppl.metrics[0].samples.every((s) => Math.abs(s.smoothing - 0.2) < 1e-7));
    const nll = ppl.metrics[0].samples.map((s) => s.nll), running = nll.reduce((a, b) => a + b) / nll.length;
    for (const s of ppl.metrics[1].samples) assert.ok(Math.abs(s.smoothing - 0.2 * s.nll / running) < 1e-6);
    await assert.rejects(Deno.stat(join(folder, "ppl/smoothing.jsonl")), Deno.errors.NotFound);

    const rated = await train(folder, "rated", "--steps 2");
    const kept = await readSmoothing(join(folder, "rated/smoothing.jsonl"));
    assert.deepEqual(kept.map((row) => row.uncertainty), Array.from({ length: 9 }, (_, i) => 11 * i));
    assert.equal((rated.manifest.settings.smoothing as { method: string }).method, "truncated-linear");
  }));

Deno.test("ual train --fidelity released-code trains as the released code does", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const { json, metrics, manifest } = await train(folder, "run", "--fidelity released-code --epochs 4");
    assert.equal(json.steps, 9); // ⌊4 · 9 / 4⌋
    const { warmup, supervise, weighting, fidelity } = manifest.settings;
    assert.deepEqual([warmup, supervise, weighting, fidelity], [3, "all", "sample", "released-code"]);
    assert.deepEqual(metrics.map((m) => m.lr), [0, 1, 2, 3, 3, 3, 3, 3, 3].map((n) => 3e-4 * n / 3));
    for (const m of metrics) {
      assert.equal(m.samples.length, 4);
      assert.equal(m.targets, m.tokens - 4, "all tokens but each sample's first are learnt");
    }
    const plain = metrics[0].samples.filter((s) => s.smoothing === 0);
    for (const s of plain) assert.ok(Math.abs(s.loss - s.nll * s.targets / (s.targets + 1)) < 1e-9);
    const again = await train(
      folder,
      "run",
      "--fidelity released-code --epochs 4 --supervise all --weighting sample",
    );
    assert.equal(again.json.state, "already complete");
  }));

Deno.test("ual train --weighting token gives long samples more weight, and is the default's equal for equal lengths", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const { metrics: [m] } = await train(folder, "run", "--weighting token --steps 1");
    const tokens = m.samples.reduce((sum, s) => sum + s.targets, 0);
    const mean = m.samples.reduce((sum, s) => sum + s.loss * s.targets, 0) / tokens;
    assert.ok(new Set(m.samples.map((s) => s.targets)).size > 1);
    assert.ok(Math.abs(m.loss - mean) < 1e-12 && tokens === m.targets);
  }));

Deno.test("ual train refuses flags that contradict each other, and writes nothing", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const cases: [string, RegExp][] = [
      [
        "--fidelity released-code --schedule cosine",
        /^ual: Cannot use --schedule cosine with --fidelity released-code: that has a warm-up that never ends; leave --schedule out, or use --fidelity paper\n$/,
      ],
      ["--fidelity released-code --warmup 3", /--warmup 3 with --fidelity released-code: that takes a tenth/],
      ["--fidelity released-code --supervise response", /--supervise response .*: that learns prompts too/],
      ["--fidelity released-code --weighting token", /--weighting token .*: that weighs samples the same/],
      ["--fidelity released-code --epochs 1", /a tenth of 9 samples seen is no warm-up/],
      ["--fidelity theirs", /--fidelity theirs: choose from paper, released-code/],
      ["--patience 2", /Cannot use --patience alone: .*give --heldout FILE/],
      ["--eval-every 2", /Cannot use --eval-every alone/],
      ["--heldout heldout.jsonl --patience 0", /--patience 0: give a number of at least 1/],
      ["--heldout nowhere.jsonl", /Cannot read .*nowhere\.jsonl/],
      ["--smoothing judge", /choose from none, constant, uncertainty, perplexity, entropy/],
      ["--smoothing entropy --mean 0.995", /Cannot smooth with mean 0.995/],
    ];
    for (const [flags, message] of cases) {
      const { code, stdout, stderr } = await ended(
        tinyUal(folder, "train", "train.jsonl", "--out", "no", ...flags.split(" ")),
      );
      assert.deepEqual([code, stdout], [2, ""], flags);
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    }
    await assert.rejects(Deno.stat(join(folder, "no")), Deno.errors.NotFound);
  }));
