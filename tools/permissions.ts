// Deno's permissions for a verb that needs no engine: its own code, its inputs, its output folders; the network only where
// it downloads; no other programs, no native code. Starting the verb is ual.ts.
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import type { Verb } from "../lib/cli_verbs.ts";
import { cacheDir, resolveUser } from "../lib/run/files.ts";

/** The names of the environment that such a verb may read. */
const names = ["INIT_CWD", "UAL_CACHE", "UAL_GIT", "UAL_MIRROR", "NO_COLOR", "HOME", "XDG_CACHE_HOME"];
const hub = ["HF_TOKEN", "HF_ENDPOINT"];
const own = ["lib", "node_modules", "data", "deno.json", "deno.lock", "package.json"];

/** The permission flags of `deno run` for `verb` with the arguments after its name. Paths are taken relative to INIT_CWD. */
export function permissionFlags(root: string, verb: Verb, args: string[]): string[] {
  const values = flagValues(verb, args);
  const texts = (flags: string[] = []) => flags.flatMap((flag) => values[flag] ?? []);
  const given = (flags: string[] = []) => texts(flags).map(resolveUser);
  const sources = texts(verb.sources),
    downloads = verb.downloads || sources.some((ref) => ref.startsWith("hf:"));
  const mirror = sources.some((ref) => ref.startsWith("mirror:")) || texts(verb.mirror).length > 0;
  const outputs = [
    ...given(verb.write).flatMap((path) => [path, real(path)]).map((path) => dirname(path)),
    ...given(verb.writeFolder).flatMap((path) => [path, real(path)]),
    ...(downloads ? [join(cacheDir(), "hub")] : []),
  ];
  const files = sources.filter((ref) => !/^(hf|mirror):/.test(ref)).map(resolveUser);
  const folder = Deno.env.get("UAL_MIRROR") ?? join(root, "../shared/data");
  const inputs = [...given(verb.read), ...files, ...(mirror ? [resolveUser(folder)] : [])]
    .flatMap((path) => [path, real(path)]);
  const read = [...own.map((path) => join(root, path)), ...inputs, ...outputs];
  const list = (paths: string[]) => [...new Set(paths)].map((path) => path.replaceAll(",", ",,")).join(",");
  return [
    "--no-prompt",
    `--allow-read=${list(read)}`,
    ...(outputs.length ? [`--allow-write=${list(outputs)}`] : []),
    ...(downloads ? ["--allow-net"] : []),
    `--allow-env=${[...names, ...(downloads ? hub : [])].join(",")}`,
    "--allow-sys=cpus,systemMemoryInfo,loadavg",
  ];
}

/** The values that the arguments after the verb give to each flag, positional ones included; faults are the verb's to find. */
export function flagValues(verb: Verb, args: string[]): Record<string, string[]> {
  const taking = Object.entries(verb.flags ?? {}).filter(([, flag]) => flag.value).map(([name]) => name);
  const names = [
    ...taking,
    ...[verb.read, verb.sources, verb.mirror, verb.write, verb.writeFolder].flatMap((flags) => flags ?? []),
  ];
  const options = Object.fromEntries(
    names.map((name) => [name, { type: "string", multiple: true } as const]),
  );
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: false });
  const found: Record<string, string[]> = {};
  for (const [name, given] of Object.entries(values)) {
    found[name] = [given].flat().filter((value) => typeof value === "string");
  }
  if (verb.positional) found[verb.positional] = [...found[verb.positional] ?? [], ...positionals];
  return found;
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
