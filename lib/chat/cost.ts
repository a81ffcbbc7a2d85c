// What calls cost: a price table in data/prices.json, and estimates before the first call.
import { join } from "node:path";
import { InputError } from "../run/errors.ts";
import { type Counter, counterOf, promptTokens } from "./tokens.ts";
import type { ChatRequest, CostEstimate, Price } from "./types.ts";

/** The table of list prices. */
export interface PriceTable {
  /** When the prices were known to hold, as in 2024-01-31. */
  date: string;
  /** What to check before relying on them. */
  note: string;
  /** USD per million tokens. */
  unit: string;
  /** What a call through the Batch API costs, as a share of its price. */
  batch: number;
  /** By the model's name. */
  models: Record<string, Price>;
}

/** Reads data/prices.json, or a table of the same layout. */
export async function readPrices(
  path: string = join(import.meta.dirname!, "../../data/prices.json"),
): Promise<PriceTable> {
  const table = JSON.parse(await Deno.readTextFile(path)) as PriceTable;
  const bad = Object.entries(table.models ?? {}).find(([, price]) => !isPrice(price));
  if (!table.models || bad || !table.date) {
    throw new InputError(
      `Cannot read prices from ${path}: ${
        bad ? `${bad[0]} has no input and output in USD per million tokens` : "date or models is missing"
      }; see data/prices.json`,
    );
  }
  return table;
}

function isPrice(price: Partial<Price>): boolean {
  return [price?.input, price?.output].every((x) => typeof x === "number" && x >= 0 && x < Infinity);
}

/** The price of a model by its name, with its date at the end or without (gpt-4o-2024-08-06); undefined where it is unknown. */
export function priceOf(model: string, { models }: PriceTable): Price | undefined {
  const undated = model.replace(/-\d{4}-\d{2}-\d{2}$/, "");
  return [model, undated].filter((name) => Object.hasOwn(models, name)).map((name) => models[name])[0];
}

/** USD. */
export function costOf(tokens: { prompt: number; completion: number }, { input, output }: Price): number {
  return (tokens.prompt * input + tokens.completion * output) / 1e6;
}

/** How to price and count. */
export interface EstimateOptions {
  /** Default: by the model's name from `prices`. */
  price?: Price;
  /** Default: data/prices.json. */
  prices?: PriceTable;
  /** Default: OpenAI's tokenizer of the model, o200k for others. */
  countTokens?: (text: string) => number;
}

/**
 * What `requests` to `model` would cost at most. Without `usd` where the price is unknown. Throws InputError where there is
 * a price but a request has no maxTokens.
 */
export async function estimateCost(
  requests: Iterable<ChatRequest>,
  model: string,
  options: EstimateOptions = {},
): Promise<CostEstimate> {
  const { countTokens: count } = options;
  const counter = count ? { count, approximate: false } : await counterOf(model);
  return sumUp(requests, counter, await priceFor(model, options));
}

/** A price and where it comes from; undefined where it is unknown. */
export async function priceFor(
  model: string,
  { price, prices }: EstimateOptions,
): Promise<{ price: Price; priceSource: string } | undefined> {
  if (price) {
    if (isPrice(price)) return { price, priceSource: "given" };
    throw new InputError(
      `Cannot use the price ${JSON.stringify(price)}: give input and output in USD per million tokens`,
    );
  }
  const table = prices ?? await readPrices(), listed = priceOf(model, table);
  return listed && { price: listed, priceSource: `data/prices.json, ${table.date}` };
}

/** As estimateCost(), with what it needs at hand. `cached` counts answers that the ledger has. */
export function sumUp(
  requests: Iterable<ChatRequest>,
  { count, approximate }: Counter,
  known: { price: Price; priceSource: string } | undefined,
  cached = 0,
): CostEstimate {
  let calls = 0, prompt = 0, completion = 0;
  for (const request of requests) {
    calls++;
    prompt += promptTokens(request, count);
    completion += known ? mostTokens(request) : request.maxTokens ?? 0;
  }
  const tokens = { promptTokens: prompt, completionTokens: completion };
  const usd = known && { usd: costOf({ prompt, completion }, known.price), ...known };
  return { calls, cached, ...tokens, ...usd, approximate };
}

/** The most tokens that an answer can have. Throws InputError where nothing limits it. */
export function mostTokens({ maxTokens }: ChatRequest): number {
  if (maxTokens !== undefined) return maxTokens;
  throw new InputError("Cannot say what a call costs at most: it has no limit of tokens; set maxTokens");
}

/** An estimate in words. */
export function estimateText(
  { calls, cached, promptTokens, completionTokens, ...rest }: CostEstimate,
): string {
  const n = (x: number) => x.toLocaleString("en-US");
  const about = rest.approximate ? "about " : "";
  const known = cached ? `, ${n(cached)} answers are in the ledger` : "";
  const cost = rest.usd === undefined
    ? "the price is unknown: give one"
    : `at most ${rest.usd.toFixed(rest.usd < 0.01 ? 6 : 2)} USD (${rest.price!.input} and ${
      rest.price!.output
    } USD per million tokens, ${rest.priceSource})`;
  return `${n(calls)} calls${known}; ${about}${n(promptTokens)} prompt tokens and at most ${
    n(completionTokens)
  } of answers; ${cost}`;
}
