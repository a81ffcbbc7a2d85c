// Reads a ledger without opening it: its entries as they are, and everything that is wrong with it.
import { type Entry, parseLine } from "./ledger_line.ts";
import { scanLines } from "./ledger_scan.ts";

/** What is wrong with a line. */
export interface Fault {
  /** Counted from 1. */
  line: number;
  fault: string;
}

/** The good entries of `path`, in order; others are passed over. Throws InputError where it cannot be read. */
export function* ledgerEntries(path: string): Generator<Entry & { line: number }> {
  for (const { line, text, whole } of scanLines(path)) {
    const entry = whole ? parseLine(text) : "torn";
    if (typeof entry !== "string") yield { line, ...entry };
  }
}

/** Hashes every question and every line anew. Throws InputError where the file cannot be read. */
export function verifyLedger(path: string): { answers: number; faults: Fault[] } {
  const lines = new Map<string, number>(), faults: Fault[] = [];
  for (const { line, text, whole } of scanLines(path)) {
    const entry = parseLine(text, { rehash: true });
    if (!whole) {
      faults.push({
        line,
        fault: "it is torn: its end is missing; the next start that writes will cut it off",
      });
    } else if (typeof entry === "string") faults.push({ line, fault: entry });
    else if (lines.has(entry.key)) {
      faults.push({ line, fault: `it answers the same question as line ${lines.get(entry.key)}` });
    } else lines.set(entry.key, line);
  }
  return { answers: lines.size, faults };
}
