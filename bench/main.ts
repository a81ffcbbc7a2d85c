// Starts a comparison with other programs by its name: deno task bench NAME [flags]. Each is a file of this folder.
import { InputError } from "../lib/run/errors.ts";
import { runMain } from "../tools/main.ts";

const benches: Record<string, { what: string; main: (args: string[]) => Promise<number> }> = {
  train: {
    what: "a LoRA step, ours beside PyTorch + PEFT in float32 and in bfloat16 autocast",
    main: async (args) => (await import("./train.ts")).main(args),
  },
  sft: {
    what: "fine-tuning on LIMA, ours with packed rows beside TRL's SFTTrainer",
    main: async (args) => (await import("./sft.ts")).main(args),
  },
  generate: {
    what: "greedy answers with a key/value cache, ours (float32, int8) beside transformers' generate",
    main: async (args) => (await import("./generate.ts")).main(args),
  },
  harness: {
    what: "benchmarks item by item, ours beside the real lm-evaluation-harness, and items a second",
    main: async (args) => (await import("./harness.ts")).main(args),
  },
  elicit: {
    what:
      "10,000 ratings from a judge on loopback, ours beside a bare fetch loop and the time the judge itself needs",
    main: async (args) => (await import("./elicit.ts")).main(args),
  },
  serve: {
    what: "what a judge gets from ual serve: requests a second, with the prefix cache and without",
    main: async (args) => (await import("./serve.ts")).main(args),
  },
  growth: {
    what: "how time, memory and graph grow with context, batch, depth and width",
    main: async (args) => (await import("./growth.ts")).main(args),
  },
  plan: {
    what: "ual plan's estimates beside what the runs then took",
    main: async (args) => (await import("./plan.ts")).main(args),
  },
  cluster: {
    what: "silhouettes and principal components of many features, beside scikit-learn",
    main: async (args) => (await import("./cluster.ts")).main(args),
  },
  stream: {
    what: "a JSONL of a million dialogues read, checked and written, beside Python's json and datasets",
    main: async (args) => (await import("./stream.ts")).main(args),
  },
};

function usage(): string {
  const lines = Object.entries(benches).map(([name, { what }]) => `  ${name.padEnd(8)} ${what}`);
  return `deno task bench NAME [flags]\n\n${
    lines.join("\n")
  }\n\ndeno task bench NAME --help lists its flags.`;
}

await runMain(() => {
  const [name, ...args] = Deno.args;
  if (name === "--help") {
    console.log(usage());
    return Promise.resolve(0);
  }
  if (name === undefined || !Object.hasOwn(benches, name)) {
    const wrong = name === undefined ? "no name was given" : `there is no ${name}`;
    throw new InputError(`Cannot run a bench: ${wrong}; choose from ${Object.keys(benches).join(", ")}`);
  }
  return benches[name].main(args);
});
