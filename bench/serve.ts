// Bench: what a judge gets from `ual serve`: requests that share a long rubric, a dialogue each, a few new tokens with
// log-probabilities; at several concurrencies, with the prefix cache and without. The server is a process of its own.
import { join } from "node:path";
import { bundled } from "../lib/data/bundled.ts";
import { openModel } from "../lib/model/mod.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { root } from "../tools/setup.ts";
import { parseFlags } from "./flags.ts";
import { columns } from "./report.ts";
import { loadAverage } from "./side.ts";

const help = `deno task bench serve [flags]

  --rubric N       tokens of the rubric that all requests share (default 400)
  --max-new N      new tokens a request (default 4)
  --requests N     requests at each concurrency (default 32)
  --batch N        rows of the server (default 16)
  --threads N      threads of the server (default: the cores)
  --int8           linear layers in 8 bits
  --json           one JSON object on stdout`;

const CONCURRENCY = [1, 8, 32];

/** A request's body, and how its answer came. */
interface Timed {
  seconds: number;
  prompt: number;
  completion: number;
  cached: number;
}

/** Runs the bench. */
export async function main(args: string[]): Promise<number> {
  const flags = parseFlags(args, {
    numbers: { rubric: 400, "max-new": 4, requests: 32, batch: 16, threads: navigator.hardwareConcurrency },
    switches: ["int8"],
  });
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const before = loadAverage(), total = CONCURRENCY.length * flags.requests;
  const bodies = await requests(flags.rubric, flags["max-new"], total + 1);
  const rows = [];
  for (const prefixCache of [512, 0]) {
    const server = await start(flags, prefixCache);
    try {
      // compiles what requests of this length need
      await ask(server.url, { ...bodies[total], model: server.model });
      for (const [i, concurrency] of CONCURRENCY.entries()) {
        const part = bodies.slice(i * flags.requests, (i + 1) * flags.requests); // none is asked for twice
        const row = {
          prefixCache: prefixCache > 0,
          concurrency,
          ...await measure(server, part, concurrency),
        };
        rows.push(row);
        console.error(`${label(row)}: ${row.requestsPerSecond.toFixed(2)} requests/s`);
      }
    } finally {
      await server.stop();
    }
  }
  const report = {
    bench: "serve",
    settings: { ...flags, help: undefined, json: undefined },
    machine: { ...hardware(), load: undefined },
    versions: versions(),
    rows,
    load: { before, after: loadAverage() },
  };
  console.log(flags.json ? JSON.stringify(report) : text(report));
  return 0;
}

/** Requests for ratings of our own dialogues under the first `tokens` tokens of the bundled rubric. */
async function requests(tokens: number, maxNew: number, count: number) {
  const { tokenizer, weights } = await openModel();
  weights.close();
  const whole = await Deno.readTextFile(join(root, "data/rubric.md"));
  const ids = tokenizer.encode(whole.repeat(Math.ceil(tokens / 300)), { addSpecial: false }).slice(0, tokens);
  const rubric = tokenizer.decode(ids), dialogues = [...await bundled("heldout"), ...await bundled("train")];
  return Array.from({ length: count }, (_, i) => {
    const dialogue = dialogues[i % dialogues.length].turns.map(({ role, content }) => `${role}: ${content}`);
    return {
      messages: [{ role: "system", content: rubric }, {
        role: "user",
        content: `${dialogue.join("\n")}\n\nRating from 0 to 99:`,
      }],
      temperature: 0,
      max_tokens: maxNew,
      logprobs: true,
      top_logprobs: 20,
    };
  });
}

type Body = Awaited<ReturnType<typeof requests>>[0];

