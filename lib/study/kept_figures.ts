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

/** Writes the page of the figures whose tables lie in `figures`/tables, with the images that lie in `stills`. */
async function writePage(
  figures: string,
  preset: string,
  { stills = figures, out = figures }: { stills?: string; out?: string } = {},
): Promise<string> {
  const tables = await readTables(join(figures, "tables"));
  const provenance = await readProvenance(join(figures, "tables"));
  const read = (name: string) => Deno.readTextFile(join(stills, name));
  const images = await Promise.all(
    Object.keys(tables).map(async (name) =>
      [name, { light: await read(`${name}.svg`), dark: await read(`${name}.dark.svg`) }] as const
    ),
  );
  const page = figuresPage({ preset, tables, stills: Object.fromEntries(images), provenance });
  await writeFileAtomic(join(out, PAGE), page);
  return join(out, PAGE);
}
