// A model small enough to train in seconds through the command line: the tiny Llama of tiny_llama.ts with random weights,
// as a GGUF file, and dialogues for it.
import { join } from "node:path";
import { stream } from "../../lib/run/seed.ts";
import { tinyGguf, tinyWeights } from "./tiny_llama.ts";

const root = join(import.meta.dirname!, "../..");

/** Writes tiny.gguf, train.jsonl (`count` rated dialogues) and heldout.jsonl into `folder`. */
export async function tinyTask(folder: string, count = 9): Promise<void> {
  const weights = tinyWeights().map(([name, shape, data]) => {
    const random = stream(5, "tiny model", name), centre = shape.length === 1 ? 1 : 0;
    return [name, shape, data.map((_, i) => centre + 0.3 * random.normal(i))] as [
      string,
      number[],
      Float32Array,
    ];
  });
  await Deno.writeFile(
    join(folder, "tiny.gguf"),
    tinyGguf({ weights, fields: { "llama.context_length": { u32: 256 } } }),
  );
  await Deno.writeTextFile(join(folder, "train.jsonl"), dialogues("t", count));
  await Deno.writeTextFile(join(folder, "heldout.jsonl"), dialogues("h", 4));
}

function dialogues(name: string, count: number): string {
  const words = ["sea", "a bird", "rain", "the old road", "music"];
  const random = stream(6, "tiny dialogues", name);
  return Array.from({ length: count }, (_, i) => {
    const [a, b, c] = random.ints(3, words.length, 3 * i).map((j) => words[j]);
    const response = `It is ${b}${i % 3 ? `, and ${c} near ${a}` : ""}.`;
    return JSON.stringify({ id: `${name}${i}`, prompt: `What of ${a}?`, response, uncertainty: 11 * i }) +
      "\n";
  }).join("");
}

/** `ual VERB …` on the tiny model in `folder`, started; two threads less than it might take, as tests share the machine. */
export function tinyUal(folder: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(root, "lib/cli.ts"), ...args, "--model", "tiny.gguf", "--threads", "1"],
    cwd: folder,
    env: { INIT_CWD: folder, UAL_CACHE: join(folder, "cache"), NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** How a command ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Waits for the end of a command. */
export async function ended(child: Deno.ChildProcess): Promise<Ended> {
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
