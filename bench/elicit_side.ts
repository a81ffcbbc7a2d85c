// One side of elicit.ts, in a process of its own: asks so many questions, so many at once, by our client with its ledger, by
// the openai package alone, or by a bare fetch loop. Reads its task from a file; prints one JSON line.
import process from "node:process";
import OpenAI from "openai";
import { completeAll, openChat } from "../lib/chat/mod.ts";
import { peakMemory } from "../lib/run/machine.ts";

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
const rubric = await Deno.readTextFile(new URL("../data/rubric.md", import.meta.url));
const dialogue =
  "user: Explain how a canal lock works to a child.\n\nassistant: A lock is a bathtub for boats. ";

const messagesOf = (i: number) => [
  { role: "system" as const, content: rubric },
  { role: "user" as const, content: `${dialogue.repeat(8)}\n\nDialogue ${i}: rate it.` },
];
const parameters = { temperature: 0, max_tokens: 4, logprobs: true, top_logprobs: 5 };

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
    const tasks = (function* () {
      for (let i = 0; i < calls; i++) {
        yield { tag: i, request: { messages: messagesOf(i), temperature: 0, maxTokens: 4, topLogprobs: 5 } };
      }
    })();
    let answers = 0;
    for await (const { answer } of completeAll(chat, tasks)) if (answer?.text === "42") answers++;
    return answers;
  },
  openai: () => {
    const client = new OpenAI({ baseURL: baseUrl, apiKey: "none", maxRetries: 0 });
    return lanes(async (i) => {
      const body = { model: "judge", messages: messagesOf(i), ...parameters };
      return (await client.chat.completions.create(body)).choices[0].message.content!;
    });
  },
  fetch: () =>
    lanes(async (i) => {
      const body = JSON.stringify({ model: "judge", messages: messagesOf(i), ...parameters });
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${baseUrl}/chat/completions`, { method: "POST", headers, body });
      return (await response.json()).choices[0].message.content;
    }),
};

const start = performance.now(), before = process.cpuUsage();
const answers = await sides[task.side]();
const seconds = (performance.now() - start) / 1000, { user, system } = process.cpuUsage(before);
const result: ElicitResult = { seconds, cpuSeconds: (user + system) / 1e6, answers, peakBytes: peakMemory() };
console.log(JSON.stringify(result));
