// Deno's permissions for a verb that needs no engine: its own code, its inputs, its output folders; no network, no other
// programs, no native code. Starting the verb is ual.ts.
import { dirname, join } from "node:path";
import type { Verb } from "../lib/cli_verbs.ts";
import { resolveUser } from "../lib/run/files.ts";

/** The names of the environment that such a verb may read. */
const names = ["INIT_CWD", "UAL_CACHE", "UAL_GIT", "UAL_MIRROR", "NO_COLOR", "HOME", "XDG_CACHE_HOME"];
const own = ["lib", "node_modules", "data", "deno.json", "deno.lock", "package.json"];

/** The permission flags of `deno run` for `verb` with the user's arguments. Paths are taken relative to INIT_CWD. */
export function permissionFlags(root: string, verb: Verb, args: string[]): string[] {
  const given = (flags: string[] = []) => flags.flatMap((flag) => flagValues(args, flag)).map(resolveUser);
  const outputs = [
    ...given(verb.write).flatMap((path) => [path, real(path)]).map((path) => dirname(path)),
    ...given(verb.writeFolder).flatMap((path) => [path, real(path)]),
  ];
  const inputs = given(verb.read).flatMap((path) => [path, real(path)]);
  const read = [...own.map((path) => join(root, path)), ...inputs, ...outputs];
  const list = (paths: string[]) => [...new Set(paths)].map((path) => path.replaceAll(",", ",,")).join(",");
  return [
    "--no-prompt",
    `--allow-read=${list(read)}`,
    ...(outputs.length ? [`--allow-write=${list(outputs)}`] : []),
    `--allow-env=${names.join(",")}`,
    "--allow-sys=cpus,systemMemoryInfo,loadavg",
  ];
}

/** The values of --flag VALUE and --flag=VALUE. */
export function flagValues(args: string[], flag: string): string[] {
  return args.flatMap((arg, i) => {
    if (arg === `--${flag}` && i + 1 < args.length) return [args[i + 1]];
    return arg.startsWith(`--${flag}=`) ? [arg.slice(flag.length + 3)] : [];
  });
}

/** The path behind links; for a file that is not there yet, of the folder it will be in. */
function real(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(real(parent), path.slice(parent.length));
  }
}
