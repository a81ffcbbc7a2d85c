// The whole training path against PyTorch + transformers + PEFT on the same weights: ids, losses, gradients, AdamW,
// log-likelihoods, greedy text. Stored numbers: tests/parity/peft (our dialogues) and, where there is one, the mirror.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { renderChat } from "../lib/data/template.ts";
import { readExamples } from "../lib/data/source.ts";
import type { Params } from "../lib/jit/mod.ts";
import {
  baseOf,
  encodeExample,
  generate,
  type LoraConfig,
  type Model,
  openModel,
  openSafetensors,
  readAdapter,
  score,
  type Sequence,
  toSequences,
} from "../lib/model/mod.ts";
import { sha256Hex } from "../lib/run/files.ts";
import { gradientNorm, type StepMetrics, train } from "../lib/train/mod.ts";
import { truncatedLinear } from "../lib/uncertainty/mod.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";
import { startAdapter } from "./parity/peft/start_adapter.ts";

const here = import.meta.dirname!;
const stored = JSON.parse(Deno.readTextFileSync(join(here, "parity/peft/reference.json")));
const chatml = Deno.readTextFileSync(join(here, "../data/templates/chatml.jinja"));
const parity = mirror("parity");
const names: string[] = stored.examples.map((e: { id: string }) => e.id);

let opened: Promise<Model> | undefined;
/** The default model, its weights closed: programs map the file themselves. */
const smollm = () =>
  opened ??= openModel().then((model) => {
    model.weights.close();
    return model;
  });

