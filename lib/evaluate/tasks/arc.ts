// ARC (Clark et al. 2018, "Think you have Solved Question Answering?"): school science, the Challenge and the Easy set.
// Source: huggingface.co/datasets/allenai/ai2_arc and AI2's own files; as lm-evaluation-harness's tasks/arc. A row:
//   {"id": "own-1", "question": "Which one floats on water?", "choices": {"text": ["a cork", "a nail", "a coin"],
//    "label": ["A", "B", "C"]}, "answerKey": "A"}
// or in AI2's layout {"id", "question": {"stem", "choices": [{"text", "label"}]}, "answerKey"}. Labels may be 1 to 5. It is
// asked as "Question: Which one floats on water?\nAnswer:" with the continuations " a cork", " a nail", " a coin".
import { fault, shown } from "../../data/row.ts";
import { choiceItem, gradeChoices } from "../grading/grade_choices.ts";
import { atLeastTwo, leaveOut, objectField, textField, textsField } from "../row_fields.ts";
import type { Task } from "../task.ts";

/** A question with its choices. */
interface Arc {
  id?: string;
  question: string;
  choices: string[];
  gold: number;
}

const metrics = ["acc_norm", "acc"] as const;

/** One of the two sets. `files` is AI2's name of it. */
function arc(name: string, files: string, openllm: number): Task<Arc> {
  const hub = { name: "allenai/ai2_arc", config: files };
  return {
    name,
    kind: "choice",
    test: {
      bundled: `${name}/test.jsonl`,
      mirror: [`arc/${files}-Test.jsonl`, `${name}/test.jsonl`],
      hub: { ...hub, split: "test" },
    },
    shots: {
      bundled: `${name}/train.jsonl`,
      mirror: [`arc/${files}-Train.jsonl`, `${name}/train.jsonl`, `arc/${files}-Dev.jsonl`],
      hub: { ...hub, split: "train" },
    },
    validation: {
      bundled: `${name}/validation.jsonl`,
      mirror: [`arc/${files}-Dev.jsonl`],
      hub: { ...hub, split: "validation" },
    },
    defaultShots: { harness: 0, openllm },
    pick: "sample",
    metrics: [...metrics],
    parse,
    text: ({ question }) => `Question: ${question}\nAnswer:`,
    target: ({ choices, gold }) => choices[gold],
    item(doc, before) {
      const { id, question, choices, gold } = doc;
      return choiceItem(before + this.text(doc), choices, gold, { ...(id ? { id } : {}), question });
    },
    grade: (item, answer) => gradeChoices(item, answer, metrics),
  };
}

function parse(row: Record<string, unknown>): Arc {
  const id = typeof row.id === "string" ? row.id : undefined;
  const { question, texts, labels } = typeof row.question === "string" ? ofHub(row) : ofAi2(row);
  if (texts.length !== labels.length) {
    fault(`it has ${texts.length} choices and ${labels.length} labels`, "give each choice its label");
  }
  const choices = atLeastTwo(texts), gold = labels.indexOf(row.answerKey as string);
  if (gold < 0) leaveOut(`answerKey ${shown(row.answerKey)} is not among the labels ${labels.join(", ")}`);
  return { id, question, choices, gold };
}

function ofHub(row: Record<string, unknown>) {
  const choices = objectField(row, "choices");
  return {
    question: textField(row, "question"),
    texts: textsField(choices, "text"),
    labels: textsField(choices, "label"),
  };
}

function ofAi2(row: Record<string, unknown>) {
  const { stem, choices } = objectField(row, "question");
  if (!Array.isArray(choices)) {
    return fault(`question.choices is ${shown(choices)}, not a list`, "use the layout of AI2 or of the hub");
  }
  return {
    question: textField({ "question.stem": stem }, "question.stem"),
    texts: choices.map((choice) => textField(choice ?? {}, "text")),
    labels: choices.map((choice) => textField(choice ?? {}, "label")),
  };
}

/** ARC's Challenge set: 1,172 questions; the leaderboard's 25 shots come from train. */
export const arcChallenge: Task<Arc> = arc("arc_challenge", "ARC-Challenge", 25);

/** ARC's Easy set: 2,376 questions; no part of the leaderboard. */
export const arcEasy: Task<Arc> = arc("arc_easy", "ARC-Easy", 0);
