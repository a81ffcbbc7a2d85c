// Single answers graded from 1 to 10, turn by turn, as MT-bench does it (Zheng et al. 2023).
// A reference answer is shown where the question has one. The rubric is ours; the rating is read as FastChat reads it.
import { join } from "node:path";
import {
  type Chat,
  type ChatAnswer,
  ChatFailure,
  type ChatMessage,
  type ChatRequest,
  type ChatTask,
  completeAll,
  type CostEstimate,
} from "../../chat/mod.ts";
import type { Turn } from "../../data/example.ts";
import { InputError } from "../../run/errors.ts";
import { readBytes, sha256Hex } from "../../run/files.ts";
import { defused, fenced } from "../../uncertainty/judge_prompt.ts";
import { fencedText, partsOf } from "./alpaca_prompt.ts";

/** A question with a model's answers, one a turn. */
export interface AnsweredQuestion {
  id: string;
  category?: string;
  /** The user's turns. */
  turns: string[];
  answers: string[];
  /** Right answers, one a turn; fewer where a turn has none. */
  reference?: string[];
}

/** A turn's grade, by FastChat's names for the fields of model_judgment. */
export interface Grade10 {
  question_id: string;
  category?: string;
  /** From 1. */
  turn: number;
  /** 1 to 10; null where the judge gave none. */
  score: number | null;
  /** Why there is none. */
  failed?: string;
  /** What the judge wrote. */
  judgment?: string;
  /** Whether a reference answer was shown. */
  reference: boolean;
  judge: string;
}

/** The prompts for turns with and without a reference answer. */
export interface GradePrompts {
  plain: GradePrompt;
  reference: GradePrompt;
}

/** A prompt: messages with {{dialogue}}, {{mark}} and, for the one with a reference, {{reference}}. */
export interface GradePrompt {
  parts: ChatMessage[];
  hash: string;
}

/** How to grade. */
export interface GradeOptions {
  prompts: GradePrompts;
  /** Default 0. null leaves it to the endpoint. */
  temperature?: number | null;
  /** The most tokens of an answer; default 1024, where the prompt begins the answer 8. */
  maxTokens?: number;
  /** Ends the calls under way too. */
  signal?: AbortSignal;
  /** Starts no further call. */
  stopping?: AbortSignal;
  /** Told of each turn as it is graded. */
  onGrade?: (grade: Grade10, done: number, total: number) => void | Promise<void>;
}

/** The bundled prompts (data/prompts/grade*.md); `small`: short ones that begin the answer, for small models. */
export async function gradePrompts({ small = false }: { small?: boolean } = {}): Promise<GradePrompts> {
  const folder = join(import.meta.dirname!, "../../../data/prompts"), end = small ? "_small.md" : ".md";
  return {
    plain: await readGradePrompt(join(folder, `grade${end}`)),
    reference: await readGradePrompt(join(folder, `grade_reference${end}`), true),
  };
}

/** The prompt in a file. Throws InputError where it cannot be read and for placeholders that are missing, unknown or there twice. */
export async function readGradePrompt(path: string, withReference = false): Promise<GradePrompt> {
  const parts = partsOf(new TextDecoder().decode(await readBytes(path)), path);
  const found = parts.flatMap(({ content }) => [...content.matchAll(PLACEHOLDER)].map(([, name]) => name));
  for (const name of ["dialogue", ...(withReference ? ["reference"] : [])]) {
    const count = found.filter((other) => other === name).length;
    if (count === 1) continue;
    throw new InputError(`Cannot use ${path}: {{${name}}} stands in it ${count} times; write it once`);
  }
  const unknown = found.find((name) => !["dialogue", "mark", "reference"].includes(name));
  if (unknown) {
    throw new InputError(`Cannot use ${path}: its placeholder {{${unknown}}} is unknown; use {{dialogue}}`);
  }
  return { parts, hash: sha256Hex(JSON.stringify(parts)).slice(0, 12) };
}

const PLACEHOLDER = /\{\{(\w+)\}\}/g;

/**
 * A grade for each turn of each question, in their order. A malformed answer is a failure, not guessed at. The same call again
 * takes what the chat's ledger has. Throws InputError for no questions and for answers that are not one a turn; what would end
 * every call: a fatal ChatFailure, BudgetReached, a signal's reason.
 */
