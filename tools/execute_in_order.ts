// Notebooks one after the other. A list that broke off goes on where it did: what is done and unchanged is not executed again.
import { basename } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { readBytes, sha256File, sha256Hex, writeFileAtomic } from "../lib/run/files.ts";
import { sortedJson } from "../lib/run/manifest.ts";
import { executeNotebook, type ExecuteOptions } from "./notebook.ts";
import { readNotebook } from "./notebook_file.ts";

/** One notebook of a list. */
export interface Listed extends Pick<ExecuteOptions, "parameters" | "env" | "timeout"> {
  path: string;
  /** Where the executed notebook goes. */
  out: string;
}

/** How a list is executed. */
export interface InOrderOptions {
  /** Holds what is done while the list is not; removed by finish(). */
  record: string;
  /** Hash of what else decides outputs: code, data, versions. */
  code: string;
  /** Begin at the notebook whose name begins so; those before are taken as they are. Default: where it broke off. */
  from?: string;
  /** The command that goes on after a failure of this notebook. */
  command: (notebook: Listed) => string;
}

/** What is done, by path of the notebook. */
type Done = Record<string, { key: string; hash: string }>;

/** A list of notebooks in execution. */
export class NotebookList {
  private constructor(
    private readonly notebooks: Listed[],
    private readonly options: InOrderOptions,
    private readonly first: number,
    private done: Done,
  ) {}

  /** Throws InputError where `from` names no notebook or one before it has not been executed. */
  static async open(notebooks: Listed[], options: InOrderOptions): Promise<NotebookList> {
    const { from, record } = options;
    const first = from === undefined ? 0 : notebooks.findIndex(({ path }) => basename(path).startsWith(from));
    if (first < 0) {
      const names = notebooks.map(({ path }) => basename(path, ".ipynb")).join(", ");
      throw new InputError(`Cannot begin at ${from}: there is no such notebook; choose from ${names}`);
    }
    for (const { out } of notebooks.slice(0, first)) {
      if (await exists(out)) continue;
      throw new InputError(`Cannot begin at ${from}: ${out} is missing; begin at an earlier notebook`);
    }
    const done = from === undefined ? await readRecord(record) : {};
    return new NotebookList(notebooks, options, first, done);
  }

  /** Executes one notebook, or finds that it need not be; says which. Throws as executeNotebook(). */
  async execute(notebook: Listed): Promise<"executed" | "done before"> {
    const { path, out, ...settings } = notebook;
    const key = await this.keyOf(notebook);
    if (this.notebooks.indexOf(notebook) < this.first || await this.isDone(notebook, key)) {
      return "done before";
    }
    await executeNotebook(path, { out, ...settings, command: this.options.command(notebook) });
    this.done[path] = { key, hash: await sha256File(out) };
    await writeFileAtomic(this.options.record, sortedJson(this.done));
    return "executed";
  }

  /** Forgets what is done: the next execution runs all again. */
  async finish(): Promise<void> {
    this.done = {};
    await Deno.remove(this.options.record).catch(() => {});
  }

  private async isDone({ path, out }: Listed, key: string): Promise<boolean> {
    const done = this.done[path];
    return done?.key === key && await exists(out) && await sha256File(out) === done.hash;
  }

  /** What decides an executed notebook: its cells, what is given to it, and the code. */
  private async keyOf({ path, out, parameters = {}, env = {} }: Listed): Promise<string> {
    const { cells } = await readNotebook(path);
    const sources = cells.map((
      { cell_type, id, metadata, source },
    ) => [cell_type, id, sortedJson(metadata), source]);
    return sha256Hex(sortedJson([sources, out, { ...parameters }, env, this.options.code]));
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** What an unfinished list has done; nothing where there is none or it cannot be read. */
async function readRecord(path: string): Promise<Done> {
  try {
    return JSON.parse(new TextDecoder().decode(await readBytes(path)));
  } catch (error) {
    if (error instanceof InputError || error instanceof SyntaxError) return {};
    throw error;
  }
}
