// `ual report`: one page of what `ual evaluate` wrote: tables, figures and the explorer of items.
import { join } from "node:path";
import type { Output } from "../cli.ts";
import {
  compareModels,
  differenceRows,
  type ItemRow,
  type ReportContamination,
  type ReportFigure,
  scorePoints,
  summarise,
  type TaskInfo,
  type TaskScore,
  writeReport,
} from "../evaluate/mod.ts";
import { differencesFigure, type Figure, openRenderer, scoresFigure, writeTable } from "../plot/mod.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { readBytes, readJsonl, resolveUser } from "../run/files.ts";
import type { Flags } from "./flags.ts";

/** What summary.json holds that the page needs. */
interface Summary {
  model: { name: string; hash: string };
  adapters: Record<string, string | null>;
  tasks: TaskInfo[];
  heldout?: { model: string; perplexity: number; low: number; high: number; ece: number; accuracy: number }[];
  contamination: ReportContamination[];
  versions: Record<string, string>;
}

/** Writes report.html and the figures' tables into the folder. */
export async function report(flags: Flags): Promise<Output> {
  const run = resolveUser(flags.required("run"));
  const out = flags.given("out") ? resolveUser(flags.required("out")) : join(run, "report.html");
  const summary = await readSummary(run), tasks = summary.tasks;
  const rows = tasks.length
    ? (await readJsonl(join(run, "items.jsonl"))).map(({ value }) => value as ItemRow)
    : [];
  const models = new Set(rows.map((row) => row.model));
  const scores = summarise(rows, tasks), comparisons = models.size > 1 ? compareModels(rows, tasks) : [];
  const figures = await figuresOf(run, { rows, scores, comparisons, draw: !flags.flag("no-figures") });
  const { heldout = [], contamination } = summary;
  const facts = factsOf(summary, flags.text("note"));
  const tables = heldout.length ? [heldoutTable(heldout)] : [];
  await writeReport(out, { rows, scores, comparisons, tasks, contamination, figures, facts, tables });
  const items = new Set(rows.map((row) => `${row.task} ${row.doc_index}`)).size;
  return {
    json: { out, items, models: [...models], figures: figures.length },
    text: `${items} items under ${models.size} model${models.size === 1 ? "" : "s"} in ${out}`,
  };
}

async function readSummary(run: string): Promise<Summary> {
  const path = join(run, "summary.json"), bytes = await readBytes(path);
  try {
    const found = JSON.parse(new TextDecoder().decode(bytes));
    if (Array.isArray(found.tasks) && found.model) return found;
  } catch {
    // said below
  }
  throw new InputError(
    `Cannot report on ${run}: ${path} is not ual evaluate's; give the folder of its --out`,
  );
}

/** Writes the figures' tables beside the items and draws them; none where no browser can be started, which is said. */
async function figuresOf(
  run: string,
  { rows, scores, comparisons, draw }: {
    rows: ItemRow[];
    scores: TaskScore[];
    comparisons: ReturnType<typeof compareModels>;
    draw: boolean;
  },
): Promise<ReportFigure[]> {
  const points = scorePoints(scores, { rows }), differences = differenceRows(comparisons);
  const figures: Figure[] = [];
  if (points.length) {
    await writeTable(join(run, "tables"), "scores", { rows: points });
    figures.push(scoresFigure(points));
  }
  if (differences.length) {
    await writeTable(join(run, "tables"), "differences", { rows: differences });
    figures.push(differencesFigure(differences));
  }
  if (!draw || figures.length === 0) return [];
  try {
    await using renderer = await openRenderer();
    const drawn: ReportFigure[] = [];
    for (const figure of figures) drawn.push({ svg: await renderer.svg(figure), alt: figure.alt });
    return drawn;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    console.error(`no figures in the report: ${messageOf(error)}`);
    return [];
  }
}

function factsOf({ model, adapters, versions }: Summary, note?: string): Record<string, string> {
  const names = Object.entries(adapters).filter(([, hash]) => hash);
  return {
    ...(note ? { note } : {}),
    model: `${model.name}, SHA-256 ${model.hash}`,
    ...Object.fromEntries(names.map(([name, hash]) => [`adapter ${name}`, `SHA-256 ${hash}`])),
    versions: Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "),
  };
}

function heldoutTable(heldout: NonNullable<Summary["heldout"]>) {
  const number = (value: number | null) => value === null ? "–" : value.toPrecision(4);
  return {
    title: "Held-out dialogues",
    table: {
      caption:
        "Perplexity per response token with its 95% interval; ECE: expected calibration error; accuracy: of the next token.",
      columns: [{ key: "model" }, { key: "perplexity" }, { key: "ece", label: "ECE" }, { key: "accuracy" }],
      rows: heldout.map(({ model, perplexity, low, high, ece, accuracy }) => ({
        model,
        perplexity: `${number(perplexity)} (${number(low)} to ${number(high)})`,
        ece: number(ece),
        accuracy: number(accuracy),
      })),
    },
  };
}
