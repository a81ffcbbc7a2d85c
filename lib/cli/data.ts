// `ual data`: checks a data file and counts what is in it.
import type { Output } from "../cli.ts";
import { readExamples } from "../data/source.ts";
import { resolveUser } from "../run/files.ts";
import type { Flags } from "./flags.ts";

/** Reads `--data` and reports counts, categories, turns and ratings. */
export async function data(flags: Flags): Promise<Output> {
  const path = flags.required("data");
  const examples = await readExamples(resolveUser(path), {
    requireUncertainty: flags.flag("require-uncertainty"),
  });
  const ratings = examples.flatMap((e) => e.uncertainty ?? []);
  const categories: Record<string, number> = Object.create(null);
  for (const { category = "(none)" } of examples) categories[category] = (categories[category] ?? 0) + 1;
  const json = {
    data: path,
    count: examples.length,
    multi_turn: examples.filter((e) => e.turns.filter((t) => t.role === "user").length > 1).length,
    rated: ratings.length,
    mean_uncertainty: ratings.length ? ratings.reduce((a, b) => a + b, 0) / ratings.length : null,
    categories,
  };
  const list = Object.entries(categories).map(([name, n]) => `${name} ${n}`).join(", ");
  const mean = json.mean_uncertainty === null ? "" : `, mean rating ${json.mean_uncertainty.toFixed(1)}`;
  return {
    json,
    text: `${json.count} dialogues, ${json.multi_turn} of several turns, ${json.rated} rated${mean}\n${list}`,
  };
}
