// Executes a notebook of the Deno kernel without Python, in order, with no output lost or misplaced; with other parameters,
// and on after a failure. deno task notebook NAME [-p NAME VALUE …] [--out OUT.ipynb] [--help]
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { InputError, messageOf } from "../lib/run/errors.ts";
import type { Message } from "../lib/show/zmtp.ts";
import { readBytes, resolveUser, writeFileAtomic } from "../lib/run/files.ts";
import { Kernel, type Reply } from "./kernel.ts";
import { runMain } from "./main.ts";
import { type Cell, type Notebook, notebookText, type Output, readNotebook } from "./notebook_file.ts";
import { injectParameters, parametersHelp, parametersOf, type Values } from "./parameters.ts";
import { root } from "./setup.ts";

/** What executeNotebook() can be told. */
export interface ExecuteOptions {
  /** Where the executed notebook goes; in place where missing. */
  out?: string;
  /** In place of the defaults in the notebook's parameters' cell. */
  parameters?: Values;
  /** The command that goes on after a failure, for its error; `deno task notebook PATH` where missing. */
  command?: string;
  /** Added to the kernel's environment. */
  env?: Record<string, string>;
  /** The most seconds one cell may take; 3600 where missing. */
  timeout?: number;
  /** Called before each code cell, counted from 1. */
  onCell?: (cell: number, total: number, source: string) => void;
}

/** A failed cell. What was executed is in the partial notebook. */
export class CellError extends Error {
  override name = "CellError";
}

/** Where a notebook is written while it runs, and stays where it fails: beside `out`, which only a complete run replaces. */
export const partialPath = (out: string): string => out.replace(/(\.ipynb)?$/, ".partial.ipynb");

/**
 * Executes all code cells of the notebook at `path` in its own folder and writes it with its outputs. What was executed is on the disk
 * after each cell (partialPath()). Stages of the library keep their results, so after a failure the same call comes to the failed cell
 * quickly and goes on from what that cell's stage had done. Throws CellError where a cell fails or takes too long or the
 * kernel dies, InputError where the file is no notebook or a parameter does not fit.
 */
export async function executeNotebook(path: string, options: ExecuteOptions = {}): Promise<void> {
  const notebook = await readNotebook(path), out = options.out ?? path;
  injectParameters(notebook, options.parameters ?? {});
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
  const partial = partialPath(out), keep = () => writeFileAtomic(partial, notebookText(notebook));
  try {
    await runCells(kernel, notebook, path, { ...options, keep, partial });
  } finally {
    for (const remove of stops) remove();
    await kernel.close();
    await keep();
  }
  await Deno.rename(partial, out);
}

/** What makes a kernel's outputs depend on the notebook alone: no colours, one time zone and language, seeded Math.random. */
function kernelEnv(folder: string, extra: Record<string, string> = {}): Record<string, string> {
  const flags = `${Deno.env.get("DENO_V8_FLAGS") ?? ""} --random-seed=1`.trim();
  return { NO_COLOR: "1", TZ: "UTC", LC_ALL: "C.UTF-8", INIT_CWD: folder, DENO_V8_FLAGS: flags, ...extra };
}

