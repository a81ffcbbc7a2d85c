// Answers of the study's models to open prompts, and a judge's preferences, each pair in both orders. The judge is our own small
// model unless the environment names another: UAL_JUDGE, with OPENAI_BASE_URL and OPENAI_API_KEY.
import { join } from "node:path";
import { type Endpoint, openChat } from "../chat/mod.ts";
import { hasMirror } from "../data/mirror.ts";
import {
  type Annotation,
  annotator,
  generateAnswers,
  judgePairs,
  type ModelOutput,
  pairOutputs,
  type Prompt,
  readPromptSet,
} from "../evaluate/mod.ts";
import type { Model } from "../model/mod.ts";
import { sha256Hex } from "../run/files.ts";
import { hashLib } from "../run/machine.ts";
import { serve } from "../serve/mod.ts";
import { progressBar } from "../show/mod.ts";
import { studyFolders } from "./folders.ts";
import { ended, keptEach } from "./kept.ts";
import type { Preset } from "./presets.ts";
import { stageParts } from "./stages.ts";
import { openModels, type StudyModels } from "./study_models.ts";

/** A judged pair without what differs from run to run. */
export type JudgedPair = Omit<Annotation, "showings"> & {
  showings: { switched: boolean; preference: number | null; failed?: string; key: string }[];
};

/** The preset's prompts: of the mirror where there is one and the preset wants it, else of the bundled set. */
export async function studyPrompts({ ablation }: Preset): Promise<{ name: string; prompts: Prompt[] }> {
  const { source, count, mirror } = ablation.prompts;
  const name = mirror && hasMirror() ? mirror : source;
  const { prompts } = await readPromptSet(name);
  return { name, prompts: prompts.slice(0, count) };
}

/** Greedy answers of each model to the prompts, at most `p.ablation.maxNew` tokens each; each model's are kept on their own. */
export async function answerPrompts(
  p: Preset,
  model: Model,
  models: StudyModels,
  prompts: readonly Prompt[],
): Promise<Record<string, ModelOutput[]>> {
  const { threads } = p.settings, { maxNew } = p.ablation, names = Object.keys(models);
  const { adapters, hashes } = await openModels(models, model);
  const bar = progressBar(`answer as ${names.join(", ")}`, names.length * prompts.length);
  const settings = { threads, maxNew };
  const parts = stageParts(p, "prompts", { model, hashes, names, data: prompts, settings });
  const answers = await keptEach<ModelOutput>(parts, "answers.jsonl", async (missing) => {
    const made: Record<string, { lines: ModelOutput[] }> = {};
    for (const [i, generator] of missing.entries()) {
      const options = { generator, adapter: adapters[generator], maxNew, threads };
      const onProgress = (done: number) => bar.update(i * prompts.length + done, { note: generator });
      made[generator] = { lines: await generateAnswers(model, prompts, { ...options, onProgress }) };
    }
    return made;
  });
  await ended(bar, `${prompts.length} prompts`);
  return answers;
}

/** Who judges, by name; for tables and figures. */
export const judgeName = (model: Model): string =>
  Deno.env.get("UAL_JUDGE") ?? `${model.name} on this machine`;

/**
 * The judge's preferences for the pairs [reference, model], by "model against reference"; each pair of answers is shown in both
 * orders. What the judge has answered is kept in a ledger and not asked again.
 */
export async function judgeAnswers(
  p: Preset,
  model: Model,
  answers: Record<string, ModelOutput[]>,
  pairs: readonly (readonly [string, string])[],
): Promise<Record<string, JudgedPair[]>> {
  const { threads } = p.settings, folder = join(studyFolders(p).run, "judged");
  const other = Deno.env.get("UAL_JUDGE"), by = await annotator("letters", { small: !other });
  const paired = Object.fromEntries(
    pairs.map(([reference, own]) => [
      `${own} against ${reference}`,
      pairOutputs(answers[reference], answers[own]).pairs,
    ]),
  );
  const total = Object.values(paired).reduce((sum, list) => sum + list.length, 0);
  const bar = progressBar("judge pairs of answers", total);
  const judge = other
    ? { judge: `${Deno.env.get("OPENAI_BASE_URL") ?? ""} ${other}` }
    : { judge: model.hash };
  const parts = Object.fromEntries(
    Object.entries(paired).map(([name, list]) => [name, {
      dir: join(folder, name.replaceAll(" ", "_")),
      key: {
        inputs: { ...judge, prompt: by.prompt.hash, pairs: sha256Hex(JSON.stringify(list)) },
        settings: { threads, order: "both" },
        code: hashLib(["chat", "evaluate", "jit", "model", "run", "serve", "stats", "uncertainty"]),
      },
    }]),
  );
  const judged = await keptEach<JudgedPair>(parts, "judged.jsonl", async (missing) => {
    await using server = other ? undefined : await serve(model, { threads, batch: 1 });
    // the local server's port is another each time
    const endpoint: Endpoint = server
      ? { baseUrl: server.url, model: server.models[0].id, keyedAs: "local" }
      : { model: other! };
    const ledger = join(folder, "ledger.jsonl"), one = server ? { concurrency: 1 } : {};
    await using chat = await openChat(endpoint, { ledger, ...one });
    const made: Record<string, { lines: JudgedPair[] }> = {};
    let done = 0;
    for (const name of missing) {
      const options = {
        annotator: by,
        order: "both" as const,
        onAnnotation: () => bar.update(++done, { note: name }),
      };
      made[name] = { lines: (await judgePairs(paired[name], chat, options)).map(lasting) };
    }
    return made;
  });
  await ended(bar, `${pairs.length} comparisons`);
  return judged;
}

/** An annotation without the answers' raw form and what tells one run from the next. */
function lasting({ showings, ...annotation }: Annotation): JudgedPair {
  return {
    ...annotation,
    showings: showings.map(({ switched, preference, failed, key }) => ({
      switched,
      preference,
      ...(failed === undefined ? {} : { failed }),
      key,
    })),
  };
}
