// `ual data inspect`: checks data from any source and counts what is in it, in constant memory.
import type { Output } from "../cli.ts";
import type { Example } from "../data/example.ts";
import type { Flags } from "./flags.ts";
import { noteBad, sourceOf, tallyJson } from "./source.ts";

/** Reads `--data` to its end and reports counts, categories, turns and ratings. */
export async function inspect(flags: Flags): Promise<Output> {
  const source = sourceOf(flags), counts = new Counts();
  for await (const example of source) counts.add(example);
  noteBad(source);
  const json = { data: flags.required("data"), ...counts.json(), ...await tallyJson(source) };
  return {
    json,
    text: textOf(json, source.tally.files.map(({ format, layout }) => `${format}, layout ${layout}`)),
  };
}

/** Categories beyond so many are counted together. */
const MOST_CATEGORIES = 1000;

/** Running counts over dialogues. */
class Counts {
  #count = 0;
  #several = 0;
  #turns = 0;
  #characters = 0;
  #rated = 0;
  #sum = 0;
  #categories = new Map<string, number>();

  add({ turns, category = "(none)", uncertainty }: Example): void {
    this.#count++;
    this.#turns += turns.length;
    if (turns.filter(({ role }) => role === "user").length > 1) this.#several++;
    for (const { content } of turns) this.#characters += content.length;
    if (uncertainty !== undefined) {
      this.#rated++;
      this.#sum += uncertainty;
    }
    const full = this.#categories.size >= MOST_CATEGORIES && !this.#categories.has(category);
    const name = full ? "(others)" : category;
    this.#categories.set(name, (this.#categories.get(name) ?? 0) + 1);
  }

  json() {
    return {
      count: this.#count,
      multi_turn: this.#several,
      turns: this.#turns,
      characters: this.#characters,
      rated: this.#rated,
      mean_uncertainty: this.#rated ? this.#sum / this.#rated : null,
      categories: Object.fromEntries(this.#categories),
    };
  }
}

type Found = ReturnType<Counts["json"]> & Record<string, unknown>;

function textOf(json: Found, kinds: string[]): string {
  const list = Object.entries(json.categories).map(([name, n]) => `${name} ${n}`).join(", ");
  const mean = json.mean_uncertainty === null ? "" : `, mean rating ${json.mean_uncertainty.toFixed(1)}`;
  const empty = json.empty_answers ? `, ${json.empty_answers} with an empty answer` : "";
  const bad = json.bad_rows ? `, ${json.bad_rows} bad rows left out` : "";
  return [
    `${json.count} dialogues, ${json.multi_turn} of several turns, ${json.rated} rated${mean}${empty}${bad}`,
    list,
    [...new Set(kinds)].join("; "),
  ].join("\n");
}
