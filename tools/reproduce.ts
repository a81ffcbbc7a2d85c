// The whole pipeline: executes the notebooks in order and makes them a book, with a budget of minutes a stage.
// deno task reproduce [--preset quick|smollm2|full]; outputs of smollm2 stay in the notebooks, those of others under .ual.
// A run that broke off goes on at the notebook that failed. UAL_OUT names a folder for runs and figures in place of .ual/runs and figures.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { InputError } from "../lib/run/errors.ts";
import { resolveUser, sha256Hex, writeFileAtomic } from "../lib/run/files.ts";
import { hashLib } from "../lib/run/machine.ts";
import { clock } from "../lib/run/progress.ts";
import { bookNote } from "./book.ts";
import { writeBook } from "./book/write_book.ts";
import { runMain } from "./main.ts";
import { executeNotebook } from "./notebook.ts";
import { readNotebook } from "./notebook_file.ts";
import type { Values } from "./parameters.ts";
import { root } from "./setup.ts";

/** Minutes that each stage may take on two cores after set-up. */
const budgets: Record<string, Record<string, number>> = {
  quick: {
    "00_overview": 0.1,
    "01_elicit": 0.45,
    "02_map": 0.1,
    "03_train": 0.6,
    "04_evaluate": 0.6,
    "05_cluster": 0.25,
    "06_ablate": 0.95,
    "07_your_own_data": 0.25,
    book: 0.1,
  },
  smollm2: {
    "00_overview": 0.2,
    "01_elicit": 1.6,
    "02_map": 0.2,
    "03_train": 3.8,
    "04_evaluate": 5.2,
    "05_cluster": 2,
    "06_ablate": 8.6,
    "07_your_own_data": 1,
    book: 0.4,
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
  const { values } = parseArgs({ options: { preset: { type: "string", default: "smollm2" } } });
  const budget = budgets[values.preset];
  if (!budget) {
    throw new InputError(
      `Cannot reproduce preset ${values.preset}: there is none; use ${Object.keys(budgets).join(" or ")}`,
    );
  }
  const own = Deno.env.get("UAL_OUT"), place = own && resolveUser(own);
  const target = join(place ? join(place, "runs") : join(root, ".ual/runs"), values.preset, "notebooks");
  const book = join(target, "../book");
  await Deno.mkdir(target, { recursive: true });
  printBudget(values.preset, budget);
  const env: Record<string, string> = place ? { UAL_OUT: place } : {};
  const parameters: Values = values.preset === "smollm2" ? {} : { size: values.preset }; // smollm2 is their default
  const executed: string[] = [];
  const started = performance.now(), progress = await openProgress(join(target, "progress.json"));
  for (const [stage, minutes] of Object.entries(budget)) {
    await timed(stage, minutes, async () => {
      if (stage === "book") return void await writeBook(executed, book, { note: bookNote(values.preset) });
      const path = join(root, "notebooks", `${stage}.ipynb`);
      const out = values.preset === "smollm2" ? path : join(target, `${stage}.ipynb`);
      const timeout = Math.max(3600, 240 * minutes); // seconds a cell
      const key = await keyOf(path, parameters);
      if (!await progress.has(stage, key, out)) {
        await executeNotebook(path, { out, env, timeout, parameters });
        await progress.add(stage, key);
      }
      executed.push(out);
    });
  }
  await progress.end();
  console.log(`all stages: ${clock((performance.now() - started) / 1000)}; book in ${book}`);
  return 0;
}

/** What decides a notebook's outputs: its cells, its parameters, the library. */
async function keyOf(path: string, parameters: Values): Promise<string> {
  const { cells } = await readNotebook(path);
  const sources = cells.map(({ cell_type, source }) => [cell_type, source]);
  return sha256Hex(JSON.stringify([sources, parameters, hashLib(["."])]));
}

/** Notebooks that a run which then broke off had finished: the next run does not execute them again. A run that ends forgets them. */
async function openProgress(path: string) {
  const done: Record<string, string> = await Deno.readTextFile(path).then(JSON.parse).catch(() => ({}));
  return {
    has: async (stage: string, key: string, out: string) =>
      done[stage] === key && await Deno.stat(out).then(() => true, () => false),
    add: async (stage: string, key: string) => {
      done[stage] = key;
      await writeFileAtomic(path, JSON.stringify(done) + "\n");
    },
    end: () => Deno.remove(path),
  };
}

function printBudget(preset: string, budget: Record<string, number>) {
  const total = Object.values(budget).reduce((a, b) => a + b, 0);
  console.log(`preset ${preset}: at most ${clock(total * 60)} on two cores`);
  for (const [stage, minutes] of Object.entries(budget)) {
    console.log(`  ${stage.padEnd(12)} ${clock(minutes * 60)}`);
  }
}

async function timed(stage: string, minutes: number, work: () => Promise<void>) {
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const late = seconds > minutes * 60 ? ": over its budget" : "";
  console.log(`${stage.padEnd(12)} ${clock(seconds)} of ${clock(minutes * 60)}${late}`);
}

if (import.meta.main) await runMain(main);
