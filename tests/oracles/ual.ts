// The command line as a process of its own, through the launcher with the permissions of its verb.
import { join } from "node:path";

const root = join(import.meta.dirname!, "../..");

/** Runs `ual ARGS` with `cwd` as the user's folder, to its end. */
export async function ual(
  args: string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(root, "tools/ual.ts"), ...args],
    cwd: root,
    env: { INIT_CWD: cwd, NO_COLOR: "1", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
