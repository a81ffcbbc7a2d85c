// Runs tasks: items → tokens → log-likelihoods or generated texts → graded rows, under one or several adapters in one pass.
// What was scored before is taken from a ledger. Reading tasks: open_tasks.ts; tables of the rows: summary.ts.
import {
  type Adapter,
  baseOf,
  type ChoiceRequest,
  type ChoiceScore,
  generate,
  type Model,
  scoreChoices,
} from "../model/mod.ts";
import type { JitOptions } from "../jit/mod.ts";
import { InputError } from "../run/errors.ts";
import { sha256Hex } from "../run/files.ts";
import { cutAtStop } from "./harness/cut_at_stop.ts";
import { isRowOf, itemKey, type ItemLedger } from "./item_ledger.ts";
import type { ItemRow } from "./item_row.ts";
import { checkRoom, fitSequence, PairEncoder } from "./harness/pair_encoder.ts";
import type { ChoiceItem, GenerationItem, Item, OpenTask, Task } from "./task.ts";

/** Part of an item's key: raise it when encoding, scoring or grading changes what rows hold. */
const VERSION = 1;

/** How to evaluate. */
export interface EvaluateOptions extends JitOptions {
  /** Takes up what was scored before and keeps what is scored now. */
  ledger?: ItemLedger;
  /** SHA-256 of each adapter's files, by name; needed with a ledger. */
  adapterHashes?: Record<string, string>;
  /** Tokens of a batch of choices, about. Default 1024. */
  batchTokens?: number;
  /** Texts that are generated side by side. Default 16. */
  batch?: number;
  /** Called as items are done: how many of how many, those from the ledger counted. */
  onItem?: (done: number, total: number, task: string) => void | Promise<void>;
}

/** One item under one model, with what its row will be. */
interface Job {
  task: Task;
  item: Item;
  /** What the row has before scoring. */
  start: ItemRow;
  key: string;
}

/**
 * The rows of all items under each adapter (undefined: the base model alone): by task, model and document, in the given
 * orders. A row depends on its item, model and adapter alone, but for rounding. Throws InputError for items that the model
 * cannot take.
 */
export async function evaluate(
  model: Model,
  adapters: Record<string, Adapter | undefined>,
  tasks: OpenTask[],
  options: EvaluateOptions = {},
): Promise<ItemRow[]> {
  const names = Object.keys(adapters), { ledger, onItem } = options;
  const encoder = new PairEncoder(model.tokenizer), max = model.config.maxPositions;
  const total = names.length * tasks.reduce((sum, { items }) => sum + items.length, 0);
  const rows: ItemRow[] = [];
  let done = 0;
  const told = async (task: string, count = 1) => await onItem?.(done += count, total, task);
  tasks.forEach(({ task: { name }, items }) => checkRoom(name, items, max));
  for (const opened of batchesOf(tasks)) {
    const made = new Map<string, ItemRow>(); // by key
    const jobs = opened.flatMap((task) => jobsOf(task, names, model, options));
    for (const job of jobs) {
      const row = ledger?.get(job.key);
      if (row && isRowOf(row, job.start, job.task.metrics)) made.set(job.key, row);
    }
    const known = new Set(made.keys()), count = jobs.filter(({ key }) => known.has(key)).length;
    if (count) await told(opened[0].task.name, count);
    const keep = async (job: Job, row: ItemRow) => {
      made.set(job.key, row);
      ledger?.add(job.key, row);
      await told(job.start.task);
    };
    if (count < jobs.length) {
      const run = opened[0].task.kind === "choice" ? runChoices : runTexts;
      await run(model, adapters, jobs, {
        ...options,
        encoder,
        max,
        keep,
        known,
        flush: () => ledger?.flush(),
      });
      ledger?.flush();
    }
    // A row that the ledger has under another model's name is the same result all the same.
    for (const { key, start: { model } } of jobs) rows.push({ ...made.get(key)!, model });
  }
  return rows;
}

