// A process that asks a judge: BASE_URL LEDGER COUNT, then options of openChat() as JSON. Prints what became of it as JSON.
import { completeAll, openChat } from "../../lib/chat/mod.ts";

/** The i-th question. */
export const questionAt = (i: number) => ({
  messages: [{ role: "user" as const, content: `Question ${i}: what is the need for diversity?` }],
  temperature: 0,
  maxTokens: 4,
});

if (import.meta.main) {
  const [baseUrl, ledger, count, options = "{}"] = Deno.args;
  const endpoint = { baseUrl, model: "judge", fingerprint: null };
  await using chat = await openChat(endpoint, { ledger, backoff: 0.01, ...JSON.parse(options) });
  const tasks = Array.from({ length: Number(count) }, (_, i) => ({ tag: i, request: questionAt(i) }));
  let answers = 0, failures = 0, cached = 0;
  for await (const { answer } of completeAll(chat, tasks)) {
    answer ? answers++ : failures++;
    if (answer?.cached) cached++;
  }
  console.log(JSON.stringify({ answers, failures, cached }));
}
