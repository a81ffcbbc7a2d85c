// The bundled benchmarks in data/benchmarks for the tests of them: each file's schema, and one view of all with choices.
import { z } from "zod";
import { bundled } from "./bundled.ts";

const text = z.string().min(1).refine((s) => s === s.trim() && s === s.normalize("NFC"), "trimmed, in NFC");
const flag = z.union([z.literal(0), z.literal(1)]);

const arc = z.strictObject({
  id: z.string().regex(/^ual-arc-(challenge|easy)-(test|train)-\d{3}$/),
  question: text,
  choices: z.strictObject({
    text: z.array(text).min(3).max(5),
    label: z.array(z.string().regex(/^[A-E1-4]$/)),
  }),
  answerKey: z.string(),
}).refine(({ choices, answerKey }) => {
  const { text, label } = choices;
  return ["ABCDE", "1234"].some((names) => names.startsWith(label.join(""))) &&
    label.length === text.length &&
    label.includes(answerKey);
}, "one label a choice, in order, the key among them");

const mmlu = z.strictObject({
  question: text,
  subject: z.string().regex(/^[a-z]+(_[a-z]+)*$/),
  choices: z.array(text).length(4),
  answer: z.int().min(0).max(3),
});

const targets = z.strictObject({ choices: z.array(text), labels: z.array(flag) })
  .refine(({ choices, labels }) => choices.length === labels.length, "one label a choice");
const truthfulqa = z.strictObject({ question: text, mc1_targets: targets, mc2_targets: targets });

const hellaswag = z.strictObject({
  ind: z.int().min(0),
  activity_label: text,
  ctx_a: text,
  ctx_b: z.string(),
  ctx: text,
  endings: z.array(text).length(4),
  label: z.enum(["0", "1", "2", "3"]),
  split: z.enum(["train", "val"]),
  split_type: z.enum(["indomain", "zeroshot"]),
  source_id: text,
}).refine(
  ({ ctx, ctx_a, ctx_b }) => ctx === (ctx_b ? `${ctx_a} ${ctx_b}` : ctx_a),
  "ctx joins ctx_a and ctx_b",
);

const winogrande = z.strictObject({
  sentence: text.refine((s) => s.split("_").length === 2, "one gap"),
  option1: text,
  option2: text,
  answer: z.enum(["1", "2"]),
});

const piqa = z.strictObject({ goal: text, sol1: text, sol2: text, label: flag });

const gsm8k = z.strictObject({ question: text, answer: text.regex(/\n#### -?[\d.,]+$/) });

const metamath = z.strictObject({
  query: text,
  response: text.regex(/\nThe answer is: .+$/),
  type: z.enum(["GSM_AnsAug", "GSM_FOBAR", "GSM_Rephrased", "GSM_SV", "MATH_AnsAug"]),
  original_question: text,
});

const openPrompts = z.strictObject({ instruction: text, dataset: z.literal("ual_open") });

const twoTurns = z.strictObject({
  question_id: z.int().min(1),
  category: z.enum([
    "writing",
    "roleplay",
    "reasoning",
    "math",
    "coding",
    "extraction",
    "stem",
    "humanities",
  ]),
  turns: z.array(text).length(2),
  reference: z.array(text).length(2).optional(),
});

/** The sets whose items have choices: schema and files, the tested one first. */
export const CHOICE_SETS = {
  arc_challenge: { schema: arc, files: ["test", "train"] },
  arc_easy: { schema: arc, files: ["test", "train"] },
  mmlu: { schema: mmlu, files: ["test", "dev"] },
  truthfulqa: { schema: truthfulqa, files: ["validation"] },
  hellaswag: { schema: hellaswag, files: ["validation", "train"] },
  winogrande: { schema: winogrande, files: ["validation", "train"] },
  piqa: { schema: piqa, files: ["validation", "train"] },
};

/** The sets whose answers are written out, or judged. */
export const OPEN_SETS = {
  gsm8k: { schema: gsm8k, files: ["test", "train"] },
  metamath: { schema: metamath, files: ["test"] },
  open_prompts: { schema: openPrompts, files: ["test"] },
  two_turns: { schema: twoTurns, files: ["test"] },
};

export type ChoiceSet = keyof typeof CHOICE_SETS;

/** What a row of any set with choices asks: the question as one text, the choices, the index of the right one. */
export interface Asked {
  question: string;
  choices: string[];
  gold: number;
}

// deno-lint-ignore no-explicit-any
const VIEW: Record<ChoiceSet, (row: any) => Asked> = {
  arc_challenge: arcAsked,
  arc_easy: arcAsked,
  mmlu: ({ question, choices, answer }: z.infer<typeof mmlu>) => ({ question, choices, gold: answer }),
  truthfulqa: ({ question, mc1_targets }: z.infer<typeof truthfulqa>) => {
    return { question, choices: mc1_targets.choices, gold: mc1_targets.labels.indexOf(1) };
  },
  hellaswag: ({ ctx, endings, label }: z.infer<typeof hellaswag>) => {
    return { question: ctx, choices: endings, gold: Number(label) };
  },
  winogrande: ({ sentence, option1, option2, answer }: z.infer<typeof winogrande>) => {
    return { question: sentence, choices: [option1, option2], gold: Number(answer) - 1 };
  },
  piqa: ({ goal, sol1, sol2, label }: z.infer<typeof piqa>) => {
    return { question: goal, choices: [sol1, sol2], gold: label };
  },
};

function arcAsked({ question, choices, answerKey }: z.infer<typeof arc>): Asked {
  return { question, choices: choices.text, gold: choices.label.indexOf(answerKey) };
}

/** The path of a set's file. */
export const benchmarkPath = (set: string, file: string): string =>
  bundled(`benchmarks/${set}/${file}.jsonl`);

/** The rows of a bundled file as the schema gives them; throws, with the line, where one does not fit. */
export function benchmarkRows<T>(set: string, file: string, schema: z.ZodType<T>): T[] {
  return Deno.readTextFileSync(benchmarkPath(set, file)).trimEnd().split("\n").map((line, i) => {
    const { data, error } = schema.safeParse(JSON.parse(line));
    if (error) throw new TypeError(`${set}/${file}.jsonl:${i + 1}: ${z.prettifyError(error)}`);
    return data;
  });
}

/** The questions of a set without choices: what the user says first. */
export function promptsOf(set: keyof typeof OPEN_SETS, file: string): string[] {
  const rows = benchmarkRows<Partial<Record<string, unknown>>>(set, file, OPEN_SETS[set].schema);
  return rows.map(({ question, query, instruction, turns }) => {
    return String(question ?? query ?? instruction ?? (turns as string[])[0]);
  });
}

/** The items of a set with choices, as asked. */
export function askedOf(set: ChoiceSet, file: string): Asked[] {
  return benchmarkRows<unknown>(set, file, CHOICE_SETS[set].schema).map(VIEW[set]);
}
