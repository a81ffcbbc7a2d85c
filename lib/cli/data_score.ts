// `ual data score`: what DEITA's selection goes by: a judge's scores of each exchange, into the dialogues themselves, and the
// model's embeddings. The selection itself, ual data select --deita, then needs neither.
import { type Chat, type CostEstimate, estimateText, openChat } from "../chat/mod.ts";
import type { Output } from "../cli.ts";
import {
  embedDialogues,
  exchangesOf,
  judgeScores,
  scorePrompts,
  scoreRequests,
  writeEmbeddings,
} from "../curate/mod.ts";
import type { JudgeScoreOptions } from "../curate/mod.ts";
import type { Example } from "../data/example.ts";
import { writeExamples } from "../data/write.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import { Progress } from "../run/progress.ts";
import { chatOf, judgeOf } from "./asking.ts";
import type { Flags } from "./flags.ts";
import { jitOf, modelOf } from "./model.ts";
import { noteBad, sourceOf, tallyJson, writeReport } from "./source.ts";

/** Writes `--out` with scores, `--embeddings`, or both. */
export async function scoreData(flags: Flags): Promise<Output> {
  const out = flags.text("out"), embeddings = flags.text("embeddings");
  if (!out && !embeddings) {
    throw new InputError(
      "Cannot score data without a place for it: give --out for a judge's scores, --embeddings, or both",
    );
  }
  const source = sourceOf(flags), examples = await Array.fromAsync(source);
  noteBad(source);
  if (embeddings) await embed(flags, examples, resolveUser(embeddings));
  const judged = out ? await judge(flags, examples) : undefined;
  if (out && judged) await writeExamples(resolveUser(out), judged.examples);
  const json = {
    out: out ?? null,
    embeddings: embeddings ?? null,
    count: examples.length,
    ...await tallyJson(source),
    ...(judged
      ? { judge: judged.judge, prompts: judged.prompts, scored: judged.scored, failures: judged.failures }
      : {}),
  };
  if (out) await writeReport(resolveUser(`${out.replace(/\.jsonl$/, "")}.report.json`), json);
  return {
    json: { ...json, ...(judged ? { usd: judged.usd } : {}) },
    text: textOf(json, judged),
    ...(judged ? { failed: judged.scored === 0 } : {}),
  };
}

async function embed(flags: Flags, examples: Example[], path: string): Promise<void> {
  const { model, template } = await modelOf(flags), context = flags.whole("context", 2);
  const progress = new Progress("embed (batches)", 1);
  try {
    const found = await embedDialogues(model, examples, {
      ...jitOf(flags),
      context,
      template,
      onBatch: (done, total) => {
        progress.state.total = total;
        return progress.update(done);
      },
    });
    await progress.finish();
    await writeEmbeddings(path, found);
  } finally {
    model.weights.close();
  }
}

/** What a judge made of the data. */
interface Judged {
  examples: Example[];
  judge: string;
  prompts: Record<string, string>;
  scored: number;
  failures: { id: string; failed: string }[];
  usd: number;
}

async function judge(flags: Flags, examples: Example[]): Promise<Judged> {
  await using asked = await judgeOf(flags);
  const options = await optionsOf(flags, asked.prompt === "rate_small");
  const { concurrency = asked.concurrency, ...limits } = chatOf(flags, "data score");
  const ledger = resolveUser(
    flags.text("ledger") ?? `${flags.required("out").replace(/\.jsonl$/, "")}.answers.jsonl`,
  );
  await using chat = await openChat(asked.endpoint, {
    ...limits,
    concurrency,
    ledger,
  });
  console.error(`data score: ${estimateText(await estimate(chat, examples, options))}`);
  const found = new Map<string, Example["scores"]>(), failures: Judged["failures"] = [];
  const progress = new Progress("score", examples.length);
  let done = 0;
  for await (const { id, scores, failed } of judgeScores(chat, examples, options)) {
    if (scores) found.set(id, scores);
    else failures.push({ id, failed: failed! });
    await progress.update(++done, { note: failures.length ? `${failures.length} failed` : undefined });
  }
  await progress.finish();
  const order = new Map(examples.map(({ id }, i) => [id, i]));
  failures.sort((a, b) => order.get(a.id)! - order.get(b.id)!);
  return {
    examples: examples.map(({ scores: _, ...example }) => {
      const scores = found.get(example.id);
      return scores ? { ...example, scores } : example;
    }),
    judge: asked.endpoint.model,
    prompts: { complexity: options.prompts.complexity.hash, quality: options.prompts.quality.hash },
    scored: found.size,
    failures,
    usd: chat.spent(),
  };
}

async function optionsOf(flags: Flags, small: boolean): Promise<JudgeScoreOptions> {
  const temperature = flags.text("temperature") === "none"
    ? null
    : flags.number("temperature", { least: 0, most: 2 });
  return {
    prompts: await scorePrompts({ small }),
    temperature,
    logprobs: !flags.flag("no-logprobs"),
    maxTokens: flags.whole("max-tokens"),
  };
}

function estimate(chat: Chat, examples: Example[], options: JudgeScoreOptions): Promise<CostEstimate> {
  const requests = function* () {
    for (const { turns } of examples) {
      for (const exchange of exchangesOf(turns)) {
        for (const request of scoreRequests(exchange, options)) yield { request };
      }
    }
  };
  return chat.estimate(requests());
}

function textOf(
  { out, embeddings, count }: { out: string | null; embeddings: string | null; count: number },
  judged?: Judged,
): string {
  const lines = [`${count} dialogues`];
  if (embeddings) lines.push(`embeddings in ${embeddings}`);
  if (judged) {
    const { scored, failures, usd } = judged;
    lines.push(
      `${scored} scored by ${judged.judge}, ${failures.length} failed${
        usd ? `; ${usd.toFixed(4)} USD` : ""
      }; wrote ${out}`,
    );
    lines.push(...failures.slice(0, 5).map(({ id, failed }) => `  ${id}: ${failed}`));
    if (failures.length > 5) lines.push(`  and ${failures.length - 5} more`);
  }
  return lines.join("\n");
}
