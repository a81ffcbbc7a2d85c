// The flags of a bench: whole numbers with defaults, texts, and switches.
import { parseArgs } from "node:util";
import { InputError } from "../lib/run/errors.ts";

/** What a bench takes besides --json and --help. */
export interface FlagTable<N extends string, T extends string, S extends string> {
  /** Whole numbers from 1 on (from 0 where the default is 0), with their defaults. */
  numbers: Record<N, number>;
  /** Texts without default. */
  texts?: readonly T[];
  switches?: readonly S[];
}

/** The values by name. */
export type Flags<N extends string, T extends string, S extends string> =
  & Record<N, number>
  & Partial<Record<T, string>>
  & Record<S | "json" | "help", boolean>;

/** Parses `args`. Throws InputError for a number out of range; parseArgs() throws for unknown flags. */
export function parseFlags<N extends string, T extends string = never, S extends string = never>(
  args: string[],
  { numbers, texts = [], switches = [] }: FlagTable<N, T, S>,
): Flags<N, T, S> {
  const names = [...Object.keys(numbers), ...texts], off = [...switches, "json", "help"];
  const parsed = parseArgs({
    args,
    options: Object.fromEntries([
      ...names.map((name) => [name, { type: "string" as const }]),
      ...off.map((name) => [name, { type: "boolean" as const }]),
    ]),
  });
  const values = parsed.values as Record<string, string | boolean | undefined>;
  const found: Record<string, unknown> = {};
  for (const [name, standard] of Object.entries<number>(numbers)) {
    const text = String(values[name] ?? standard), least = standard === 0 ? 0 : 1;
    if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
      throw new InputError(
        `Cannot run the bench with --${name} ${text}: give a whole number from ${least} on`,
      );
    }
    found[name] = Number(text);
  }
  for (const name of texts) if (values[name] !== undefined) found[name] = values[name];
  for (const name of off) found[name] = values[name] ?? false;
  return found as Flags<N, T, S>;
}
