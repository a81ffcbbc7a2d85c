// The real PyTorch, transformers, PEFT and gguf of .venv-peers (deno task peers): runs a Python script there. Tests that need
// them are skipped with the reason where they are not installed.
import { join } from "node:path";

const python = join(import.meta.dirname!, "../.venv-peers/bin/python");

function installed(): boolean {
  try {
    return Deno.statSync(join(import.meta.dirname!, "../.venv-peers/ual-complete")).isFile;
  } catch {
    return false;
  }
}

/** Whether the peers are there. */
export const peers: boolean = installed();
if (!peers) {
  console.error("tests of the real PEFT, transformers and gguf are skipped: deno task peers installs them");
}

/** What `script` prints as JSON on its last line, given `args`. Throws with its error text where it fails. */
export async function runPeer<T>(script: string, ...args: string[]): Promise<T> {
  const env = { HF_HUB_OFFLINE: "1", TRANSFORMERS_VERBOSITY: "error", OMP_NUM_THREADS: "2" };
  const { success, stdout, stderr } = await new Deno.Command(python, { args: ["-c", script, ...args], env })
    .output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(text(stderr).split("\n").slice(-15).join("\n"));
  return JSON.parse(text(stdout).trim().split("\n").at(-1)!);
}
