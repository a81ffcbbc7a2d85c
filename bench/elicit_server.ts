// A judge on loopback for elicit.ts, in a process of its own: answers each chat completion after a fixed time. Prints its
// address, and when its input ends the most calls that it had at once and the milliseconds that it spent on all of them.

const service = Number(Deno.args[0]);
const completion = {
  id: "chatcmpl-0",
  object: "chat.completion",
  created: 1700000000,
  model: "judge",
  choices: [{
    index: 0,
    message: { role: "assistant", content: "42", refusal: null },
    logprobs: {
      content: [{
        token: "42",
        logprob: -0.1,
        bytes: [52, 50],
        top_logprobs: [["42", -0.1], ["45", -3], ["40", -3.5], ["50", -4], ["38", -5]].map((
          [token, logprob],
        ) => ({
          token,
          logprob,
          bytes: [52, 50],
        })),
      }],
    },
    finish_reason: "stop",
  }],
  usage: { prompt_tokens: 700, completion_tokens: 1, total_tokens: 701 },
};
const answer = JSON.stringify(completion), headers = { "content-type": "application/json" };
let busy = 0, busiest = 0, spent = 0;

const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
  if (request.method !== "POST") return new Response(null, { status: 404 });
  const start = performance.now();
  await request.arrayBuffer();
  busiest = Math.max(busiest, ++busy);
  await new Promise((done) => setTimeout(done, service));
  busy--;
  spent += performance.now() - start;
  return new Response(answer, { headers });
});
console.log(`http://127.0.0.1:${server.addr.port}/v1`);
for await (const _ of Deno.stdin.readable) { /* until its end */ }
console.log(JSON.stringify({ busiest, spent }));
Deno.exit(0);
