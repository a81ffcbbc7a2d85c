// Starts the command line, lib/cli.ts: verbs that need the engine with all permissions in this process, the others in one
// with narrow permissions. deno task ual VERB [flags]
import { join } from "node:path";
import { splitVerb, verbs } from "../lib/cli_verbs.ts";
import { gitState } from "../lib/run/machine.ts";
import { runMain } from "./main.ts";
import { permissionFlags } from "./permissions.ts";
import { root } from "./setup.ts";

/** Runs `cli` for `args` with the permissions of its verb and returns its exit code. */
export async function launch(cli: string, args: string[], table = verbs): Promise<number> {
  const { name, rest } = splitVerb(args, table);
  const verb = Object.hasOwn(table, name) ? table[name] : {};
  if (verb.engine) return (await import(`file://${cli}`)).main(args);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...permissionFlags(root, verb, rest), cli, ...args],
    env: { INIT_CWD: Deno.env.get("INIT_CWD") ?? Deno.cwd(), UAL_GIT: gitText() },
  }).spawn();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => child.kill(signal));
  }
  return (await child.status).code;
}

/** The git state for a process that may not start git. */
function gitText(): string {
  const state = gitState(root);
  return state ? `${state.commit} ${state.dirty ? "dirty" : "clean"}` : "";
}

if (import.meta.main) await runMain(() => launch(join(root, "lib/cli.ts"), Deno.args));
