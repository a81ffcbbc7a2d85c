// Notebook files (nbformat 4.5) as they are stored here: minimal metadata, stable cell ids, text split into lines,
// keys sorted as Jupyter sorts them, so that a diff shows only what changed. Running them is notebook.ts.
import { InputError, messageOf } from "../lib/run/errors.ts";
import { readBytes } from "../lib/run/files.ts";

/** MIME type → content; text as one string in memory, as a list of lines on disk. */
export type Data = Record<string, unknown>;

/** One output of a cell. */
export type Output =
  | { output_type: "stream"; name: string; text: string }
  | { output_type: "display_data"; data: Data; metadata: Data }
  | { output_type: "execute_result"; data: Data; metadata: Data; execution_count: number | null }
  | { output_type: "error"; ename: string; evalue: string; traceback: string[] };

/** One cell; outputs and execution_count belong to code cells. */
export interface Cell {
  cell_type: "code" | "markdown" | "raw";
  id: string;
  source: string;
  metadata: Record<string, unknown>;
  outputs: Output[];
  execution_count: number | null;
}

/** A notebook in memory. */
export interface Notebook {
  cells: Cell[];
  /** What was put in place of parameters' defaults, as papermill records it but for times. */
  papermill?: { parameters: Data };
}

/** The kernel that set-up registers and notebooks name. */
export const kernelName = "deno-ual";
export const kernelTitle = "Deno (this project)";

/** Whether a file is a notebook, and not one whose run broke off. */
export const isNotebook = (name: string): boolean => /(?<!\.partial)\.ipynb$/.test(name);

/** Reads a notebook. Throws InputError where it is missing or not a notebook of format 4. */
export async function readNotebook(path: string): Promise<Notebook> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    const json = JSON.parse(text);
    if (json.nbformat !== 4 || !Array.isArray(json.cells)) {
      throw new TypeError("it is not of notebook format 4");
    }
    const seen = new Set<string>();
    const cells = json.cells.map((cell: Cell, i: number) => readCell(cell, i, seen));
    const parameters = json.metadata?.papermill?.parameters;
    return { cells, ...(parameters ? { papermill: { parameters } } : {}) };
  } catch (error) {
    throw new InputError(`Cannot read notebook ${path}: ${messageOf(error)}; save it with JupyterLab`);
  }
}

function readCell(cell: Cell, index: number, seen: Set<string>): Cell {
  let id = cell.id ?? `cell-${index + 1}`;
  while (seen.has(id)) id += "-x";
  seen.add(id);
  const source = joined(cell.source);
  const { cell_type, execution_count = null } = cell;
  const { tags, jupyter } = cell.metadata ?? {}, hidden = (jupyter as Data | undefined)?.source_hidden;
  const metadata = { ...(tags ? { tags } : {}), ...(hidden ? { jupyter: { source_hidden: true } } : {}) };
  const outputs = (cell.outputs ?? []).map((output) => mapText(output, joined)) as Output[];
  return { cell_type, id, source, metadata, outputs, execution_count };
}

/** The file's text for a notebook. */
export function notebookText(notebook: Notebook): string {
  const cells = notebook.cells.map(({ outputs, execution_count, ...cell }) => ({
    ...cell,
    source: lines(cell.source),
    ...(cell.cell_type === "code" ? { execution_count, outputs: outputs.map((o) => mapText(o, lines)) } : {}),
  }));
  const metadata = {
    kernelspec: { display_name: kernelTitle, language: "typescript", name: kernelName },
    language_info: { file_extension: ".ts", mimetype: "text/x.typescript", name: "typescript" },
    ...(notebook.papermill ? { papermill: notebook.papermill } : {}),
  };
  return JSON.stringify(sorted({ cells, metadata, nbformat: 4, nbformat_minor: 5 }), null, 1) + "\n";
}

/** An output with its texts (streams, text/*, SVG) passed through `change`. */
function mapText(output: Output, change: (text: string) => unknown): unknown {
  if (output.output_type === "stream") return { ...output, text: change(output.text) };
  if (output.output_type === "error") return output;
  const isText = (type: string) => /^text\/|\+xml$|^image\/|javascript$/.test(type);
  const entries = Object.entries(output.data).map(([type, value]) =>
    isText(type) ? [type, change(value as string)] : [type, value]
  );
  return { ...output, data: Object.fromEntries(entries) };
}

function joined(text: unknown): string {
  return Array.isArray(text) ? text.join("") : String(text ?? "");
}

function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, v]) => [key, sorted(v)]));
}
