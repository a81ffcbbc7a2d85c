// Does the exported model compute what the base with its adapter does? The logits of both on the same texts, position by
// position over the whole vocabulary. One of the two models is loaded at a time.
import * as tf from "@tensorflow/tfjs";
import { bundled } from "../data/bundled.ts";
import { renderChat } from "../data/template.ts";
import { i32, jit, type JitOptions, type Program, specsOf, type TensorData } from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import { specialTexts } from "./encode.ts";
import { headName, hiddenStates, type TokenRows } from "./llama.ts";
import { loraLinear, NO_LORA } from "./lora.ts";
import type { Model } from "./open_model.ts";

/** How far two models are apart. Log-likelihoods in nats, of the text's own next tokens. */
export interface LogitComparison {
  /** Texts, and positions in them. */
  texts: number;
  positions: number;
  /** The largest |logit| of the reference: what the differences are to be measured by. */
  maxLogit: number;
  /** max |Δ logit| over all positions and the vocabulary. */
  maxLogitDifference: number;
  /** max |Δ log p| of the next token. */
  maxLikelihoodDifference: number;
  /** Its mean. */
  meanLikelihoodDifference: number;
  /** The share of positions where both find the same token the likeliest. */
  top1Agreement: number;
  /** The reference's mean −log p of the next token, and the other's. */
  nll: number;
  otherNll: number;
}

/** Logits of one text: [n, K] for its n tokens. */
type Logits = Float32Array;

const TEXTS = 6, TOKENS = 128, MOST_BYTES = 256e6;

/** The token ids of a few bundled held-out dialogues, cut at 128 tokens (less for a very large vocabulary). */
export async function comparisonTexts(model: Model, template = model.chatTemplate): Promise<Int32Array[]> {
  const { tokenizer, config } = model;
  const room = Math.floor(MOST_BYTES / (4 * config.vocabSize * TEXTS));
  const length = Math.max(2, Math.min(TOKENS, config.maxPositions, room));
  return (await bundled("heldout", TEXTS)).map(({ turns }) => {
    const ids = template
      ? tokenizer.encode(renderChat(template, turns, specialTexts(tokenizer)), { addSpecial: false })
      : tokenizer.encode(turns.map((turn) => turn.content).join("\n"));
    return Int32Array.from(ids.slice(0, length));
  });
}

/** The logits of each text of `texts` under `base` with `adapter`. */
export async function logitsOf(
  base: Base,
  texts: Int32Array[],
  options: JitOptions & { adapter?: Adapter } = {},
): Promise<Logits[]> {
  const { adapter, ...jitOptions } = options;
  const T = texts.reduce((most, ids) => Math.max(most, ids.length), 1), K = base.config.vocabSize;
  const row = { shape: [1, T], dtype: "int32" as const };
  const program: Program = ({ params, batch, weights }) => {
    const linear = loraLinear(weights, params ?? {}, adapter?.lora ?? NO_LORA);
    const hidden = hiddenStates(base.config, weights, batch as unknown as TokenRows, linear);
    return { logits: tf.matMul(hidden, weights[headName(base.config)] as tf.Tensor2D, false, true) };
  };
  const params = adapter?.params ?? {};
  const specs = { params: specsOf(params), batch: { ids: row, positions: row, segments: row } };
  const run = await jit(program, specs, { ...jitOptions, weights: base.weights });
  try {
    const positions = i32([1, T], Int32Array.from({ length: T }, (_, t) => t)), segments = i32([1, T]);
    const all: Logits[] = [];
    for (const ids of texts) {
      const padded = new Int32Array(T);
      padded.set(ids); // causal: what stands behind a token changes nothing
      const { logits } = await run({ params, batch: { ids: i32([1, T], padded), positions, segments } });
      all.push((logits as TensorData).data.slice(0, ids.length * K) as Logits);
    }
    return all;
  } finally {
    await run.close();
  }
}

/** How far `other` is from `reference`, both as logitsOf() gives them for `texts`. */
export function compareLogits(texts: Int32Array[], reference: Logits[], other: Logits[]): LogitComparison {
  const positions = texts.reduce((sum, ids) => sum + ids.length, 0);
  let maxLogit = 0, maxLogitDifference = 0, agreed = 0;
  let maxLikelihoodDifference = 0, likelihoodDifference = 0, nll = 0, otherNll = 0, targets = 0;
  texts.forEach((ids, s) => {
    const K = reference[s].length / ids.length;
    for (let t = 0; t < ids.length; t++) {
      const a = reference[s].subarray(t * K, (t + 1) * K), b = other[s].subarray(t * K, (t + 1) * K);
      const apart = largestDifference(a, b);
      maxLogit = larger(maxLogit, Math.abs(a[argMax(a)]));
      maxLogitDifference = larger(maxLogitDifference, apart);
      if (argMax(a) === argMax(b)) agreed++;
      if (t + 1 === ids.length) continue;
      const one = logProbability(a, ids[t + 1]), two = logProbability(b, ids[t + 1]);
      maxLikelihoodDifference = larger(maxLikelihoodDifference, Math.abs(one - two));
      likelihoodDifference += Math.abs(one - two);
      nll -= one;
      otherNll -= two;
      targets++;
    }
  });
  return {
    texts: texts.length,
    positions,
    maxLogit,
    maxLogitDifference,
    maxLikelihoodDifference,
    meanLikelihoodDifference: likelihoodDifference / targets,
    top1Agreement: agreed / positions,
    nll: nll / targets,
    otherNll: otherNll / targets,
  };
}

/** The larger of two; NaN where one is. */
const larger = (a: number, b: number) => a >= b || Number.isNaN(a) ? a : b;

function largestDifference(a: Logits, b: Logits): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs(a[i] - b[i]);
    if (!(apart <= most)) most = apart; // also where it is NaN
    if (Number.isNaN(most)) return most;
  }
  return most;
}

/** The index of the largest; the first of several. */
function argMax(row: Logits): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i] > row[best]) best = i;
  return best;
}

/** log softmax(row)[id], in float64. */
function logProbability(row: Logits, id: number): number {
  const most = row[argMax(row)];
  let total = 0;
  for (let i = 0; i < row.length; i++) total += Math.exp(row[i] - most);
  return row[id] - most - Math.log(total);
}
