// Figures as files: JSON for machines, SVG (light and dark) and PNG for papers, their tables as CSV. The same table gives the same bytes.
import { join } from "node:path";
import { InputError } from "../run/errors.ts";
import { writeFileAtomic } from "../run/files.ts";
import { csvOf } from "../show/csv.ts";
import type { Figure } from "./figure.ts";
import { inRenderer } from "./renderer.ts";
import { themed } from "./theme.ts";

/**
 * Writes name.json, name.svg, name.dark.svg and name.png (2 pixels a unit) for each figure into `dir`, and name.csv where `rows` has its
 * table; returns their paths. All are drawn before the first is written. Throws InputError for a name that is no plain
 * file name, and where no browser can be started.
 */
export async function exportFigures(
  figures: Record<string, Figure>,
  dir: string,
  { rows = {} }: { rows?: Record<string, readonly object[]> } = {},
): Promise<string[]> {
  checkNames(figures);
  const files = await inRenderer(async (renderer) => {
    const drawn: [string, string | Uint8Array][] = [];
    for (const [name, figure] of Object.entries(figures)) {
      drawn.push([`${name}.json`, figureJson(figure)]);
      drawn.push([`${name}.svg`, await renderer.svg(figure)]);
      drawn.push([`${name}.dark.svg`, await renderer.svg(themed(figure, "dark"))]);
      drawn.push([`${name}.png`, await renderer.png(figure)]);
      if (Object.hasOwn(rows, name)) drawn.push([`${name}.csv`, csvOf(rows[name])]);
    }
    return drawn;
  });
  return await writeAll(files, dir);
}

/** Writes name.json for each figure into `dir` and returns their paths. Starts no browser: needs nothing but to write there. */
export async function exportJson(figures: Record<string, Figure>, dir: string): Promise<string[]> {
  checkNames(figures);
  return await writeAll(
    Object.entries(figures).map(([name, figure]) => [`${name}.json`, figureJson(figure)]),
    dir,
  );
}

/** The figure as JSON with sorted keys, lists of plain values on one line. */
export function figureJson(figure: Figure): string {
  return canonical(figure, "") + "\n";
}

function canonical(value: unknown, indent: string): string {
  const deeper = indent + " ";
  if (Array.isArray(value)) {
    if (value.every((part) => typeof part !== "object" || part === null)) return JSON.stringify(value);
    return `[\n${value.map((part) => deeper + canonical(part, deeper)).join(",\n")}\n${indent}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  entries.sort(([a], [b]) => a < b ? -1 : 1);
  const lines = entries.map(([key, part]) => `${deeper}${JSON.stringify(key)}: ${canonical(part, deeper)}`);
  return lines.length ? `{\n${lines.join(",\n")}\n${indent}}` : "{}";
}

async function writeAll(files: [string, string | Uint8Array][], dir: string): Promise<string[]> {
  const paths: string[] = [];
  for (const [name, content] of files) {
    const path = join(dir, name);
    await writeFileAtomic(path, content);
    paths.push(path);
  }
  return paths;
}

function checkNames(figures: Record<string, Figure>) {
  for (const name of Object.keys(figures)) {
    if (/^[a-z0-9][\w.-]*$/i.test(name)) continue;
    throw new InputError(
      `Cannot write figure "${name}": it is no file name; use letters, digits, "_", "-" and "."`,
    );
  }
}
