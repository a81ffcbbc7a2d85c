// The grade stage: answers and a judge in; a folder with ledger, judgments.jsonl and summary.json out.
// The same call goes on with it. Asking is grade.ts.
import { join } from "node:path";
import { type ChatOptions, type CostEstimate, type Endpoint, openChat } from "../../chat/mod.ts";
import { clusteredMean, type Mean, meanInterval } from "../../stats/mod.ts";
import { InputError } from "../../run/errors.ts";
import { readJsonl, sha256Hex, writeFileAtomic } from "../../run/files.ts";
import { lockFolder } from "../../run/lock.ts";
import { hashLib } from "../../run/machine.ts";
import { isCurrent, type Json, sortedJson, type StageKey, writeManifest } from "../../run/manifest.ts";
import { type AnsweredQuestion, type Grade10, gradeAnswers, gradeCost, type GradeOptions } from "./grade.ts";
import type { Answered } from "./generate_answers.ts";
import type { Prompt } from "./prompt_set.ts";

/** The stage's files in its folder. */
export const GRADE_FILES = {
  answers: "answers.jsonl",
  judgments: "judgments.jsonl",
  summary: "summary.json",
} as const;

const CODE = ["chat", "evaluate", "run", "stats", "uncertainty"];

/** A mean grade with its 95% interval. */
export interface MeanGrade {
  mean: number;
  interval: [number, number];
  /** Turns with a grade. */
  n: number;
}

/** What grading came to; errors are clustered by question, whose turns are alike. */
export interface GradeSummary {
  all: MeanGrade;
  /** "turn 1" … */
  turns: Record<string, MeanGrade>;
  categories: Record<string, MeanGrade>;
  /** Turns without a grade. */
  failed: number;
}

/** What to grade, by whom, into which folder. */
export interface GradeJob extends GradeOptions {
  dir: string;
  questions: AnsweredQuestion[];
  endpoint: Endpoint;
  /** Limits, patience, budget, price. The ledger is the folder's. */
  chat?: Omit<ChatOptions, "ledger">;
  onEstimate?: (cost: CostEstimate) => void | Promise<void>;
}

/** What the stage left. */
export interface GradedRun {
  dir: string;
  grades: Grade10[];
  summary: GradeSummary;
  skipped: boolean;
  /** USD: what the folder's answers cost in all. */
  spent: number;
}

/** Grades the answers into `dir`; throws as gradeAnswers() and openChat(), and where another process is at work in the folder. */
export async function gradeStage(job: GradeJob): Promise<GradedRun> {
  const { dir, questions, endpoint, chat: chatOptions, onEstimate, ...options } = job;
  const path = join(dir, GRADE_FILES.judgments), start = performance.now();
  using _lock = lockFolder(dir);
  await using chat = await openChat(endpoint, { ...chatOptions, ledger: join(dir, GRADE_FILES.answers) });
  const key = stageKey(job, chat.endpoint);
  if (await isCurrent(dir, key)) {
    const grades = (await readJsonl(path)).map(({ value }) => value as Grade10);
    if (grades.every(({ failed }) => failed === undefined)) {
      return { dir, grades, summary: gradeSummary(grades), skipped: true, spent: chat.spent() };
    }
  }
  await onEstimate?.(await gradeCost(questions, chat, options));
  const grades = await gradeAnswers(questions, chat, options), summary = gradeSummary(grades);
  await writeFileAtomic(path, grades.map((grade) => JSON.stringify(grade) + "\n").join(""));
  const json: Record<string, Json> = JSON.parse(JSON.stringify(summary)); // null for NaN
  await writeFileAtomic(join(dir, GRADE_FILES.summary), sortedJson(json));
  await writeManifest(dir, {
    ...key,
    stage: "grade",
    outputs: [GRADE_FILES.judgments, GRADE_FILES.summary],
    results: { all: json.all, failed: json.failed },
    volatile: { seconds: (performance.now() - start) / 1000, usd: chat.spent() },
  });
  return { dir, grades, summary, skipped: false, spent: chat.spent() };
}

