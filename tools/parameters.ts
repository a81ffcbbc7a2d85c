// A notebook's parameters: the declarations of its cell tagged "parameters", and values put in their place in a cell of its
// own right after it (papermill's convention, for which TypeScript has no translator). Running notebooks is notebook.ts.
import { InputError } from "../lib/run/errors.ts";
import type { Cell, Notebook } from "./notebook_file.ts";

/** One parameter as its declaration tells it. */
export interface Parameter {
  name: string;
  /** As written: "number", "string[]", `"quick" | "full"`. */
  type: string;
  /** Source text of its default. */
  default: string;
  /** What its comment says. */
  help: string;
}

/** Values by name: as typed on a command line, or of JSON. */
export type Values = Record<string, unknown>;

const TAG = "parameters", INJECTED = "injected-parameters";

/** A cell's tags. */
export const tagsOf = ({ metadata }: Cell): string[] => Array.isArray(metadata.tags) ? metadata.tags : [];

const tagged = (notebook: Notebook, tag: string): number =>
  notebook.cells.findIndex((cell) => cell.cell_type === "code" && tagsOf(cell).includes(tag));

/** The parameters of a notebook; none where no cell is tagged. Throws InputError for a cell that holds anything but declarations. */
export function parametersOf(notebook: Notebook): Parameter[] {
  const index = tagged(notebook, TAG);
  return index < 0 ? [] : parseParameters(notebook.cells[index].source);
}

const DECLARATION =
  /\s*(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?const\s+(\w+)\s*:\s*([^=;]+?)\s*=\s*([^;]+?)\s*;/y;
const STRING = /^"(?:[^"\\]|\\.)*"$/;

/** Declarations "const name: type = value;", each under a comment that says what it is. */
export function parseParameters(source: string): Parameter[] {
  const found: Parameter[] = [];
  DECLARATION.lastIndex = 0;
  let end = 0;
  for (let match = DECLARATION.exec(source); match; match = DECLARATION.exec(source)) {
    const [, comment = "", name, type, value] = match;
    const help = comment.replace(/^\s*\*\s?/gm, "").replace(/\s+/g, " ").trim();
    checkType(name, type);
    found.push({ name, type, default: value, help });
    end = DECLARATION.lastIndex;
  }
  const rest = source.slice(end).trim();
  if (rest) {
    throw new InputError(
      `Cannot read the parameters' cell: "${
        rest.split("\n")[0]
      }" is no declaration; write const name: type = value; ` +
        "of type number, string, boolean, a list of these, or a choice of strings",
    );
  }
  for (const parameter of found) typed(parameter, JSON.parse(jsonOf(parameter)));
  return found;
}

/** The names of a choice: ["quick", "full"] of `"quick" | "full"`; undefined for other types. */
function choices(type: string): string[] | undefined {
  const parts = type.split("|").map((part) => part.trim());
  return parts.every((part) => STRING.test(part)) ? parts.map((part) => JSON.parse(part)) : undefined;
}

function checkType(name: string, type: string): void {
  if (/^(number|string|boolean)(\[\])?$/.test(type) || choices(type)) return;
  throw new InputError(
    `Cannot use the parameter ${name}: its type is ${type}; use number, string, boolean, a list of these, or a choice of strings`,
  );
}

function jsonOf({ name, default: value }: Parameter): string {
  try {
    JSON.parse(value);
    return value;
  } catch {
    throw new InputError(
      `Cannot use the parameter ${name}: its default ${value} is no plain value as JSON has it`,
    );
  }
}

/** `value` as the parameter's type; texts of a command line are read. Throws InputError where it does not fit. */
function typed(parameter: Parameter, value: unknown): unknown {
  const { name, type } = parameter, names = choices(type);
  const fail = (wanted: string) =>
    new InputError(
      `Cannot set ${name} to ${
        typeof value === "string" ? value : JSON.stringify(value)
      }: it must be ${wanted}`,
    );
  if (names) {
    if (typeof value === "string" && names.includes(value)) return value;
    throw fail(`one of ${names.join(", ")}`);
  }
  if (type.endsWith("[]")) {
    const list = typeof value === "string" ? listOf(value) : value;
    if (!Array.isArray(list)) throw fail(`a list of ${type.slice(0, -2)}s, as 1,2,3 or ["a","b"]`);
    return list.map((one) => typed({ ...parameter, type: type.slice(0, -2) }, one));
  }
  if (type === "string") {
    if (typeof value === "string") return value;
    throw fail("a text");
  }
  if (type === "boolean") {
    if (typeof value === "boolean") return value;
    if (value === "true" || value === "false") return value === "true";
    throw fail("true or false");
  }
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw fail("a number");
}

/** A list on a command line: JSON, or values with commas. */
function listOf(text: string): unknown {
  if (!text.trim().startsWith("[")) {
    return text.trim() === "" ? [] : text.split(",").map((part) => part.trim());
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Puts `values` into a cell tagged "injected-parameters" behind the parameters' cell, in place of one that is there; without values
 * such a cell is taken out. The notebook's metadata says what was put in. Throws InputError for a name that is no parameter or a value that does not fit.
 */
export function injectParameters(notebook: Notebook, values: Values): void {
  const parameters = parametersOf(notebook), old = tagged(notebook, INJECTED);
  if (old >= 0) notebook.cells.splice(old, 1);
  delete notebook.papermill;
  const given = Object.entries(values);
  if (given.length === 0) return;
  const record: Record<string, unknown> = {};
  const lines = given.map(([name, value]) => {
    const parameter = parameters.find((one) => one.name === name);
    if (parameter) {
      record[name] = typed(parameter, value);
      return `const ${name}: ${parameter.type} = ${JSON.stringify(record[name])};`;
    }
    const known = parameters.map((one) => one.name).join(", ");
    throw new InputError(
      `Cannot set ${name}: this notebook has no such parameter; ${
        known ? `it has ${known}` : "no cell of it is tagged parameters"
      }`,
    );
  });
  const cell: Cell = {
    cell_type: "code",
    id: INJECTED,
    source: `// In place of the values above.\n${lines.join("\n")}`,
    metadata: { tags: [INJECTED] },
    outputs: [],
    execution_count: null,
  };
  notebook.cells.splice(tagged(notebook, TAG) + 1, 0, cell);
  notebook.papermill = { parameters: record };
}

/** The parameters as --help lists them. */
export function parametersHelp(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return "This notebook has no parameters.";
  const width = Math.max(...parameters.map(({ name }) => name.length));
  return parameters.map(({ name, type, default: value, help }) =>
    `  ${name.padEnd(width)}  ${type}, default ${value}${help ? `\n  ${" ".repeat(width)}  ${help}` : ""}`
  ).join("\n");
}
