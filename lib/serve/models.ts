// What is offered under which name: the base model and each adapter on it, with an engine of its own each, over the same
// compiled steps.
import { createHash } from "node:crypto";
import type { Adapter, Base } from "../model/base.ts";
import { Engine } from "../model/engine.ts";
import { bytesPerToken } from "../model/kv_cache.ts";
import type { Model } from "../model/open_model.ts";
import { PrefixCache } from "../model/prefix_cache.ts";
import { roundUp } from "../model/rows.ts";
import type { Steps } from "../model/steps.ts";
import { CHUNK } from "../model/text_rows.ts";
import { InputError } from "../run/errors.ts";
import { sha256Hex } from "../run/files.ts";

/** A model as clients see it: an object of GET /v1/models, with what it is made of. */
export interface ModelCard {
  /** What a request's `model` names. */
  id: string;
  /** Always "model". */
  object: "model";
  /** When the server started, in seconds since 1970. */
  created: number;
  /** Always "ual". */
  owned_by: string;
  /** Hash of all that decides an answer's text: weights, tokenizer, adapter, template. */
  fingerprint: string;
  /** The longest prompt with its answer, in tokens. */
  context_length: number;
}

/** An offered model at work. */
export interface ServedModel {
  card: ModelCard;
  engine: Engine;
}

/** How the offered models work; see ServeOptions. */
export interface ModelsOptions {
  adapters: Record<string, Adapter>;
  template: string;
  name: string;
  batch: number;
  context: number;
  prefixCache: number;
}

/** Positions that rows have room for at first. */
const CAPACITY = 512;

/** Pieces of prompts read between two tokens of the texts under way: 0.4 s of the 135M model on two cores. */
const BURST = 4;

/** The base model, then each adapter as "name:adapter". Throws InputError for an adapter's name that cannot be. */
export function servedModels(
  model: Model,
  base: Base,
  steps: Steps,
  options: ModelsOptions,
): Map<string, ServedModel> {
  const { adapters, template, name } = options;
  const created = Math.floor(Date.now() / 1000);
  const offer = (id: string, adapter?: Adapter): [string, ServedModel] => [id, {
    card: {
      id,
      object: "model",
      created,
      owned_by: "ual",
      fingerprint: fingerprintOf(model, base, template, adapter),
      context_length: options.context,
    },
    engine: openEngine(base, steps, options, adapter),
  }];
  const offered = [offer(name)];
  for (const [key, adapter] of Object.entries(adapters)) {
    if (!/^[\w.-]+$/.test(key)) {
      throw new InputError(
        `Cannot serve adapter ${JSON.stringify(key)}: name it with letters, digits, ".", "_" and "-" alone`,
      );
    }
    offered.push(offer(`${name}:${key}`, adapter));
  }
  return new Map(offered);
}

function openEngine(base: Base, steps: Steps, options: ModelsOptions, adapter?: Adapter): Engine {
  const { batch, context, prefixCache } = options, limit = roundUp(context, CHUNK);
  return new Engine(base, steps, {
    adapter,
    rows: batch,
    sizes: rowSizes(batch),
    capacity: Math.min(limit, CAPACITY),
    limit,
    growth: 1.5,
    burst: BURST,
    prefixes: prefixCache > 0 ? new PrefixCache(prefixCache) : undefined,
    shrinks: true,
    pause,
  });
}

/** Lets requests in: onnxruntime's calls follow each other too closely for the event loop to look at sockets. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** 4, 16, 64 … below `batch`, and `batch`: a step of 4 rows takes little longer than one of a single row. */
export function rowSizes(batch: number): number[] {
  const sizes: number[] = [];
  for (let size = 4; size < batch; size *= 4) sizes.push(size);
  return [...sizes, batch];
}

/** The largest key/value cache of one offered model, in bytes. */
export function cacheBytes(base: Base, { batch, context }: Pick<ModelsOptions, "batch" | "context">): number {
  return batch * roundUp(context, CHUNK) * bytesPerToken(base.config);
}

function fingerprintOf(model: Model, base: Base, template: string, adapter?: Adapter): string {
  return sha256Hex(
    JSON.stringify([
      base.weights.hash,
      model.definition,
      sha256Hex(template),
      adapter && adapterHash(adapter),
    ]),
  );
}

/** A hash of an adapter's settings and tensors. */
function adapterHash({ params, lora }: Adapter): string {
  const { r, alpha, targets, rslora = false } = lora;
  const hash = createHash("sha256").update(JSON.stringify([r, alpha, targets.toSorted(), rslora]));
  for (const name of Object.keys(params).sort()) {
    const { shape, data } = params[name];
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