/** Fails where |a − b| exceeds `tolerance`. */
function near(actual: number, expected: number, tolerance: number, what: string) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, PyTorch has ${expected}`);
}

async function ownDialogues() {
  const all = await readExamples(join(here, "../data/dialogues_train.jsonl"));
  return names.map((name) => all.find((e) => e.id === name)!);
}

async function ownSequences(): Promise<Sequence[]> {
  const options = { context: stored.settings.context, supervise: "response", template: chatml } as const;
  return toSequences(await smollm(), await ownDialogues(), options).sequences;
}

Deno.test("toSequences() gives the Rust tokenizers' ids and their offsets' targets", async () => {
  const model = await smollm(), examples = await ownDialogues(), sequences = await ownSequences();
  stored.examples.forEach((want: Record<string, unknown>, i: number) => {
    const text = renderChat(chatml, examples[i].turns);
    assert.equal(
      sha256Hex(text),
      want.sha256_text,
      `${want.id} is not the text any more that PyTorch was given: run tests/parity/peft/make_reference.py again`,
    );
    assert.deepEqual([...sequences[i].ids], want.ids);
    assert.deepEqual(
      [...sequences[i].supervised.keys()].filter((t) => sequences[i].supervised[t]),
      want.targets,
    );
    const whole = encodeExample(model.tokenizer, chatml, examples[i], { context: 4096, supervise: "all" });
    assert.equal(whole.ids.length, want.full_length);
  });
});

Deno.test("truncatedLinear() gives the smoothing that PyTorch was given", async () => {
  const ratings = (await ownDialogues()).map((e) => e.uncertainty!);
  const { smoothing, truncated } = truncatedLinear(ratings, stored.settings);
  stored.examples.forEach((e: { s: number }, i: number) => near(smoothing[i], e.s, 1e-9, names[i]));
  assert.equal(truncated, 1);
});

/** A step as train() leaves it: its metrics, the adapter after it, its gradients. */
interface Seen {
  metrics: StepMetrics;
  params: Params;
  grads: Params;
}

/** Trains with the settings of both references and looks into the checkpoint after every step. */
async function watched(
  sequences: Sequence[],
  smoothing: number[],
  lora: LoraConfig,
  init: Params,
  steps: number,
): Promise<Seen[]> {
  const base = baseOf(await smollm()), seen: Seen[] = [];
  const threads = navigator.hardwareConcurrency;
  const plain = { warmup: 0, schedule: "constant", clip: 0, seed: 0, shuffle: false } as const;
  const settings = { lora, batch: 4, steps, lr: 3e-4, weightDecay: 0.01, maxRows: 4, threads, ...plain };
  let before: Params | undefined;
  await inFolder(async (dir) => {
    const onStep = async (metrics: StepMetrics) => {
      const { params, m } = await checkpoint(dir);
      seen.push({ metrics, params, grads: gradientsOf(m, before) });
      before = m;
    };
    await train(base, sequences, smoothing, settings, { dir, init, checkpointEvery: 1, onStep });
  });
  return seen;
}

async function checkpoint(dir: string): Promise<Record<string, Params>> {
  const file = await openSafetensors(join(dir, "checkpoint.safetensors"));
  const groups: Record<string, Params> = { params: {}, m: {}, v: {} };
  for (const name of file.tensors.keys()) {
    const [group, ...rest] = name.split("/");
    groups[group][rest.join("/")] = await file.read(name);
  }
  file.close();
  return groups;
}

/** The gradients of a step from AdamW's first moments after and before it: m = 0.9·m' + 0.1·g. */
function gradientsOf(m: Params, before?: Params): Params {
  return Object.fromEntries(
    Object.entries(m).map(([name, { shape, data }]) => {
      const old = before?.[name].data;
      const values = Float32Array.from(data, (x, i) => (x - 0.9 * (old?.[i] ?? 0)) / 0.1);
      return [name, { dtype: "float32" as const, shape, data: values }];
    }),
  );
}

const part = (params: Params, matrix: "A" | "B") =>
  Object.fromEntries(Object.entries(params).filter(([name]) => name.includes(`.lora_${matrix}.`)));

/** What both references hold of one step. */
interface WantedStep {
  loss: number;
  sample_loss: number[];
  sample_nll: number[];
  grad_norm: number;
  a_norm: number;
  b_norm: number;
  grads: Record<string, { first: number[]; norm: number }>;
}

function compareStep({ metrics, params, grads }: Seen, want: WantedStep) {
  const at = (what: string) => `step ${metrics.step}, ${what}`;
  near(metrics.loss, want.loss, 1e-5, at("loss"));
  metrics.samples.forEach((sample, i) => {
    near(sample.loss, want.sample_loss[i], 3e-5, at(`loss of ${sample.id}`));
    near(sample.nll, want.sample_nll[i], 3e-5, at(`negative log-likelihood of ${sample.id}`));
  });
  near(metrics.grad_norm, want.grad_norm, 1e-4 * want.grad_norm, at("gradient norm"));
  near(gradientNorm(part(params, "A")), want.a_norm, 1e-6 * want.a_norm, at("norm of A"));
  near(gradientNorm(part(params, "B")), want.b_norm, 1e-5 * want.b_norm, at("norm of B"));
  for (const [name, { first, norm }] of Object.entries(want.grads ?? {})) {
    near(gradientNorm({ [name]: grads[name] }), norm, 1e-4 * norm, at(`gradient norm of ${name}`));
    const typical = norm / Math.sqrt(grads[name].data.length);
    first.forEach((g, i) => near(grads[name].data[i], g, 1e-3 * typical, at(`gradient ${i} of ${name}`)));
  }
}

interface StoredRun {
  lora: LoraConfig & { bound_a: number; bound_b: number };
  start_sha256: string;
  steps: WantedStep[];
  step1_float64: { loss: number; grad_norm: number };
}

for (const [name, run] of Object.entries<StoredRun>(stored.runs)) {
  Deno.test(`train() equals PyTorch and PEFT on our dialogues: ${name}`, async () => {
    const { lora: { r, alpha, targets, ...bounds }, steps } = run;
    const lora: LoraConfig = { r, alpha, targets, dropout: 0 };
    const smoothing = stored.examples.map((e: { s: number }) => name === "sft" ? 0 : e.s);
    const init = startAdapter((await smollm()).config, lora, bounds);
    const hash = createHash("sha256");
    for (const { data } of Object.values(init)) hash.update(new Uint8Array(data.buffer as ArrayBuffer));
    assert.equal(hash.digest("hex"), run.start_sha256, "the start adapter");
    const seen = await watched(await ownSequences(), smoothing, lora, init, steps.length);
    seen.forEach((step, i) => compareStep(step, steps[i]));
    const { loss, grad_norm } = run.step1_float64;
    near(seen[0].metrics.loss, loss, 1e-5, "step 1, loss in float64");
    near(seen[0].metrics.grad_norm, grad_norm, 1e-4 * grad_norm, "step 1, gradient norm in float64");
  });
}

Deno.test("score() equals transformers' log-likelihood of every token", async () => {
  const { id, nll } = stored.base.token_nll;
  const { ids } = (await ownSequences())[names.indexOf(id)];
  const supervised = new Uint8Array(ids.length).fill(1, 1);
  const [got] = await score(baseOf(await smollm()), [{ id, ids, supervised }]);
  assert.equal(got.nll.length, nll.length);
  got.nll.forEach((x, i) => near(x, nll[i], 1e-4, `token ${i + 1}`));
});

/** Ids of a user's prompt under ChatML, up to where the answer begins. */
async function promptIds(prompt: string): Promise<number[]> {
  const text = renderChat(chatml, [{ role: "user", content: prompt }], { addGenerationPrompt: true });
  return (await smollm()).tokenizer.encode(text, { addSpecial: false });
}

Deno.test("generate() continues as transformers does", async () => {
  const { greedy } = stored.base;
  const prompts = await Promise.all(greedy.map((g: { prompt: string }) => promptIds(g.prompt)));
  const answers = await generate(baseOf(await smollm()), prompts, { maxNew: 24, stop: [2] });
  assert.deepEqual(answers.map((a) => a.ids), greedy.map((g: { ids: number[] }) => g.ids));
});

/** The mirror's reference in the form of ours. */
function mirrorStep(run: Record<string, never[]>, i: number): WantedStep {
  const grads: WantedStep["grads"] = {};
  const looked = run[`step${i + 1}_grads`] as unknown as Record<string, never>;
  for (const key of Object.keys(looked ?? {}).filter((key) => key.endsWith("_first16"))) {
    const [, layer, projection, matrix] = /^layer(\d+)_([qv])_lora_([AB])_first16$/.exec(key)!;
    const name = `base_model.model.model.layers.${layer}.self_attn.${projection}_proj.lora_${matrix}.weight`;
    grads[name] = { first: looked[key], norm: looked[key.replace("first16", "l2")] };
  }
  const { loss, sample_loss, sample_nll, grad_norm, A_norm, B_norm } = run;
  return {
    loss: loss[i],
    sample_loss: sample_loss[i],
    sample_nll: sample_nll[i],
    grad_norm: grad_norm[i],
    a_norm: A_norm[i],
    b_norm: B_norm[i],
    grads,
  };
}

const readMirror = (file: string) => JSON.parse(Deno.readTextFileSync(join(parity!, "peft", file)));

for (const name of ["sft", "ual"]) {
  Deno.test({
    name: `train() equals PyTorch and PEFT on the mirror's dialogues: ${name}`,
    ignore: !parity,
    fn: async () => {
      const { mapping, train_response } = readMirror("reference.json");
      const sequences = readMirror("tokens.json").examples.map(
        (e: { lima_index: number; ids: number[]; targets_response: [number, number] }) => ({
          id: String(e.lima_index),
          ids: Int32Array.from(e.ids),
          supervised: new Uint8Array(e.ids.length).fill(1, ...e.targets_response),
        }),
      );
      const smoothing = sequences.map((_: Sequence, i: number) => name === "sft" ? 0 : mapping.s[i]);
      const { params, lora } = await readAdapter(join(parity!, "peft/init_adapter"), (await smollm()).config);
      const seen = await watched(sequences, smoothing, lora, params, 4);
      seen.forEach((step, i) => compareStep(step, mirrorStep(train_response[name], i)));
    },
  });
}

Deno.test({
  name: "generate() continues the mirror's prompts as transformers does",
  ignore: !parity,
  fn: async () => {
    const greedy = Object.entries<{ ids: number[] }>(readMirror("reference.json").sanity.greedy);
    const prompts = await Promise.all(greedy.map(([prompt]) => promptIds(prompt)));
    const answers = await generate(baseOf(await smollm()), prompts, { maxNew: 32, stop: [2] });
    assert.deepEqual(answers.map((a) => a.ids), greedy.map(([, { ids }]) => ids));
  },
});
