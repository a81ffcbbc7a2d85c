// A benchmark row's fields by name, checked: what is malformed is a RowFault, what cannot be scored LeftOut.
import { fault, shown } from "../data/row.ts";

type Row = Record<string, unknown>;

/** A sound row that cannot be scored: no gold, fewer than two choices. It is left out and listed, the others are scored. */
export class LeftOut extends Error {
  /** Set so that messages show it. */
  override name = "LeftOut";
}

/** Throws LeftOut. */
export function leaveOut(why: string): never {
  throw new LeftOut(why);
}

const mend = (name: string) => `give each row a field ${name} as the task's source has it`;

/** A text. Throws RowFault. */
export function textField(row: Row, name: string): string {
  const value = row[name];
  if (typeof value === "string") return wellFormed(value, name);
  return fault(`${name} is ${shown(value)}, not a text`, mend(name));
}

/** A text without half of a surrogate pair, which no tokenizer reads. Throws RowFault. */
export function wellFormed(text: string, name: string): string {
  return text.isWellFormed() ? text : fault(`${name} holds half of a surrogate pair`, "correct the text");
}

/** A list of texts. Throws RowFault. */
export function textsField(row: Row, name: string): string[] {
  const value = row[name];
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) {
    return value.map((one) => wellFormed(one, name));
  }
  return fault(`${name} is ${shown(value)}, not a list of texts`, mend(name));
}

/** An object. Throws RowFault. */
export function objectField(row: Row, name: string): Row {
  const value = row[name];
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Row;
  return fault(`${name} is ${shown(value)}, not an object`, mend(name));
}

/** The index of the right one of `count` choices, a number or its digits. Throws LeftOut where there is none. */
export function goldIndex(row: Row, name: string, count: number): number {
  const value = row[name], gold = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof gold === "number" && Number.isInteger(gold) && gold >= 0 && gold < count) return gold;
  return leaveOut(`${name} is ${shown(value)}, which is none of ${count} choices`);
}

/** The choices, of which there must be two. Throws LeftOut. */
export function atLeastTwo<T>(choices: T[]): T[] {
  return choices.length >= 2 ? choices : leaveOut(`it has ${choices.length} choices, fewer than two`);
}
