// Runs a program for set-up and tells in one line why it failed. Its whole output goes to .ual/setup.log.
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";

/** What run() can be told. */
export interface RunOptions {
  cwd: string;
  /** Added to the environment. */
  env?: Record<string, string>;
  /** Its stdin. */
  input?: string;
  /** What the program does, as it stands in the error: "Cannot <what>: …". */
  what: string;
}

/** Runs `program` to its end and returns its stdout. Throws InputError with reason and remedy where it fails. */
export async function run(
  program: string,
  args: string[],
  { cwd, what, env, input }: RunOptions,
): Promise<string> {
  const stdin = input === undefined ? "null" : "piped";
  const settings = {
    args,
    cwd,
    stdin,
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...env },
  } as const;
  let output: Deno.CommandOutput;
  try {
    const child = new Deno.Command(program, settings).spawn();
    if (input !== undefined) await new Blob([input]).stream().pipeTo(child.stdin);
    output = await child.output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new InputError(`Cannot ${what}: there is no ${program}; install it`);
    }
    throw error;
  }
  const decoder = new TextDecoder();
  const [stdout, stderr] = [decoder.decode(output.stdout), decoder.decode(output.stderr)];
  await Deno.mkdir(join(cwd, ".ual"), { recursive: true });
  const text = `$ ${program} ${args.join(" ")}\n${stdout}${stderr}\n`;
  await Deno.writeTextFile(join(cwd, ".ual/setup.log"), text, { append: true });
  if (output.success) return stdout;
  const last = stderr.trim().split("\n").at(-1)!;
  if (output.code === 2 && last.startsWith("Cannot ")) throw new InputError(last); // one of our own
  throw new InputError(`Cannot ${what}: ${why(stdout + stderr)}`);
}

/** The reason and the remedy in a failed program's output. */
export function why(text: string): string {
  if (/No space left on device|ENOSPC/i.test(text)) return "no space left on device; free some space";
  const offline =
    /resol(?:ve|ution|ving)|dns error|lookup address|Connection(?:Error| refused)|NewConnection|error sending/i;
  if (offline.test(text)) {
    return "the package registry does not answer; check the network (proxy: HTTPS_PROXY, own registry: NPM_CONFIG_REGISTRY, PIP_INDEX_URL)";
  }
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line);
  const last = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "it gave no reason";
  return `${last}; all of its output is in .ual/setup.log`;
}
