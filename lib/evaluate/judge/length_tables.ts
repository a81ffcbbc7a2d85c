// The hub's tables for length control as files: df_gamed.csv, instruction_difficulty.csv.
import { parse } from "csv-parse/sync";
import { InputError, messageOf } from "../../run/errors.ts";
import { readBytes } from "../../run/files.ts";
import type { GamedRow, LengthTables } from "./length_controlled.ts";

type Cells = Record<string, string>;

/**
 * Reads either table: the one with a column `not_gamed_baseline` as annotations of gamed baselines, else the difficulty of
 * each instruction by `index` (or the first column). Throws InputError with the row for what is missing or no number.
 */
export async function readLengthTables(path: string): Promise<LengthTables> {
  const rows = await cellsOf(path), names = Object.keys(rows[0] ?? {});
  if (!names.includes("instruction_difficulty")) {
    throw new InputError(
      `Cannot use ${path}: it has no column instruction_difficulty; give df_gamed.csv or instruction_difficulty.csv`,
    );
  }
  const number = (row: Cells, i: number, name: string) => {
    const value = row[name]?.trim() ? Number(row[name]) : NaN;
    if (Number.isFinite(value)) return value;
    throw new InputError(`Cannot use ${path}, row ${i + 1}: ${name} is "${row[name]}"; give a number`);
  };
  if (!names.includes("not_gamed_baseline")) {
    const index = names.includes("index") ? "index" : names[0];
    return {
      difficulty: new Map(
        rows.map((row, i) => [number(row, i, index), number(row, i, "instruction_difficulty")]),
      ),
    };
  }
  return {
    gamed: rows.map((row, i): GamedRow => ({
      index: number(row, i, "index"),
      preference: number(row, i, "preference"),
      std_delta_len: number(row, i, "std_delta_len"),
      instruction_difficulty: number(row, i, "instruction_difficulty"),
      not_gamed_baseline: /^true|^1/i.test(row.not_gamed_baseline),
    })),
  };
}

async function cellsOf(path: string): Promise<Cells[]> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    return parse(text, { columns: true, skip_empty_lines: true }) as Cells[];
  } catch (error) {
    throw new InputError(`Cannot read ${path}: no CSV (${messageOf(error)}); give the hub's table`);
  }
}