/** Tasks that run together: all of a group's choices (their programs are shared), others one by one. */
function batchesOf(tasks: OpenTask[]): OpenTask[][] {
  const batches: OpenTask[][] = [];
  for (const task of tasks) {
    const last = batches.at(-1), group = task.task.group;
    if (last && group && last[0].task.group === group && task.task.kind === "choice") last.push(task);
    else batches.push([task]);
  }
  return batches;
}

/** The items of a task under each model in turn; what does not depend on the model is hashed once. */
function jobsOf(
  { task, shots, settings, items }: OpenTask,
  names: string[],
  model: Model,
  { ledger, adapterHashes = {}, engine = "onnxruntime" }: EvaluateOptions,
): Job[] {
  const known = items.map((item) => ({
    item,
    start: startOf(task, item),
    hash: ledger ? sha256Hex(JSON.stringify(item)) : "", // its row in the file among it
  }));
  return names.flatMap((name) =>
    known.map(({ item, start, hash }) => {
      const key = ledger
        ? itemKey({
          version: VERSION,
          model: [model.hash, model.definition],
          adapter: name in adapterHashes ? adapterHashes[name] : null,
          task: task.name,
          settings: [settings, shots, task.metrics],
          engine,
          item: hash,
        })
        : `${name}\n${task.name}\n${item.docIndex}`;
      return { task, item, start: { ...start, model: name }, key };
    })
  );
}

/** What an item's row has before scoring, but for the model. */
function startOf(task: Task, { docIndex, id, cluster, question, contexts }: Item): ItemRow {
  return {
    model: "",
    task: task.name,
    doc_index: docIndex,
    ...(id === undefined ? {} : { id }),
    ...(task.group ? { group: task.group } : {}),
    ...(cluster === undefined ? {} : { cluster }),
    question,
    context_sha256: sha256Hex(contexts[0]),
    n_context_tokens: 0,
    truncated: 0,
  };
}

interface RunOptions extends EvaluateOptions {
  encoder: PairEncoder;
  /** The model's context in tokens. */
  max: number;
  keep: (job: Job, row: ItemRow) => Promise<void>;
  /** Keys of what the ledger has. Batches are those of a run without it, so that going on gives the same bits. */
  known: ReadonlySet<string>;
  flush: () => void;
}

/** Scores choices; an item is encoded once for all models. */
async function runChoices(
  model: Model,
  adapters: Record<string, Adapter | undefined>,
  jobs: Job[],
  options: RunOptions,
): Promise<void> {
  const { keep, known, flush, batchTokens } = options;
  const lists = [...Map.groupBy(jobs, ({ item }) => item).values()];
  const encoded = lists.map(([job]) => encodeChoices(job, options));
  const jobOf = (name: string, index: number) => lists[index].find(({ start }) => start.model === name)!;
  let unsaved = 0;
  await scoreChoices(baseOf(model), encoded.map(({ request }) => request), adapters, {
    ...jitOf(options),
    batchTokens,
    known: (name, index) => known.has(jobOf(name, index).key),
    onScore: async (name, index, score) => {
      const job = jobOf(name, index);
      await keep(job, choiceRow(job, encoded[index], score));
      if (++unsaved % 64 === 0) flush();
    },
  });
}

/** An item's tokens: the request, and what its row says of them. */
interface EncodedChoices {
  request: ChoiceRequest;
  continuations: number[][];
  contextTokens: number;
  truncated: number;
}

