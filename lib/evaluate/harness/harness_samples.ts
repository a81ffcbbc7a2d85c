// Items as lm-evaluation-harness 0.4.13 logs them (SampleResult of its result_schema.py), and JSON as Python writes it.
// The files' names and the aggregated results are harness_export.ts's.
import { sha256Hex } from "../../run/files.ts";
import type { ItemRow, TaskInfo } from "../item_row.ts";
import type { Item, OpenTask } from "../task.ts";

/** The lines of one task's samples file. */
export interface SampleFile {
  task: string;
  lines: Sample[];
}

/** A line; an item has one for each filter. Measures stand beside these fields. */
export interface Sample {
  doc_id: number;
  doc: Record<string, unknown>;
  target: string;
  arguments: Record<string, Record<string, unknown>>;
  resps: unknown[];
  filtered_resps: unknown[];
  filter: string;
  metrics: string[];
  doc_hash: string;
  prompt_hash: string;
  target_hash: string;
  [measure: string]: unknown;
}

/** Our measures under other names there: the harness has one name with a filter for how an answer was extracted. */
const MEASURES: Record<string, { name: string; filter: string }> = {
  exact_match_strict: { name: "exact_match", filter: "strict-match" },
  exact_match_flexible: { name: "exact_match", filter: "flexible-extract" },
  mc2: { name: "acc", filter: "none" },
};

const OWN = ["acc", "acc_norm", "acc_bytes", "exact_match"];

/** The harness's name and filter of a measure of ours; what it does not know has the filter "ual". */
export function harnessMeasure(metric: string): { name: string; filter: string } {
  return MEASURES[metric] ?? { name: metric, filter: OWN.includes(metric) ? "none" : "ual" };
}

/** Measures in the order in which the harness has them; ours last. */
export function harnessOrder(metrics: readonly string[]): string[] {
  const place = (metric: string) =>
    (OWN.indexOf(harnessMeasure(metric).name) + OWN.length + 1) % (OWN.length + 1);
  return metrics.toSorted((a, b) => place(a) - place(b));
}

/** The samples of one task under one model: all items of the first filter, then of the next. Ours ("ual") stand in none. */
export function harnessSamples(rows: readonly ItemRow[], info: TaskInfo, open?: OpenTask): Sample[] {
  const items = new Map(open?.items.map((item) => [item.docIndex, item]));
  const inOrder = rows.toSorted((a, b) => a.doc_index - b.doc_index);
  const filters = Map.groupBy(harnessOrder(info.metrics), (metric) => harnessMeasure(metric).filter);
  filters.delete("ual");
  return [...filters].flatMap(([filter, metrics]) =>
    inOrder.map((row) => sample(row, { filter, metrics, item: items.get(row.doc_index) }))
  );
}

function sample(
  row: ItemRow,
  { filter, metrics, item }: { filter: string; metrics: string[]; item?: Item },
): Sample {
  const doc = docOf(row), target = row.generated === undefined ? String(row.gold) : row.target ?? "";
  const names = metrics.map((metric) => harnessMeasure(metric).name);
  return {
    doc_id: row.doc_index,
    doc,
    target,
    arguments: item ? argumentsOf(item) : {},
    ...answersOf(row, filter),
    filter,
    metrics: names,
    doc_hash: sha256Hex(pythonJson(doc, 2)),
    prompt_hash: row.context_sha256,
    target_hash: sha256Hex(target),
    ...Object.fromEntries(metrics.map((metric, i) => [names[i], real(row[metric] as number)])),
  };
}

/** In place of the source's row: what the item tells of it. */
function docOf({ id, question, cluster, choices, gold, labels, target }: ItemRow): Record<string, unknown> {
  const fields = { id, question, cluster, choices, gold, labels, answer: target };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** evaluation_tracker.py, save_results_samples(): one entry a request. */
function argumentsOf(item: Item): Sample["arguments"] {
  const requests = item.kind === "choice"
    ? item.continuations.map((continuation, i) => [item.contexts[i] ?? item.contexts[0], continuation])
    : [[item.contexts[0], { until: item.stop, do_sample: false, temperature: real(0) }]];
  return Object.fromEntries(
    requests.map(([context, asked], i) => [`gen_args_${i}`, { arg_0: context, arg_1: asked }]),
  );
}

/** Answers as texts, as utils.py's sanitize_list() makes them. */
function answersOf(row: ItemRow, filter: string): Pick<Sample, "resps" | "filtered_resps"> {
  if (row.generated !== undefined) {
    const extracted = row[filter.replaceAll("-", "_")];
    return { resps: [[row.generated]], filtered_resps: [extracted ?? row.generated] };
  }
  const pairs = (row.loglikelihoods ?? []).map((logp, i) => [
    pythonFloat(logp),
    row.is_greedy?.[i] ? "True" : "False",
  ]);
  return { resps: pairs.map((pair) => [pair]), filtered_resps: pairs };
}

/** A number that Python's json writes as a float: "1.0", where JSON.stringify writes "1". For pythonJson(). */
export function real(value: number): unknown {
  return new Real(value);
}

class Real {
  constructor(readonly value: number) {}

  valueOf(): number {
    return this.value;
  }
}

/** repr(float): the shortest digits, with a point or an exponent. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits, exponent] = value.toExponential().split("e"), power = Number(exponent);
  if (power >= -4 && power < 16) return Number.isInteger(value) ? `${value}.0` : String(value);
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** json.dumps(value, indent, ensure_ascii=False). A number is written as an int unless it is real(). */
export function pythonJson(value: unknown, indent?: number, depth = 0): string {
  if (value instanceof Real) {
    return pythonFloat(value.value).replace("nan", "NaN").replace("inf", "Infinity");
  }
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : pythonFloat(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const list = Array.isArray(value), [open, close] = list ? "[]" : "{}";
  const parts = list
    ? value.map((part) => pythonJson(part, indent, depth + 1))
    : Object.entries(value).filter(([, part]) => part !== undefined)
      .map(([key, part]) => `${JSON.stringify(key)}: ${pythonJson(part, indent, depth + 1)}`);
  if (parts.length === 0) return open + close;
  if (indent === undefined) return open + parts.join(", ") + close;
  const line = (level: number) => "\n" + " ".repeat(indent * level);
  return open + line(depth + 1) + parts.join("," + line(depth + 1)) + line(depth) + close;
}