async function start(flags: { batch: number; threads: number; int8: boolean }, prefixCache: number) {
  const args = ["run", "-A", "--quiet", join(root, "lib/cli.ts"), "serve", "--json", "--port", "0"];
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...args,
      ...["--batch", String(flags.batch), "--threads", String(flags.threads)],
      ...["--prefix-cache", String(prefixCache), "--weights", flags.int8 ? "int8" : "float32"],
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let line = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!line.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("Cannot start ual serve: it ended; run it alone to see why");
    line += value;
  }
  const { url, models } = JSON.parse(line);
  return {
    url: url as string,
    model: models[0].id as string,
    async stop() {
      child.kill("SIGTERM");
      await reader.cancel();
      await child.status;
    },
  };
}

async function ask(url: string, body: Body & { model: string }): Promise<Timed> {
  const start = performance.now();
  const response = await fetch(`${url}/chat/completions`, { method: "POST", body: JSON.stringify(body) });
  const { usage, error } = await response.json();
  if (error) throw new Error(`Cannot measure: the server says ${error.message}`);
  return {
    seconds: (performance.now() - start) / 1000,
    prompt: usage.prompt_tokens,
    completion: usage.completion_tokens,
    cached: usage.prompt_tokens_details.cached_tokens,
  };
}

async function measure({ url, model }: { url: string; model: string }, bodies: Body[], concurrency: number) {
  const waiting = [...bodies], done: Timed[] = [], start = performance.now();
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (let body; (body = waiting.shift());) done.push(await ask(url, { ...body, model }));
  }));
  const seconds = (performance.now() - start) / 1000,
    latencies = done.map((d) => d.seconds).sort((a, b) => a - b);
  const sum = (of: (timed: Timed) => number) => done.reduce((total, timed) => total + of(timed), 0);
  return {
    requestsPerSecond: done.length / seconds,
    /** Of prompts and answers, whether computed or taken from the cache. */
    tokensPerSecond: sum((d) => d.prompt + d.completion) / seconds,
    meanPrompt: sum((d) => d.prompt) / done.length,
    cachedShare: sum((d) => d.cached) / sum((d) => d.prompt),
    medianSeconds: latencies[latencies.length >> 1],
    p95Seconds: latencies[Math.floor(0.95 * latencies.length)],
  };
}

type Row = { prefixCache: boolean; concurrency: number } & Awaited<ReturnType<typeof measure>>;

const label = ({ prefixCache, concurrency }: Row) =>
  `${prefixCache ? "prefix cache" : "no prefix cache"}, ${concurrency} at once`;

interface Report {
  settings: {
    rubric: number;
    "max-new": number;
    requests: number;
    batch: number;
    threads: number;
    int8: boolean;
  };
  machine: { cpu?: string; cores: number };
  versions: Record<string, string>;
  rows: Row[];
  load: { before: number[]; after: number[] };
}

function text({ settings, machine, versions, rows, load }: Report): string {
  const plain = (at: number) => rows.find((row) => !row.prefixCache && row.concurrency === at)!;
  const lines = rows.map((row) => [
    label(row),
    row.requestsPerSecond.toFixed(2),
    row.tokensPerSecond.toFixed(0),
    row.prefixCache ? (row.requestsPerSecond / plain(row.concurrency).requestsPerSecond).toFixed(2) : "",
    `${row.medianSeconds.toFixed(2)} s`,
    `${row.p95Seconds.toFixed(2)} s`,
    `${(100 * row.cachedShare).toFixed(0)}%`,
  ]);
  return [
    `${settings.requests} requests, prompts of ${
      rows[0].meanPrompt.toFixed(0)
    } tokens on average, ${settings.rubric} of ` +
    `them shared, ${settings["max-new"]} new tokens; ${
      settings.int8 ? "int8" : "float32"
    }, ${settings.batch} rows`,
    `${machine.cpu ?? "unknown processor"} (${machine.cores} cores), ${settings.threads} threads; ` +
    Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "),
    "",
    ...columns([["", "requests/s", "tokens/s", "gain", "median", "95%", "from cache"], ...lines]),
    "",
    `load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}
