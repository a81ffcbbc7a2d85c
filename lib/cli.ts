// The command line: one verb a call, each in its own file under cli/, loaded only when asked for. Exits 0, 1 (failed) or
// 2 (bad usage or input).
import { generalHelp, parseFlags, verbHelp } from "./cli/flags.ts";
import type { Flags } from "./cli/flags.ts";
import { splitVerb, verbs } from "./cli_verbs.ts";
import { InputError, messageOf, oneLine } from "./run/errors.ts";

/** What a verb returns: the JSON object, and the text a person gets instead. */
export interface Output {
  json: unknown;
  text: string;
  /** What was to be checked is not right: exit code 1. */
  failed?: boolean;
}

const bodies: Record<string, () => Promise<(flags: Flags) => Promise<Output | void>>> = {
  map: async () => (await import("./cli/map.ts")).map,
  elicit: async () => (await import("./cli/elicit.ts")).elicit,
  agree: async () => (await import("./cli/agree.ts")).agree,
  score: async () => (await import("./cli/score.ts")).score,
  data: async () => (await import("./cli/data.ts")).inspect,
  "data inspect": async () => (await import("./cli/data.ts")).inspect,
  "data select": async () => (await import("./cli/data_select.ts")).selectData,
  "data score": async () => (await import("./cli/data_score.ts")).scoreData,
  "data mix": async () => (await import("./cli/data_mix.ts")).mixData,
  figures: async () => (await import("./cli/figures.ts")).figures,
  "ledger ls": async () => (await import("./cli/ledger.ts")).ls,
  "ledger show": async () => (await import("./cli/ledger.ts")).show,
  "ledger verify": async () => (await import("./cli/ledger.ts")).verify,
  train: async () => (await import("./cli/train.ts")).train,
  plan: async () => (await import("./cli/plan.ts")).plan,
  stop: async () => (await import("./cli/stop.ts")).stop,
  watch: async () => (await import("./cli/watch.ts")).watch,
  perplexity: async () => (await import("./cli/perplexity.ts")).perplexity,
  generate: async () => (await import("./cli/generate.ts")).generate,
  evaluate: async () => (await import("./cli/evaluate.ts")).evaluate,
  cluster: async () => (await import("./cli/cluster.ts")).cluster,
  report: async () => (await import("./cli/report.ts")).report,
  fetch: async () => (await import("./cli/fetch.ts")).fetchVerb,
  export: async () => (await import("./cli/export.ts")).exportAdapter,
  answer: async () => (await import("./cli/answer.ts")).answer,
  judge: async () => (await import("./cli/judge.ts")).judge,
  grade: async () => (await import("./cli/grade.ts")).grade,
  serve: async () => (await import("./cli/serve.ts")).serveVerb,
};

/** Runs one verb and returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { name, rest } = splitVerb(args);
  if (!name || name === "--help" || name === "help") {
    console.log(generalHelp());
    return name ? 0 : 2;
  }
  try {
    if (!Object.hasOwn(verbs, name)) {
      throw new InputError(
        `Cannot run ${name}: there is no such verb; use one of ${Object.keys(verbs).join(", ")}`,
      );
    }
    if (rest.includes("--help")) {
      console.log(verbHelp(name));
      return 0;
    }
    const flags = parseFlags(name, rest);
    const output = await (await bodies[name]())(flags);
    if (output) console.log(flags.json ? JSON.stringify(output.json) : output.text);
    return output?.failed ? 1 : 0;
  } catch (error) {
    console.error(`ual: ${oneLine(messageOf(error))}`);
    return error instanceof InputError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