async function runCells(
  kernel: Kernel,
  notebook: Notebook,
  path: string,
  options: ExecuteOptions & { keep: () => Promise<void>; partial: string },
) {
  const cells = notebook.cells.filter((cell) => cell.cell_type === "code");
  for (const cell of cells) Object.assign(cell, { outputs: [], execution_count: null });
  const displays = new Map<string, Output>();
  const filled = cells.filter((cell) => cell.source.trim());
  for (const [i, cell] of filled.entries()) {
    cell.execution_count = i + 1;
    options.onCell?.(i + 1, filled.length, cell.source);
    const fail = (what: string) =>
      new CellError(
        `Cell [${cell.execution_count}] (${cell.id}) of ${
          basename(path)
        } failed: ${what}\n--- the cell\n${cell.source}\n---\n` +
          `What was executed is in ${options.partial}; finished stages are not computed again. To go on:\n` +
          (options.command ?? `deno task notebook ${path}`),
      );
    let reply: Reply;
    try {
      const running = kernel.execute(cell.source, (message) => collect(cell, message, displays));
      reply = await within(running, options.timeout ?? 3600);
    } catch (error) {
      cell.outputs.push(errorOutput(error instanceof Error ? error.name : "Error", messageOf(error)));
      throw fail(messageOf(error));
    }
    if (reply.status === "ok") {
      await options.keep();
      continue;
    }
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

const USAGE = `deno task notebook NAME|PATH [flags]

Executes a notebook. Without parameters it is executed in place; with some a copy is, in .ual/notebooks.

  -p, --parameter NAME VALUE  a parameter's value; may be repeated
  --parameters FILE           values from a JSON object
  --out FILE                  where the executed notebook goes
  --env NAME=VALUE            for the kernel; may be repeated
  --timeout SECONDS           the most that one cell may take; default 3600
  --help                      this, and the notebook's parameters`;

/** "-p NAME VALUE" as one argument each: parseArgs knows no flag with two values. */
function joinPairs(args: string[]): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] !== "-p" && args[i] !== "--parameter") joined.push(args[i]);
    else if (i + 2 < args.length) joined.push(`--parameter=${args[i + 1]}=${args[i += 2]}`);
    else throw new InputError(`Cannot read ${args.slice(i).join(" ")}: give ${args[i]} a name and a value`);
  }
  return joined;
}

/** A notebook by its path, or by its name in notebooks/. */
async function pathOf(given: string): Promise<string> {
  const own = join(root, "notebooks", `${given}.ipynb`);
  return await Deno.stat(own).then(() => own, () => resolveUser(given));
}

/** An argument as a shell takes it. */
const quoted = (arg: string) => /^[\w./=:+,-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`;

const pair = (text: string): [string, string] => {
  const [name, ...value] = text.split("=");
  return [name, value.join("=")];
};

async function valuesOf(file: string | undefined, pairs: string[]): Promise<Values> {
  const given = Object.fromEntries(pairs.map(pair));
  if (!file) return given;
  const path = resolveUser(file), text = new TextDecoder().decode(await readBytes(path));
  try {
    const values = JSON.parse(text);
    if (typeof values === "object" && values !== null && !Array.isArray(values)) {
      return { ...values, ...given };
    }
  } catch {
    // said below
  }
  throw new InputError(`Cannot read parameters from ${path}: it is no JSON object; write {"name": value}`);
}

async function main(): Promise<number> {
  const text = { type: "string" } as const, many = { ...text, multiple: true, default: [] } as const;
  const { values, positionals } = parseArgs({
    args: joinPairs(Deno.args),
    allowPositionals: true,
    options: {
      help: { type: "boolean" },
      parameter: { ...many, default: [] as string[] },
      parameters: text,
      out: text,
      env: { ...many, default: [] as string[] },
      timeout: text,
    },
  });
  if (positionals.length === 0 && values.help) {
    console.log(USAGE);
    return 0;
  }
  if (positionals.length !== 1) throw new InputError(`Cannot execute: give one notebook\n\n${USAGE}`);
  const path = await pathOf(positionals[0]);
  if (values.help) {
    console.log(
      `${USAGE}\n\nParameters of ${basename(path)}:\n${
        parametersHelp(parametersOf(await readNotebook(path)))
      }`,
    );
    return 0;
  }
  const timeout = values.timeout === undefined ? undefined : Number(values.timeout);
  if (timeout !== undefined && !(timeout > 0)) {
    throw new InputError(`Cannot use --timeout ${values.timeout}: give seconds above 0`);
  }
  const parameters = await valuesOf(values.parameters, values.parameter);
  const copy = Object.keys(parameters).length ? join(root, ".ual/notebooks", basename(path)) : path;
  const out = values.out === undefined ? copy : resolveUser(values.out), started = performance.now();
  await Deno.mkdir(dirname(out), { recursive: true });
  await executeNotebook(path, {
    out,
    parameters,
    env: Object.fromEntries(values.env.map(pair)),
    timeout,
    command: `deno task notebook ${Deno.args.map(quoted).join(" ")}`,
    onCell: (cell, total) => console.error(`cell ${cell}/${total}`),
  });
  console.error(`executed in ${((performance.now() - started) / 1000).toFixed(1)} s: ${out}`);
  return 0;
}

if (import.meta.main) await runMain(main);
