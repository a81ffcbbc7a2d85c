// Our side of stream.ts: dialogues of a JSONL file read, checked, mapped (answers trimmed) and written; prints one JSON line.
import type { Example } from "../lib/data/example.ts";
import { openSource } from "../lib/data/open_source.ts";
import { writeExamples } from "../lib/data/write.ts";
import { peakMemory } from "../lib/run/machine.ts";

const [path, out] = Deno.args;
let characters = 0;

async function* trimmed(examples: AsyncIterable<Example>): AsyncGenerator<Example> {
  for await (const example of examples) {
    for (const turn of example.turns) {
      if (turn.role !== "assistant") continue;
      turn.content = turn.content.trim();
      characters += turn.content.length;
    }
    yield example;
  }
}

const start = performance.now();
const count = await writeExamples(out, trimmed(openSource(path)));
const seconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ seconds, peakBytes: peakMemory(), count, characters }));
