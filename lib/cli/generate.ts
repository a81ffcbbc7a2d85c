// `ual generate`: greedy answers of a model.
import type { Output } from "../cli.ts";
import type { Turn } from "../data/example.ts";
import { encodePrompt, generate as continuations } from "../model/mod.ts";
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
  const maxNew = flags.whole("max-new");
  const progress = new Progress("generate", asked.length * maxNew);
  let made = 0;
  const answers = await continuations(baseOf(model), encoded, {
    ...jitOf(flags),
    adapter,
    maxNew,
    stop: model.config.eosIds,
    onToken: () => void progress.update(++made, { tokens: 1 }),
  });
  await progress.finish();
  const results = answers.map((ids, i) => ({
    id: asked[i].id,
    prompt: asked[i].turns.at(-1)!.content,
    text: tokenizer.decode(ids, { skipSpecial: true }),
    ids,
    prompt_tokens: encoded[i].length,
    tokens: ids.length,
    finished: model.config.eosIds.includes(ids.at(-1)!),
  }));
  return { json: { model: model.name, results }, text: results.map((r) => r.text).join("\n\n") };
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
