// Rows → items: each document parsed, its shots drawn and written in front of it; what cannot be scored is listed.
import { RowFault } from "../data/row.ts";
import { InputError } from "../run/errors.ts";
import type { Shots } from "./harness/fewshot.ts";
import { LeftOut } from "./row_fields.ts";
import type { Item, OpenTask, Task } from "./task.ts";
import type { TaskRow } from "./task_files.ts";

/**
 * The items of `rows`, in order. A row that is left out has its shots drawn all the same, so that the others' stay what they
 * are. Throws InputError with file and row for malformed rows.
 */
export async function writeItems(
  task: Task,
  rows: readonly TaskRow[],
  shots?: Shots<TaskRow>,
): Promise<Pick<OpenTask, "items" | "leftOut" | "remarks">> {
  const description = await task.description?.() ?? "", texts = new ShotTexts(task);
  const items: Item[] = [], leftOut: string[] = [], remarks = new Remarks();
  for (const row of rows) {
    const drawn = shots?.next(row) ?? [];
    const doc = parsed(task, row, (why) => leftOut.push(`row ${row.index}: ${why}`));
    if (doc === undefined) continue;
    const before = description + drawn.map((shot) => texts.of(shot)).join("");
    const item = { docIndex: row.index, ...task.item(doc.value, before) };
    items.push(item);
    remarks.note(item, doc.value);
  }
  return { items, leftOut, remarks: remarks.all() };
}

/** A row's document; undefined for one that is left out. */
function parsed(
  task: Task,
  { row, place }: TaskRow,
  leaveOut: (why: string) => void,
): { value: unknown } | undefined {
  try {
    return { value: task.parse(row) };
  } catch (error) {
    if (error instanceof LeftOut) return void leaveOut(error.message);
    if (!(error instanceof RowFault)) throw error;
    throw new InputError(`Cannot use ${place} for ${task.name}: ${error.message}`);
  }
}

/** What stands in the context for a shot, written once each. */
class ShotTexts {
  readonly #texts = new Map<TaskRow, string>();

  constructor(private readonly task: Task) {}

  of(shot: TaskRow): string {
    const known = this.#texts.get(shot);
    if (known !== undefined) return known;
    const doc = parsed(this.task, shot, (why) => {
      throw new InputError(`Cannot use ${shot.place} as a shot of ${this.task.name}: ${why}; mend the row`);
    })!;
    const text = `${this.task.text(doc.value)} ${this.task.target(doc.value)}\n\n`;
    this.#texts.set(shot, text);
    return text;
  }
}

const SHOWN = 10;

/** What is odd about choices that are scored all the same: equal ones (the first counts on ties), empty ones. */
class Remarks {
  readonly #equal: number[] = [];
  readonly #empty: number[] = [];

  /** `doc` may have `choices` that stand in the text, where the item's are letters. */
  note(item: Item, doc: unknown): void {
    if (item.kind !== "choice") return;
    const own = (doc as { choices?: unknown }).choices, choices = Array.isArray(own) ? own : item.choices;
    if (new Set(choices).size < choices.length) this.#equal.push(item.docIndex);
    if (choices.includes("")) this.#empty.push(item.docIndex);
  }

  all(): string[] {
    return [...remark(this.#equal, "equal choices"), ...remark(this.#empty, "an empty choice")];
  }
}

function remark(rows: number[], what: string): string[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, SHOWN).join(", "), more = rows.length > SHOWN ? " …" : "";
  const count = rows.length === 1 ? "1 item has" : `${rows.length} items have`;
  return [`${count} ${what}: row${rows.length === 1 ? "" : "s"} ${shown}${more}`];
}
