// The whole pipeline: executes the notebooks in order and makes them a book, with a budget of minutes a stage.
// deno task reproduce [--preset quick|smollm2|full] [--from NN]; outputs of smollm2 stay in the notebooks, those of others under
// .ual. A run that broke off goes on at the notebook that failed; --from 00 executes all, --from 04 those from 04.
// UAL_OUT names a folder for runs and figures in place of .ual/runs and figures.
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { InputError } from "../lib/run/errors.ts";
import { resolveUser, sha256File, sha256Hex } from "../lib/run/files.ts";
import { hashLib, versions } from "../lib/run/machine.ts";
import { clock } from "../lib/run/progress.ts";
import { bookNote } from "./book.ts";
import { writeBook } from "./book/write_book.ts";
import { type Listed, NotebookList } from "./execute_in_order.ts";
import { runMain } from "./main.ts";
import { root } from "./setup.ts";

/** Minutes that each stage may take on two cores after set-up. */
const budgets: Record<string, Record<string, number>> = {
  quick: {
    "00_overview": 0.07,
    "01_elicit": 0.28,
    "02_map": 0.07,
    "03_train": 0.45,
    "04_evaluate": 0.45,
    "05_cluster": 0.25,
    "06_ablate": 1,
    "07_your_own_data": 0.4,
    book: 0.03,
  },
  smollm2: {
    "00_overview": 0.15,
    "01_elicit": 1.7,
    "02_map": 0.15,
    "03_train": 3.7,
    "04_evaluate": 4.4,
    "05_cluster": 2.5,
    "06_ablate": 6.3,
    "07_your_own_data": 1,
    book: 0.1,
  },
  full: {
    "00_overview": 0.5,
    "01_elicit": 15,
    "02_map": 0.5,
    "03_train": 60,
    "04_evaluate": 180,
    "05_cluster": 15,
    "06_ablate": 480,
    "07_your_own_data": 5,
    book: 1,
  },
};

async function main(): Promise<number> {
  const { values: { preset, from } } = parseArgs({
    options: { preset: { type: "string", default: "smollm2" }, from: { type: "string" } },
  });
  const budget = budgets[preset];
  if (!budget) {
    throw new InputError(
      `Cannot reproduce preset ${preset}: there is none; use ${Object.keys(budgets).join(" or ")}`,
    );
  }
  const own = Deno.env.get("UAL_OUT"), place = own && resolveUser(own);
  const run = join(place ? join(place, "runs") : join(root, ".ual/runs"), preset);
  const notebooks = notebooksOf(preset, budget, { run, place });
  const command = ({ path }: Listed) =>
    `deno task reproduce --preset ${preset}` + (from ? ` --from ${basename(path).slice(0, 2)}` : "");
  const record = join(run, "reproduce.json");
  const list = await NotebookList.open(notebooks, { record, code: await codeHash(), from, command });
  printBudget(preset, budget);
  const started = performance.now();
  for (const notebook of notebooks) {
    const name = basename(notebook.path, ".ipynb");
    await timed(name, budget[name], () => list.execute(notebook));
  }
  const book = join(run, "book"), executed = notebooks.map(({ out }) => out);
  await timed("book", budget.book, () => writeBook(executed, book, { note: bookNote(preset) }));
  await list.finish();
  console.log(`all stages: ${clock((performance.now() - started) / 1000)}; book in ${book}`);
  return 0;
}

/**
 * The notebooks of a preset in order. smollm2 is the notebooks' own size: they are executed as they are, in place; others get
 * their size as a parameter.
 */
function notebooksOf(
  preset: string,
  budget: Record<string, number>,
  { run, place }: { run: string; place?: string },
): Listed[] {
  const inPlace = preset === "smollm2", folder = inPlace ? join(root, "notebooks") : join(run, "notebooks");
  return Object.entries(budget).filter(([name]) => name !== "book").map(([name, minutes]) => ({
    path: join(root, "notebooks", `${name}.ipynb`),
    out: join(folder, `${name}.ipynb`),
    ...(inPlace ? {} : { parameters: { size: preset } }),
    ...(place ? { env: { UAL_OUT: place } } : {}),
    timeout: Math.max(3600, 240 * minutes), // seconds a cell
  }));
}

/** One hash over all code and data of the project, the versions, and the judge: what else decides a notebook's outputs. */
async function codeHash(): Promise<string> {
  const data: string[] = [];
  for (const path of filesIn(join(root, "data"))) data.push(path, await sha256File(path));
  const judge = [Deno.env.get("UAL_JUDGE"), Deno.env.get("OPENAI_BASE_URL")].map(String);
  return sha256Hex(JSON.stringify([hashLib([""]), versions(), data, judge]));
}

function filesIn(folder: string): string[] {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(join(folder, name)) : [join(folder, name)]
  );
}

function printBudget(preset: string, budget: Record<string, number>) {
  const total = Object.values(budget).reduce((a, b) => a + b, 0);
  console.log(`preset ${preset}: at most ${clock(total * 60)} on two cores`);
  for (const [stage, minutes] of Object.entries(budget)) {
    console.log(`  ${stage.padEnd(12)} ${clock(minutes * 60)}`);
  }
}

async function timed(stage: string, minutes: number, work: () => Promise<unknown>) {
  const started = performance.now();
  if (await work() === "done before") {
    console.log(`${stage.padEnd(12)} done before; --from ${stage.slice(0, 2)} executes it again`);
    return;
  }
  const seconds = (performance.now() - started) / 1000;
  const late = seconds > minutes * 60 ? ": over its budget" : "";
  console.log(`${stage.padEnd(12)} ${clock(seconds)} of ${clock(minutes * 60)}${late}`);
}

if (import.meta.main) await runMain(main);