export async function gradeAnswers(
  questions: readonly AnsweredQuestion[],
  chat: Chat,
  options: GradeOptions,
): Promise<Grade10[]> {
  const tasks = [...tasksOf(questions, options)], grades: Grade10[] = new Array(tasks.length);
  const open = function* () {
    for (const task of tasks) {
      options.stopping?.throwIfAborted();
      yield task;
    }
  };
  let done = 0;
  for await (const { tag, answer, failure } of completeAll(chat, open(), options)) {
    const { at, id, category, turn, reference, begun } = tag;
    grades[at] = {
      question_id: id,
      ...(category === undefined ? {} : { category }),
      turn,
      ...readGrade(answer ?? failure!, begun),
      reference,
      judge: chat.endpoint.model,
    };
    await options.onGrade?.(grades[at], ++done, tasks.length);
  }
  return grades;
}

/** What gradeAnswers() would cost at most, before the first call. */
export async function gradeCost(
  questions: readonly AnsweredQuestion[],
  chat: Chat,
  options: GradeOptions,
): Promise<CostEstimate> {
  return await chat.estimate(tasksOf(questions, options));
}

interface Tag {
  at: number;
  id: string;
  category?: string;
  turn: number;
  reference: boolean;
  /** What the prompt began the answer with. */
  begun: string;
}

function* tasksOf(questions: readonly AnsweredQuestion[], options: GradeOptions): Generator<ChatTask<Tag>> {
  if (questions.length === 0) throw new InputError("Cannot grade 0 answers: give at least one");
  let at = 0;
  for (const { id, category, turns, answers, reference } of questions) {
    if (answers.length !== turns.length) {
      throw new InputError(
        `Cannot grade question ${id}: it has ${turns.length} turns and ${answers.length} answers; give one a turn`,
      );
    }
    for (let turn = 1; turn <= turns.length; turn++) {
      const shown = turns.slice(0, turn).flatMap((content, i): Turn[] => [
        { role: "user", content },
        { role: "assistant", content: answers[i] },
      ]);
      const right = reference?.slice(0, turn),
        prompt = options.prompts[right?.length ? "reference" : "plain"];
      const messages = gradeMessages(prompt, shown, right), last = messages.at(-1)!;
      const begun = last.role === "assistant" ? last.content : "";
      const tag = { at: at++, id, category, turn, reference: Boolean(right?.length), begun };
      yield { tag, request: requestOf(messages, options) };
    }
  }
}

function requestOf(messages: ChatMessage[], { temperature = 0, maxTokens }: GradeOptions): ChatRequest {
  const begun = messages.at(-1)!.role === "assistant";
  return {
    messages,
    ...(temperature === null ? {} : { temperature }),
    maxTokens: maxTokens ?? (begun ? 8 : 1024),
  };
}

/** The messages that ask for the grade of the dialogue's last answer. */
export function gradeMessages(
  { parts }: GradePrompt,
  turns: readonly Turn[],
  reference: readonly string[] = [],
): ChatMessage[] {
  const right = reference.map((text, i) =>
    reference.length > 1 ? `Turn ${i + 1}: ${defused(text)}` : defused(text)
  );
  const shown = right.length ? [...turns, { role: "system" as const, content: right.join("\n\n") }] : turns;
  const { mark } = fenced(shown); // a mark that neither the dialogue nor the reference holds
  const lines = turns.flatMap(({ role, content }) => [`--- ${mark} ${role} ---`, defused(content)]);
  const values: Record<string, string> = {
    mark,
    dialogue: fencedText(lines.join("\n"), mark),
    reference: fencedText(right.join("\n\n"), mark),
  };
  return parts.map(({ role, content }) => ({
    role,
    content: content.replace(PLACEHOLDER, (_, name: string) => values[name]),
  }));
}

/** A grade in an answer, or why there is none. */
function readGrade(
  came: ChatAnswer | ChatFailure,
  begun: string,
): Pick<Grade10, "score" | "failed" | "judgment"> {
  if (came instanceof ChatFailure) return { score: null, failed: came.message };
  const whole = (begun + came.text).trim(), judgment = came.text;
  const score = parseGrade(begun ? whole.replace(/\[\[\s*([\d.]+)\s*\]\]/, "[[$1]]") : whole); // a small model puts spaces there
  if (score !== undefined) return { score, judgment };
  return { score: null, failed: "unusable: it holds no rating from 1 to 10 as [[7]]", judgment };
}

/**
 * FastChat's rule (llm_judge/common.py): the first [[number]], without one the first [number]. undefined where there is none,
 * and, unlike FastChat, for a number outside 1 to 10.
 */
export function parseGrade(text: string): number | undefined {
  const found = /\[\[(\d+\.?\d*)\]\]/.exec(text) ?? /\[(\d+\.?\d*)\]/.exec(text);
  const value = found ? Number(found[1]) : NaN;
  return value >= 1 && value <= 10 ? value : undefined;
}
