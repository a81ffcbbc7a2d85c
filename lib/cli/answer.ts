// `ual answer`: a model's answers to a set of prompts, in a file that judges and other programs read.
import { basename, dirname } from "node:path";
import type { Output } from "../cli.ts";
import {
  type AnswerOptions,
  answerTurns,
  type Prompt,
  readPromptSet,
  writeModelOutputs,
  writeTurnAnswers,
} from "../evaluate/judge/mod.ts";
import type { Model } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import { lockFile } from "../run/lock.ts";
import { Progress } from "../run/progress.ts";
import type { Flags } from "./flags.ts";
import { adapterOf, jitOf, modelOf } from "./model.ts";

/** Answers `--prompts` into `--out`. */
export async function answer(flags: Flags): Promise<Output> {
  const out = flags.required("out"), path = resolveUser(out), allTurns = out.endsWith(".jsonl");
  if (!/\.jsonl?$/.test(out)) {
    throw new InputError(`Cannot write --out ${out}: its name says no layout; end it in .json or .jsonl`);
  }
  const settings = settingsOf(flags), set = await readPromptSet(flags.required("prompts"));
  const limit = flags.text("limit") === undefined ? Infinity : flags.whole("limit");
  const asked = set.prompts.slice(0, limit), prompts = allTurns ? asked : asked.map(firstTurn);
  using _lock = await lockFile(path);
  const { model, template } = await modelOf(flags);
  try {
    const generator = flags.text("generator") ?? generatorOf(flags, model), partial = `${path}.partial`;
    const progress = new Progress("answer", prompts.length);
    const answered = await answerTurns(model, prompts, {
      ...settings,
      generator,
      adapter: await adapterOf(flags, model),
      template,
      partial,
      onProgress: (done) => progress.update(done),
    });
    await progress.finish();
    if (allTurns) await writeTurnAnswers(path, prompts, answered, generator);
    else {
      const outputs = prompts.map(({ dataset, instruction }, i) => ({
        dataset,
        instruction,
        output: answered[i].texts[0],
        generator,
      }));
      await writeModelOutputs(path, outputs);
    }
    await Deno.remove(partial);
    return report({ out, generator, set: set.name, answered });
  } finally {
    model.weights.close();
  }
}

function settingsOf(flags: Flags): Omit<AnswerOptions, "generator"> {
  return {
    ...jitOf(flags),
    maxNew: flags.whole("max-new"),
    temperature: flags.number("temperature", { least: 0 }),
    topK: flags.whole("top-k", 0),
    topP: flags.number("top-p", { least: 0, most: 1 }),
    seed: flags.whole("seed", 0),
    batch: flags.whole("batch"),
  };
}

const firstTurn = ({ further: _, ...prompt }: Prompt): Prompt => prompt;

/** The adapter's folder, one called "adapter" by the folder around it; without one the model's name. */
function generatorOf(flags: Flags, model: Model): string {
  const dir = flags.text("adapter");
  if (!dir) return model.name;
  const path = resolveUser(dir), own = basename(path);
  return own === "adapter" ? basename(dirname(path)) : own;
}

function report(
  { out, generator, set, answered }: {
    out: string;
    generator: string;
    set: string;
    answered: Awaited<ReturnType<typeof answerTurns>>;
  },
): Output {
  const tokens = answered.flatMap(({ tokens }) => tokens),
    cut = answered.flatMap(({ ended }) => ended)
      .filter((ended) => !ended).length;
  const empty = answered.flatMap(({ texts }) => texts).filter((text) => text === "").length;
  const sum = tokens.reduce((a, b) => a + b, 0);
  return {
    json: {
      out,
      prompts: set,
      generator,
      count: answered.length,
      answers: tokens.length,
      tokens: sum,
      cut,
      empty,
    },
    text:
      `${tokens.length} answers by ${generator}, ${(sum / tokens.length).toFixed(0)} tokens on average, ` +
      `${cut} cut at --max-new, ${empty} empty; wrote ${out}`,
  };
}
