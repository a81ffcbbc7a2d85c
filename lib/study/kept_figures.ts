// A preset's published figures: tables with their provenance, the figures as files, and the page of all of them.
// What notebooks write is drawn again, byte for byte, from the published tables alone.
import { join } from "node:path";
import { drawFigures, exportFigures, readTables, type Tables, writeTable } from "../plot/mod.ts";
import { writeFileAtomic } from "../run/files.ts";
import { studyFolders } from "./folders.ts";
import { figuresPage } from "./page/figures_page.ts";
import type { Preset } from "./presets.ts";
import { keepProvenance, readProvenance } from "./provenance.ts";

/** The name of the page. */
const PAGE = "report.html";

/**
 * Writes the tables into the run and beside the figures, each figure as JSON, CSV, SVG (light and dark) and PNG, and the page of all
 * figures of the preset anew; returns the file names.
 */
export async function keepFigures(p: Preset, tables: Partial<Tables>): Promise<string[]> {
  const { run, figures } = studyFolders(p), published = join(figures, "tables");
  for (const [name, table] of Object.entries(tables)) {
    for (const dir of [join(run, "tables"), published]) {
      await writeTable(dir, name as keyof Tables, table as never);
    }
  }
  await keepProvenance(p, { names: Object.keys(tables), run, tables: published });
  const paths = [
    ...await exportFigures(drawFigures(tables), figures, { rows: rowsOf(tables) }),
    await writePage(figures, p.name),
  ];
  return paths.map((path) => `figures/${p.name}${path.slice(figures.length)}`);
}

/**
 * Draws all figures and the page again from the tables in `figures`/tables into `out` (default: `figures` itself); returns the
 * paths. Throws InputError where there are no tables.
 */
export async function redrawFigures(
  figures: string,
  preset: string,
  { out = figures }: { out?: string } = {},
): Promise<string[]> {
  const tables = await readTables(join(figures, "tables"));
  const paths = await exportFigures(drawFigures(tables), out, { rows: rowsOf(tables) });
  return [...paths, await writePage(figures, preset, { stills: out, out })];
}

const rowsOf = (tables: Partial<Tables>): Record<string, readonly object[]> =>
  Object.fromEntries(Object.entries(tables).map(([name, { rows }]) => [name, rows]));

/**
 * Writes the page of the figures whose tables lie in `figures`/tables, with the images that lie in `stills`. A figure without its
 * images, which someone has removed, is left out until it is drawn again.
 */
async function writePage(
  figures: string,
  preset: string,
  { stills = figures, out = figures }: { stills?: string; out?: string } = {},
): Promise<string> {
  const folder = join(figures, "tables"), all = Object.entries(await readTables(folder));
  const found = await Promise.all(all.map(async ([name, table]) => {
    const [light, dark] = await Promise.all(
      [`${name}.svg`, `${name}.dark.svg`].map((file) =>
        Deno.readTextFile(join(stills, file)).catch(() => undefined)
      ),
    );
    return light && dark ? [{ name, table, stills: { light, dark } }] : [];
  }));
  const page = figuresPage({
    preset,
    tables: Object.fromEntries(found.flat().map(({ name, table }) => [name, table])),
    stills: Object.fromEntries(found.flat().map(({ name, stills }) => [name, stills])),
    provenance: await readProvenance(folder),
  });
  await writeFileAtomic(join(out, PAGE), page);
  return join(out, PAGE);
}
