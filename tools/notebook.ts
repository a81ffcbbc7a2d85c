// Executes a notebook of the Deno kernel without Python, in order, with no output lost or misplaced.
// deno run -A tools/notebook.ts IN.ipynb [--out OUT.ipynb] [--env NAME=VALUE …] [--timeout SECONDS]
import { basename, dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { InputError, messageOf } from "../lib/run/errors.ts";
import type { Message } from "../lib/show/zmtp.ts";
import { resolveUser, writeFileAtomic } from "../lib/run/files.ts";
import { Kernel, type Reply } from "./kernel.ts";
import { type Cell, type Notebook, notebookText, type Output, readNotebook } from "./notebook_file.ts";

/** What executeNotebook() can be told. */
export interface ExecuteOptions {
  /** Where the executed notebook goes; in place where missing. */
  out?: string;
  /** Added to the kernel's environment. */
  env?: Record<string, string>;
  /** The most seconds one cell may take; 3600 where missing. */
  timeout?: number;
  /** Called before each code cell, counted from 1. */
  onCell?: (cell: number, total: number, source: string) => void;
}

/** A failed cell. The notebook up to it has been written. */
export class CellError extends Error {
  override name = "CellError";
}

/**
 * Executes all code cells of the notebook at `path` in its own folder and writes it with its outputs. Throws CellError
 * where a cell fails or takes too long or the kernel dies (what was executed until then is written), InputError where
 * the file is no notebook.
 */
export async function executeNotebook(path: string, options: ExecuteOptions = {}): Promise<void> {
  const notebook = await readNotebook(path);
  const folder = dirname(resolve(path));
  const kernel = await Kernel.start(folder, kernelEnv(folder, options.env));
  const stops = (["SIGINT", "SIGTERM"] as const).map((signal) => {
    const stop = () => { // the running cell then fails, and what was executed is kept
      console.error(`stopped by ${signal}`);
      kernel.kill();
    };
    Deno.addSignalListener(signal, stop);
    return () => Deno.removeSignalListener(signal, stop);
  });
  try {
    await runCells(kernel, notebook, path, options);
  } finally {
    for (const remove of stops) remove();
    await kernel.close();
    await writeFileAtomic(options.out ?? path, notebookText(notebook));
  }
}

/** What makes a kernel's outputs depend on the notebook alone: no colours, one time zone and language, seeded Math.random. */
function kernelEnv(folder: string, extra: Record<string, string> = {}): Record<string, string> {
  const flags = `${Deno.env.get("DENO_V8_FLAGS") ?? ""} --random-seed=1`.trim();
  return { NO_COLOR: "1", TZ: "UTC", LC_ALL: "C.UTF-8", INIT_CWD: folder, DENO_V8_FLAGS: flags, ...extra };
}

async function runCells(kernel: Kernel, notebook: Notebook, path: string, options: ExecuteOptions) {
  const cells = notebook.cells.filter((cell) => cell.cell_type === "code");
  for (const cell of cells) Object.assign(cell, { outputs: [], execution_count: null });
  const displays = new Map<string, Output>();
  const filled = cells.filter((cell) => cell.source.trim());
  for (const [i, cell] of filled.entries()) {
    cell.execution_count = i + 1;
    options.onCell?.(i + 1, filled.length, cell.source);
    const fail = (what: string) =>
      new CellError(
        `Cell [${cell.execution_count}] of ${basename(path)} failed: ${what}\n--- the cell\n${cell.source}`,
      );
    let reply: Reply;
    try {
      const running = kernel.execute(cell.source, (message) => collect(cell, message, displays));
      reply = await within(running, options.timeout ?? 3600);
    } catch (error) {
      cell.outputs.push(errorOutput(error instanceof Error ? error.name : "Error", messageOf(error)));
      throw fail(messageOf(error));
    }
    if (reply.status === "ok") continue;
    const { ename = "Error", traceback = [] } = reply;
    const silent = !traceback.length && /^(Execution failed)?$/.test(reply.evalue ?? "");
    const evalue = silent ? await silentReason(cell.source) : reply.evalue!;
    if (!cell.outputs.some((output) => output.output_type === "error")) {
      cell.outputs.push(errorOutput(ename, evalue, traceback));
    }
    throw fail([`${ename}: ${evalue}`, ...traceback].join("\n"));
  }
}

/** Why a cell failed where the kernel does not say: the formatter names errors of syntax. */
async function silentReason(source: string): Promise<string> {
  const args = ["fmt", "--ext=ts", "-"];
  const child = new Deno.Command(Deno.execPath(), {
    args,
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
  const formatter = child.spawn();
  const writer = formatter.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source)).then(() => writer.close()).catch(() => {});
  const { success, stderr } = await formatter.output();
  if (!success) return new TextDecoder().decode(stderr).split("\n    at ")[0].replace(/^error: /, "");
  return "the kernel gives no reason; often an import of a package that is not in deno.json and deno.lock";
}

function errorOutput(ename: string, evalue: string, traceback: string[] = []): Output {
  return { output_type: "error", ename, evalue, traceback };
}

async function within<T>(promise: Promise<T>, seconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RangeError(`it took more than ${seconds} s`)), seconds * 1000);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Puts one message into the cell's outputs; an update goes to the output it belongs to, in whatever cell. */
function collect(cell: Cell, { type, content }: Message, displays: Map<string, Output>) {
  const data = { data: content.data, metadata: content.metadata ?? {} };
  if (type === "stream") {
    const last = cell.outputs.at(-1);
    if (last?.output_type === "stream" && last.name === content.name) last.text += content.text;
    else cell.outputs.push({ output_type: "stream", name: content.name, text: content.text });
  } else if (type === "display_data") {
    const output: Output = { output_type: "display_data", ...data };
    cell.outputs.push(output);
    if (content.transient?.display_id) displays.set(content.transient.display_id, output);
  } else if (type === "execute_result") {
    cell.outputs.push({ output_type: "execute_result", ...data, execution_count: cell.execution_count });
  } else if (type === "update_display_data") {
    Object.assign(displays.get(content.transient?.display_id) ?? {}, data);
  } else if (type === "clear_output") {
    cell.outputs.length = 0;
  } else if (type === "error") {
    cell.outputs.push(errorOutput(content.ename, content.evalue, content.traceback));
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      out: { type: "string" },
      env: { type: "string", multiple: true, default: [] },
      timeout: { type: "string" },
    },
  });
  if (positionals.length !== 1) {
    throw new InputError(
      "Cannot execute: give one notebook: notebook.ts IN.ipynb [--out OUT.ipynb] [--env NAME=VALUE]",
    );
  }
  const env = Object.fromEntries(values.env.map((pair) => {
    const [name, ...value] = pair.split("=");
    return [name, value.join("=")];
  }));
  const started = performance.now();
  await executeNotebook(resolveUser(positionals[0]), {
    out: values.out && resolveUser(values.out),
    env,
    timeout: values.timeout ? Number(values.timeout) : undefined,
    onCell: (cell, total) => console.error(`cell ${cell}/${total}`),
  });
  console.error(`executed in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return 0;
}

if (import.meta.main) {
  const code = await main().catch((error) => {
    console.error(messageOf(error));
    return error instanceof InputError ? 2 : 1;
  });
  Deno.exit(code);
}
