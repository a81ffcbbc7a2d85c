// Set-up of .venv-peers: PyTorch, transformers and PEFT as pinned in requirements-peers.txt, for bench/ and for making
// the stored outputs in tests/parity. Not part of the normal set-up: nothing of the method runs there.
import { join } from "node:path";
import { sha256Hex } from "../lib/run/files.ts";
import { run } from "./command.ts";
import { runMain } from "./main.ts";
import { root } from "./setup.ts";

const venv = join(root, ".venv-peers");

/**
 * Makes `.venv-peers` unless it is complete and of the same requirements; returns its interpreter.
 * Throws InputError with the remedy where Python, the network or disk space is missing.
 */
export async function setUpPeers(): Promise<string> {
  const python = join(venv, "bin/python");
  const requirements = join(root, "requirements-peers.txt");
  const stamp = join(venv, "ual-complete");
  const key = sha256Hex(Deno.readTextFileSync(requirements));
  if (isComplete(stamp, python, key)) return python;
  await Deno.mkdir(join(root, ".ual"), { recursive: true });
  using lock = await Deno.open(join(root, ".ual/peers.lock"), { write: true, create: true });
  await lock.lock(true);
  if (isComplete(stamp, python, key)) return python;
  console.error("set-up: PyTorch and PEFT in .venv-peers (some minutes) …");
  const started = performance.now();
  await Deno.remove(venv, { recursive: true }).catch(() => {});
  await run("python3", ["-m", "venv", venv], { cwd: root, what: "make the Python environment .venv-peers" });
  const pip = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet"];
  await run(python, [...pip, "--requirement", requirements], { cwd: root, what: "install PyTorch and PEFT" });
  await Deno.writeTextFile(stamp, key);
  console.error(`set-up: .venv-peers done in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return python;
}

function isComplete(stamp: string, python: string, key: string): boolean {
  try {
    Deno.statSync(python);
    return Deno.readTextFileSync(stamp) === key;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  await runMain(async () => {
    console.log(await setUpPeers());
    return 0;
  });
}
