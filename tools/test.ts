// Runs all tests (or those given as arguments) and ends with "N passed, N failed, N skipped", counted by the runner.
// Fails where a test fails and where none ran. With UAL_PEERS set it installs PyTorch and PEFT first, for the tests of those.
// Not in parallel: many of them use all cores.
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { runMain } from "./main.ts";
import { setUpPeers } from "./peers.ts";
import { root, setUpEngine } from "./setup.ts";

const junit = join(root, ".ual/tests.xml");

async function main(): Promise<number> {
  await Deno.remove(junit).catch(() => {});
  const args = Deno.args.length ? Deno.args : ["tests"];
  if (args.some((arg) => arg === "tests" || arg.includes("tfjs_node"))) {
    await setUp("tfjs-node", () => setUpEngine("tfjs-node"));
  }
  if (Deno.env.get("UAL_PEERS")) await setUp("the real PEFT, transformers and gguf", setUpPeers);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", `--junit-path=${junit}`, ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "piped",
  }).spawn();
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    text += decoder.decode(bytes, { stream: true });
    await Deno.stdout.write(bytes);
  }
  const { code } = await child.status;
  const [passed, failed, skipped] = counts(text);
  for (const name of await skippedNames()) console.log(`skipped: ${name}`);
  if (passed + failed + skipped === 0) console.log("no test ran: see above");
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return code || (passed === 0 || failed > 0 ? 1 : 0);
}

/** Sets up what some tests compare with; where that fails they are skipped, and here is why. */
async function setUp(what: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    console.error(`${error.message}; the tests of ${what} are skipped`);
  }
}

/** Passed, failed, skipped in the runner's last summary line; zeros where there is none. */
export function counts(output: string): [number, number, number] {
  const summary = output.split("\n").findLast((line) => /^(ok|FAILED) \| \d+ passed/.test(line)) ?? "";
  const count = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(summary)?.[1] ?? 0);
  return [count("passed"), count("failed"), count("ignored")];
}

async function skippedNames(): Promise<string[]> {
  const xml = await Deno.readTextFile(junit).catch(() => "");
  const names = [...xml.matchAll(/<testcase name="([^"]*)"[^>]*>\s*<skipped\/>/g)].map((match) => match[1]);
  const plain: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return names.map((name) => name.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity) => plain[entity]));
}

if (import.meta.main) await runMain(main);
