// What came out, in sentences made from the tables: no number on the page is written by hand.
import type { Tables } from "../../plot/mod.ts";

/** One sentence for each thing that the tables tell; none for tables that are missing. */
export function findings(tables: Partial<Tables>): string[] {
  return [
    perplexities(tables.perplexity),
    calibrationErrors(tables.calibration),
    averages(tables.scores),
    differences(tables.differences),
    silhouettes(tables.silhouettes),
    judged(tables.judged),
  ].filter((sentence) => sentence !== undefined);
}

function perplexities(table?: Tables["perplexity"]): string | undefined {
  if (!table) return undefined;
  const parts = table.rows.map(({ method, perplexity, low, high }) =>
    `${method} ${perplexity.toFixed(1)}${range(low, high, 1)}`
  );
  return `Held-out perplexity (95% interval): ${parts.join(", ")}.`;
}

function calibrationErrors(table?: Tables["calibration"]): string | undefined {
  if (!table) return undefined;
  const parts = Object.entries(table.ece).map(([method, error]) => `${method} ${error.toFixed(3)}`);
  return `Calibration error on the same tokens: ${parts.join(", ")}.`;
}

function averages(table?: Tables["scores"]): string | undefined {
  const rows = table?.rows.filter(({ task }) => task === "average") ?? [];
  if (rows.length === 0) return undefined;
  const parts = rows.map(({ model, score, low, high }) =>
    `${model} ${(100 * score).toFixed(1)}${range(low, high, 1, 100)}`
  );
  return `Average of the paper's benchmarks on our own items, in percent: ${parts.join(", ")}.`;
}

function differences(table?: Tables["differences"]): string | undefined {
  if (!table) return undefined;
  const { rows } = table, found = rows.filter(({ distinguishable }) => distinguishable);
  const pairs = new Set(rows.map(({ a, b }) => `${a} and ${b}`));
  const which = found.map(({ a, b, task, difference }) =>
    `${difference > 0 ? a : b} above ${difference > 0 ? b : a} on ${task}`
  );
  const result = found.length === 0
    ? "none can be told from chance after Holm's correction"
    : `${found.length} can be told from chance after Holm's correction: ${which.join("; ")}`;
  return `Of ${rows.length} paired differences of ${pairs.size} pairs of models on benchmarks, ${result}.`;
}

function silhouettes(table?: Tables["silhouettes"]): string | undefined {
  const random = table?.rows.filter(({ pairs }) => pairs === "random") ?? [];
  const plane = random.filter(({ space }) => space === "2-D PCA");
  if (plane.length === 0) return undefined;
  const parts = plane.map(({ method, value, low, high }) =>
    `${method} ${value.toFixed(3)}${range(low, high, 3)}`
  );
  const gains = random.filter(({ space }) => space === "full space, less base").map((
    { method, value, low, high },
  ) => `${method} ${value.toFixed(4).replace("-", "−")}${range(low, high, 4)}`);
  const full = gains.length
    ? ` In the full space, above the base model's on the same pairs: ${gains.join(", ")}.`
    : "";
  return `Mean silhouette of ${plane[0].count} random pairs of tokens in the plane: ${
    parts.join(", ")
  }.${full}`;
}

function judged(table?: Tables["judged"]): string | undefined {
  if (!table) return undefined;
  const parts = table.rows.map(({ a, b, winRate, low, high }) =>
    `${a} over ${b} ${(100 * winRate).toFixed(1)}${range(low, high, 1, 100)}`
  );
  const judge = table.options?.judge;
  return `Win rates in percent${judge ? `, judged by ${judge}` : ""}: ${parts.join(", ")}.`;
}

function range(
  low: number | null | undefined,
  high: number | null | undefined,
  digits: number,
  times = 1,
): string {
  if (typeof low !== "number" || typeof high !== "number") return "";
  const text = (value: number) => (times * value).toFixed(digits).replace("-", "−");
  return ` (${text(low)} to ${text(high)})`;
}
