// WinoGrande (Sakaguchi et al. 2019): which of two names fills the blank of a sentence.
// Source: huggingface.co/datasets/allenai/winogrande, winogrande_xl; as lm-evaluation-harness 0.4.13 has it (lm_eval/tasks/
// winogrande/{default.yaml,preprocess_winogrande.py}, version 1): the blank is filled with each option in the context, and
// what is weighed is the same end of the sentence (Trinh and Le 2018).
//
// A row: {"sentence": "The jug did not fit on the shelf as the _ was too tall.", "option1": "jug", "option2": "shelf", "answer": "1"}
// Contexts "The jug did not fit on the shelf as the jug" and "… as the shelf", both with " was too tall.".
import { shown } from "../../data/row.ts";
import { gradeChoices } from "../grading/grade_choices.ts";
import { strip } from "../harness/python_text.ts";
import { leaveOut, textField } from "../row_fields.ts";
import type { Task } from "../task.ts";

/** A sentence around its first "_", and what may stand there. */
export interface WinograndeDoc {
  sentence: string;
  before: string;
  /** After the blank, without white space at its ends. */
  after: string;
  options: string[];
  gold: number;
}

function source(split: "validation" | "train") {
  return {
    bundled: `winogrande/${split}.jsonl`,
    mirror: [`winogrande/${split}.jsonl`],
    hub: { name: "allenai/winogrande", config: "winogrande_xl", split },
  };
}

function parse(row: Record<string, unknown>): WinograndeDoc {
  const sentence = textField(row, "sentence"), blank = sentence.indexOf("_");
  if (blank < 0) return leaveOut('its sentence has no blank ("_")');
  const after = strip(sentence.slice(blank + 1));
  if (after === "") return leaveOut("nothing follows the blank, so there is nothing to weigh");
  const options = [textField(row, "option1"), textField(row, "option2")];
  const gold = ["1", "2"].indexOf(String(row.answer));
  if (gold < 0) return leaveOut(`answer ${shown(row.answer)} is neither 1 nor 2`);
  return { sentence, before: sentence.slice(0, blank), after, options, gold };
}

/** The harness's `winogrande`. */
export const winogrande: Task<WinograndeDoc> = {
  name: "winogrande",
  kind: "choice",
  test: source("validation"),
  shots: source("train"),
  defaultShots: { harness: 0, openllm: 5 },
  pick: "sample",
  drawsOneMore: ["harness"],
  metrics: ["acc"],
  parse,
  text: (doc) => doc.before + doc.options[doc.gold],
  target: (doc) => doc.after,
  item: (doc, before) => ({
    kind: "choice",
    question: doc.sentence,
    contexts: doc.options.map((option) => before + doc.before + option),
    choices: doc.options,
    continuations: doc.options.map(() => ` ${doc.after}`),
    gold: doc.gold,
  }),
  grade: (item, answer) => gradeChoices(item, answer, ["acc"]),
};