function stageKey(
  job: GradeJob,
  endpoint: { model: string; baseUrl: string; fingerprint?: string },
): StageKey {
  const { questions, prompts, temperature = 0, maxTokens } = job;
  return {
    inputs: { questions: sha256Hex(JSON.stringify(questions)) },
    settings: {
      judge: endpoint.model,
      base_url: endpoint.baseUrl,
      fingerprint: endpoint.fingerprint ?? null,
      prompts: [prompts.plain.hash, prompts.reference.hash],
      temperature,
      max_tokens: maxTokens ?? null,
    },
    code: hashLib(CODE),
  };
}

/** The figures of grades. */
export function gradeSummary(grades: readonly Grade10[]): GradeSummary {
  const by = (name: (grade: Grade10) => string | undefined) => {
    const names = [...new Set(grades.flatMap((grade) => name(grade) ?? []))];
    return Object.fromEntries(
      names.map((one) => [one, meanGrade(grades.filter((grade) => name(grade) === one))]),
    );
  };
  return {
    all: meanGrade(grades),
    turns: by(({ turn }) => `turn ${turn}`),
    categories: by(({ category }) => category),
    failed: grades.filter(({ score }) => score === null).length,
  };
}

function meanGrade(grades: readonly Grade10[]): MeanGrade {
  const graded = grades.filter(({ score }) => score !== null);
  const mean: Mean = clusteredMean(
    graded.map(({ score }) => score!),
    graded.map(({ question_id }) => question_id),
  );
  return { mean: mean.value, interval: meanInterval(mean), n: graded.length };
}

/** A model's answers to questions of several turns, in FastChat's layout of model_answer, one question a line. */
export async function writeTurnAnswers(
  path: string,
  prompts: readonly Prompt[],
  answered: readonly Answered[],
  model: string,
): Promise<void> {
  const lines = prompts.map(({ id, category, instruction, further = [], reference }, i) =>
    JSON.stringify({
      question_id: id ?? String(i + 1),
      category,
      model_id: model,
      turns: [instruction, ...further],
      reference,
      choices: [{ index: 0, turns: answered[i].texts }],
    }) + "\n"
  );
  await writeFileAtomic(path, lines.join(""));
}

/**
 * Reads such a file. Rows of FastChat's own have no `turns`: they are taken from `prompts` by question_id, as references are.
 * Throws InputError for a row that cannot be used.
 */
export async function readTurnAnswers(
  path: string,
  prompts: readonly Prompt[] = [],
): Promise<AnsweredQuestion[]> {
  const known = new Map(prompts.map((prompt, i) => [prompt.id ?? String(i + 1), prompt]));
  return (await readJsonl(path)).map(({ line, value }) => {
    const row = value as {
      question_id?: unknown;
      category?: unknown;
      turns?: unknown;
      reference?: unknown;
      choices?: { turns?: unknown }[];
    };
    const id = String(row?.question_id ?? line), prompt = known.get(id);
    const turns = row?.turns ?? (prompt && [prompt.instruction, ...prompt.further ?? []]);
    const answers = row?.choices?.[0]?.turns, category = row?.category ?? prompt?.category;
    const fail = (why: string, remedy: string): never => {
      throw new InputError(`Cannot use ${path}:${line}: ${why}; ${remedy}`);
    };
    if (!turns) return fail(`the question ${id} is unknown`, "give its questions with --questions");
    if (!isTexts(turns) || !isTexts(answers) || turns.length !== answers.length) {
      return fail(
        "its turns and choices[0].turns are no texts, one answer a turn",
        "write it as ual answer does",
      );
    }
    if (category !== undefined && (typeof category !== "string" || category in {})) {
      return fail("its category is no name", "write it as a text or leave it out");
    }
    const reference = row.reference ?? prompt?.reference ?? [];
    if (
      !Array.isArray(reference) || (reference.length && !isTexts(reference)) ||
      reference.length > turns.length
    ) {
      return fail("its reference is no list of texts, one a turn at most", "correct it or leave it out");
    }
    return {
      id,
      ...(category ? { category } : {}),
      turns,
      answers,
      ...(reference.length ? { reference } : {}),
    };
  });
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 &&
  value.every((one) => typeof one === "string" && one.isWellFormed());
