// PIQA (Bisk et al. 2020): which of two ways reaches a goal in the physical world.
// Source: huggingface.co/datasets/baber/piqa; as lm-evaluation-harness 0.4.13 has it (lm_eval/tasks/piqa/piqa.yaml, version 1).
// Not part of the Open LLM leaderboard.
//
// A row: {"goal": "Keep a door from slamming", "sol1": "Push a wedge under it.", "sol2": "Paint the wedge.", "label": 0}
// The prompt: "Question: Keep a door from slamming\nAnswer:", weighed with " Push a wedge under it." and " Paint the wedge.".
import { choiceItem, gradeChoices } from "../grading/grade_choices.ts";
import { goldIndex, textField } from "../row_fields.ts";
import type { Task } from "../task.ts";

/** A goal, two ways to it, and which is the right one. */
export interface PiqaDoc {
  goal: string;
  solutions: string[];
  gold: number;
}

function source(split: "validation" | "train") {
  return {
    bundled: `piqa/${split}.jsonl`,
    mirror: [`piqa/${split}.jsonl`],
    hub: { name: "baber/piqa", split },
  };
}

/** The harness's `piqa`. */
export const piqa: Task<PiqaDoc> = {
  name: "piqa",
  kind: "choice",
  test: source("validation"),
  shots: source("train"),
  defaultShots: { harness: 0, openllm: 0 },
  pick: "sample",
  drawsOneMore: ["harness", "openllm"],
  metrics: ["acc", "acc_norm"],
  parse: (row) => ({
    goal: textField(row, "goal"),
    solutions: [textField(row, "sol1"), textField(row, "sol2")],
    gold: goldIndex(row, "label", 2),
  }),
  text: (doc) => `Question: ${doc.goal}\nAnswer:`,
  target: (doc) => doc.solutions[doc.gold],
  item: (doc, before) => choiceItem(before + piqa.text(doc), doc.solutions, doc.gold, { question: doc.goal }),
  grade: (item, answer) => gradeChoices(item, answer, ["acc", "acc_norm"]),
};
