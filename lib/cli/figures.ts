// `ual figures`: a run's figures again from its stored tables, without a model and without a browser.
import { join } from "node:path";
import type { Output } from "../cli.ts";
import { exportJson } from "../plot/export.ts";
import { drawFigures, readTables } from "../plot/tables.ts";
import { resolveUser } from "../run/files.ts";
import type { Flags } from "./flags.ts";

/** Draws every figure whose table `--run`/tables holds into `--out`. */
export async function figures(flags: Flags): Promise<Output> {
  const run = resolveUser(flags.required("run")), out = resolveUser(flags.required("out"));
  const drawn = drawFigures(await readTables(join(run, "tables")));
  await exportJson(drawn, out);
  const names = Object.keys(drawn);
  return { json: { out, figures: names }, text: `drew ${names.join(", ")} into ${out}` };
}
