// `ual generate`: a model's answers to prompts or to dialogues.
import type { Output } from "../cli.ts";
import type { Turn } from "../data/example.ts";
import {
  type Adapter,
  compareLogits,
  comparisonTexts,
  encodePrompt,
  generate as continuations,
  int8Base,
  logitsOf,
  type Model,
  textBefore,
} from "../model/mod.ts";
import type { JitOptions } from "../jit/mod.ts";
import { InputError } from "../run/errors.ts";
import { Progress } from "../run/progress.ts";
import type { Flags } from "./flags.ts";
import { adapterOf, baseOf, examplesOf, jitOf, modelOf } from "./model.ts";

/** Answers each `--prompt`, or each dialogue of `--data` up to its last answer. */
export async function generate(flags: Flags): Promise<Output> {
  const asked = await prompts(flags);
  const { model, template } = await modelOf(flags);
  const adapter = await adapterOf(flags, model);
  const { tokenizer } = model;
  const encoded = asked.map(({ turns }) => encodePrompt(tokenizer, template, turns));
  const decode = (ids: number[]) => tokenizer.decode(ids, { skipSpecial: true });
  const maxNew = flags.whole("max-new"), stopStrings = flags.list("stop");
  const progress = new Progress("generate", asked.length * maxNew);
  let made = 0;
  const int8 = flags.text("weights") === "int8";
  const answers = await continuations(int8 ? await int8Base(model) : baseOf(model), encoded, {
    ...jitOf(flags),
    adapter,
    maxNew,
    temperature: flags.number("temperature", { least: 0 }),
    topK: flags.whole("top-k", 0),
    topP: flags.number("top-p", { least: 0, most: 1 }),
    seed: flags.whole("seed", 0),
    batch: flags.whole("batch"),
    stop: model.config.eosIds,
    stopStrings,
    decode,
    onToken: () => void progress.update(++made, { tokens: 1 }),
  });
  await progress.finish();
  const results = answers.map(({ ids, finish }, i) => ({
    id: asked[i].id,
    prompt: asked[i].turns.at(-1)!.content,
    text: textBefore(decode(ids), stopStrings),
    ids,
    prompt_tokens: encoded[i].length,
    tokens: ids.length,
    finished: finish === "stop",
  }));
  const text = results.map((r) => r.text).join("\n\n");
  if (!int8) return { json: { model: model.name, results }, text };
  const { top1Agreement, meanLikelihoodDifference, positions } = await agreement(
    model,
    jitOf(flags),
    adapter,
  );
  console.error(
    `int8 weights: the likeliest next token is float32's at ${
      (100 * top1Agreement).toFixed(1)
    }% of ${positions} ` +
      `positions of bundled dialogues; mean |Δ log-likelihood| ${meanLikelihoodDifference.toFixed(4)}`,
  );
  const int8Agreement = { top1: top1Agreement, mean_nll_difference: meanLikelihoodDifference, positions };
  return { json: { model: model.name, weights: "int8", int8_agreement: int8Agreement, results }, text };
}

/** How far 8-bit weights are from float32, on texts that every model is compared on. */
async function agreement(model: Model, options: JitOptions, adapter?: Adapter) {
  const texts = await comparisonTexts(model);
  const reference = await logitsOf(baseOf(model), texts, { ...options, adapter });
  return compareLogits(
    texts,
    reference,
    await logitsOf(await int8Base(model), texts, { ...options, adapter }),
  );
}

async function prompts(flags: Flags): Promise<{ id: string; turns: Turn[] }[]> {
  const given = flags.list("prompt");
  if (given.length && flags.text("data")) {
    throw new InputError("Cannot generate from both --prompt and --data: give one of them");
  }
  if (given.length) {
    return given.map((content, i) => ({ id: String(i + 1), turns: [{ role: "user" as const, content }] }));
  }
  if (!flags.text("data")) {
    throw new InputError("Cannot generate: there is no prompt; give --prompt TEXT or --data FILE");
  }
  return (await examplesOf(flags)).map(({ id, turns }) => {
    const last = turns.findLastIndex((t) => t.role === "assistant");
    return { id, turns: last < 0 ? turns : turns.slice(0, last) };
  });
}
