// Redraws all figures of a preset and their page from the published tables, without a model.
// deno task figures [--preset NAME] [--out DIR]
// Default: smollm2, in place; other presets' tables lie in figures/NAME too (or under UAL_OUT).
import { join } from "node:path";
import { parseArgs } from "node:util";
import { resolveUser } from "../lib/run/files.ts";
import { redrawFigures } from "../lib/study/kept_figures.ts";
import { runMain } from "./main.ts";
import { root } from "./setup.ts";

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { preset: { type: "string", default: "smollm2" }, out: { type: "string" } },
  });
  const own = Deno.env.get("UAL_OUT"), home = own ? join(resolveUser(own), "figures") : join(root, "figures");
  const folder = join(home, values.preset), out = values.out ? resolveUser(values.out) : folder;
  const start = performance.now(), paths = await redrawFigures(folder, values.preset, { out });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${paths.length} files in ${seconds} s: open ${paths.at(-1)}`);
  return 0;
}

// npm packages come with the start of any task, and the browser unpacks itself: nothing else is needed.
if (import.meta.main) await runMain(main, { prepare: () => Promise.resolve() });
