// `ual map`: ratings in a data file → smoothing.jsonl.
import type { Output } from "../cli.ts";
import { readExamples } from "../data/source.ts";
import { resolveUser, writeFileAtomic } from "../run/files.ts";
import { type MappingMethod, mapUncertainty, smoothingLines, type SmoothingRow } from "../uncertainty/mod.ts";
import type { Flags } from "./flags.ts";

/** Maps the ratings of `--data`; writes `--out` where given. */
export async function map(flags: Flags): Promise<Output> {
  const method = flags.required("method") as MappingMethod;
  const mean = flags.number("mean", { least: 0 }), ceiling = flags.number("ceiling", { least: 0, most: 1 });
  const examples = await readExamples(resolveUser(flags.required("data")), {
    requireUncertainty: method === "truncated-linear",
  });
  const ids = examples.map((e) => e.id), u = examples.map((e) => e.uncertainty);
  const { smoothing, alpha, truncated } = mapUncertainty(u, { method, mean, ceiling, ids });
  const rows: SmoothingRow[] = examples.map((e, i) => ({
    id: e.id,
    ...(e.uncertainty === undefined ? {} : { uncertainty: e.uncertainty }),
    smoothing: smoothing[i],
  }));
  const out = flags.text("out");
  if (out) await writeFileAtomic(resolveUser(out), smoothingLines(rows));
  const reached = smoothing.reduce((a, b) => a + b, 0) / smoothing.length;
  const summary = `${rows.length} samples, mean smoothing ${reached.toPrecision(6)}, alpha ${
    alpha.toPrecision(6)
  }, ${truncated} at the ceiling`;
  return {
    json: {
      method,
      count: rows.length,
      mean: reached,
      ceiling,
      alpha,
      truncated,
      out: out ?? null,
      smoothing: rows,
    },
    text: out ? `${summary}; wrote ${out}` : smoothingLines(rows) + summary,
  };
}