function encodeChoices({ item, start, task }: Job, { encoder, max }: RunOptions): EncodedChoices {
  const { contexts, continuations, keepsSpace } = item as ChoiceItem,
    place = `${start.task} row ${start.doc_index}`;
  const pairs = continuations.map((continuation, i) =>
    encoder.pair(contexts[i] ?? contexts[0], continuation, { keepsSpace })
  );
  const fitted = pairs.map((pair) => fitSequence(pair, max, place));
  return {
    request: {
      sequences: fitted.map(({ ids }) => ids),
      targets: fitted.map(({ targets }) => targets),
      group: task.name,
    },
    continuations: pairs.map(({ continuation }) => continuation),
    contextTokens: pairs[0].context.length,
    truncated: fitted.reduce((most, { truncated }) => Math.max(most, truncated), 0),
  };
}

function choiceRow({ item, start, task }: Job, encoded: EncodedChoices, score: ChoiceScore): ItemRow {
  const { choices, gold, labels } = item as ChoiceItem;
  const { loglikelihoods, isGreedy } = score;
  if (loglikelihoods.some(Number.isNaN)) {
    throw new InputError(
      `Cannot score ${start.task} row ${start.doc_index} under ${start.model}: its log-likelihood is NaN; ` +
        "check the model and the adapter",
    );
  }
  const { metrics, extracted } = task.grade(item, { loglikelihoods, isGreedy });
  return {
    ...start,
    n_context_tokens: encoded.contextTokens,
    truncated: encoded.truncated,
    choices,
    continuation_token_ids: encoded.continuations,
    loglikelihoods,
    is_greedy: isGreedy,
    gold,
    ...(labels ? { labels } : {}),
    ...extracted,
    ...metrics,
  };
}

/** Generates texts, model by model. */
async function runTexts(
  model: Model,
  adapters: Record<string, Adapter | undefined>,
  jobs: Job[],
  options: RunOptions,
): Promise<void> {
  const alike = Map.groupBy(jobs, ({ item, start }) => {
    const { stop, maxNew } = item as GenerationItem;
    return JSON.stringify([start.model, stop, maxNew]);
  });
  for (const own of alike.values()) {
    // Some at a time, so that a killed run loses little; each batch fills the rows that generate side by side.
    for (let at = 0; at < own.length; at += GENERATED) {
      const part = own.slice(at, at + GENERATED);
      if (part.every(({ key }) => options.known.has(key))) continue;
      await generateRows(model, adapters[part[0].start.model], part, options);
      options.flush();
    }
  }
}

/** Items that are generated before the ledger is written. */
const GENERATED = 64;

async function generateRows(
  model: Model,
  adapter: Adapter | undefined,
  jobs: Job[],
  { encoder, max, keep, known, batch, ...options }: RunOptions,
): Promise<void> {
  const { stop, maxNew } = jobs[0].item as GenerationItem, { tokenizer, config } = model;
  const room = max - maxNew;
  const contexts = jobs.map(({ item }) => encoder.encode(item.contexts[0]));
  const eos = tokenizer.eosId === undefined ? "" : tokenizer.tokenOf(tokenizer.eosId);
  const decode = (ids: number[]) => tokenizer.decode(ids, { skipSpecial: true });
  const made = await generate(baseOf(model), contexts.map((ids) => ids.slice(-room)), {
    ...jitOf(options),
    adapter,
    maxNew,
    stop: config.eosIds,
    stopStrings: stop,
    decode,
    batch,
  });
  for (const [i, job] of jobs.entries()) {
    if (known.has(job.key)) continue;
    const { ids } = made[i], text = cutAtStop(decode(ids), eos ? [...stop, eos] : stop);
    const { metrics, extracted } = job.task.grade(job.item, { text });
    await keep(job, {
      ...job.start,
      n_context_tokens: contexts[i].length,
      truncated: Math.max(0, contexts[i].length - room),
      generated: text,
      new_token_ids: ids,
      n_new_tokens: ids.length,
      target: (job.item as GenerationItem).target,
      ...extracted,
      ...metrics,
    });
  }
}

/** The compiler's options among a run's. */
function jitOf({ threads, engine, cache, config, device }: JitOptions): JitOptions {
  return { threads, engine, cache, config, device };
}
