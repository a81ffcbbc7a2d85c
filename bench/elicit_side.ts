// One side of elicit.ts, in a process of its own: asks for so many ratings, so many at once, by elicit() with its ledger, by
// the openai package alone, or by a bare fetch loop. Reads its task from a file; prints one JSON line.
import process from "node:process";
import OpenAI from "openai";
import { openChat } from "../lib/chat/mod.ts";
import type { Example } from "../lib/data/mod.ts";
import { peakMemory } from "../lib/run/machine.ts";
import { bundledPrompt, elicit, judgeMessages } from "../lib/uncertainty/mod.ts";

/** What a side does. */
export interface ElicitTask {
  side: "ours" | "openai" | "fetch";
  baseUrl: string;
  calls: number;
  concurrency: number;
  ledger: string;
}

/** What it prints. */
export interface ElicitResult {
  seconds: number;
  /** Of this process, in seconds of processor time. */
  cpuSeconds: number;
  answers: number;
  peakBytes: number;
}

const task = JSON.parse(await Deno.readTextFile(Deno.args[0])) as ElicitTask;
const { baseUrl, calls, concurrency } = task;

/** Dialogues as long as the bundled ones, none like another. */
const examples: Example[] = Array.from({ length: calls }, (_, i) => ({
  id: `d${i}`,
  turns: [
    { role: "user", content: `Explain how canal lock number ${i} works to a child who has never seen one.` },
    { role: "assistant", content: "A lock is a bathtub for boats, with a door at each end. ".repeat(6) },
  ],
}));
const prompt = await bundledPrompt();
const parameters = {
  temperature: 0,
  top_p: 0.9,
  max_tokens: prompt.maxTokens,
  logprobs: true,
  top_logprobs: 20,
};
const bodyOf = (i: number) => ({
  model: "judge",
  messages: judgeMessages(prompt, examples[i].turns),
  ...parameters,
});

/** Runs `ask` for every question, as many at once as told. */
async function lanes(ask: (i: number) => Promise<string>): Promise<number> {
  let next = 0, answers = 0;
  await Promise.all(Array.from({ length: concurrency }, async () => {
    while (next < calls) if (await ask(next++) === "42") answers++;
  }));
  return answers;
}

const sides: Record<ElicitTask["side"], () => Promise<number>> = {
  ours: async () => {
    const endpoint = { baseUrl, model: "judge" };
    await using chat = await openChat(endpoint, { ledger: task.ledger, concurrency });
    return (await elicit(examples, chat)).filter(({ rating }) => rating === 42).length;
  },
  openai: () => {
    const client = new OpenAI({ baseURL: baseUrl, apiKey: "none", maxRetries: 0 });
    return lanes(async (i) => (await client.chat.completions.create(bodyOf(i))).choices[0].message.content!);
  },
  fetch: () =>
    lanes(async (i) => {
      const headers = { "content-type": "application/json" }, body = JSON.stringify(bodyOf(i));
      const response = await fetch(`${baseUrl}/chat/completions`, { method: "POST", headers, body });
      return (await response.json()).choices[0].message.content;
    }),
};

const start = performance.now(), before = process.cpuUsage();
const answers = await sides[task.side]();
const seconds = (performance.now() - start) / 1000, { user, system } = process.cpuUsage(before);
const result: ElicitResult = { seconds, cpuSeconds: (user + system) / 1e6, answers, peakBytes: peakMemory() };
console.log(JSON.stringify(result));
