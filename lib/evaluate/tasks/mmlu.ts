// MMLU (Hendrycks et al. 2021, "Measuring Massive Multitask Language Understanding"): 57 subjects, a task each.
// Source: huggingface.co/datasets/cais/mmlu, or the authors' CSV files; as lm-evaluation-harness's tasks/mmlu/default. A row:
//   {"question": "Which is even? ", "subject": "elementary_mathematics", "choices": ["3", "4", "5", "7"], "answer": 1}
// or the cells question, A, B, C, D, letter, spaces kept. It is asked as "Which is even?\nA. 3\nB. 4\nC. 5\nD. 7\nAnswer:"
// with the continuations " A" to " D", after a line that names the subject and the first five of the dev split.
import { fault } from "../../data/row.ts";
import { choiceItem, gradeChoices } from "../grading/grade_choices.ts";
import { strip } from "../harness/python_text.ts";
import { atLeastTwo, goldIndex, textField, textsField } from "../row_fields.ts";
import type { Task } from "../task.ts";

/** The subjects by the harness's subgroups. */
export const MMLU_SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  stem: [
    "abstract_algebra",
    "anatomy",
    "astronomy",
    "college_biology",
    "college_chemistry",
    "college_computer_science",
    "college_mathematics",
    "college_physics",
    "computer_security",
    "conceptual_physics",
    "electrical_engineering",
    "elementary_mathematics",
    "high_school_biology",
    "high_school_chemistry",
    "high_school_computer_science",
    "high_school_mathematics",
    "high_school_physics",
    "high_school_statistics",
    "machine_learning",
  ],
  other: [
    "business_ethics",
    "clinical_knowledge",
    "college_medicine",
    "global_facts",
    "human_aging",
    "management",
    "marketing",
    "medical_genetics",
    "miscellaneous",
    "nutrition",
    "professional_accounting",
    "professional_medicine",
    "virology",
  ],
  social_sciences: [
    "econometrics",
    "high_school_geography",
    "high_school_government_and_politics",
    "high_school_macroeconomics",
    "high_school_microeconomics",
    "high_school_psychology",
    "human_sexuality",
    "professional_psychology",
    "public_relations",
    "security_studies",
    "sociology",
    "us_foreign_policy",
  ],
  humanities: [
    "formal_logic",
    "high_school_european_history",
    "high_school_us_history",
    "high_school_world_history",
    "international_law",
    "jurisprudence",
    "logical_fallacies",
    "moral_disputes",
    "moral_scenarios",
    "philosophy",
    "prehistory",
    "professional_law",
    "world_religions",
  ],
};

const LETTERS = ["A", "B", "C", "D"];

/** A question with four options, which are part of the text. */
interface Mmlu {
  question: string;
  choices: string[];
  gold: number;
}

function subjectTask(subject: string, subgroup: string): Task<Mmlu> {
  const split = (name: "test" | "dev") => ({
    bundled: `mmlu/${name}.jsonl`,
    mirror: [`mmlu/mmlu.zip!${name}/${subject}_${name}.csv`, `mmlu/${name}.jsonl`],
    hub: { name: "cais/mmlu", config: subject, split: name },
  });
  return {
    name: `mmlu_${subject}`,
    group: "mmlu",
    subgroup,
    kind: "choice",
    test: split("test"),
    shots: split("dev"),
    validation: {
      bundled: "mmlu/validation.jsonl",
      mirror: [`mmlu/mmlu.zip!val/${subject}_val.csv`],
      hub: { name: "cais/mmlu", config: subject, split: "validation" },
    },
    defaultShots: { harness: 0, openllm: 5 },
    pick: "first",
    accepts: (row) => row.subject === undefined || row.subject === subject,
    metrics: ["acc"],
    description: () =>
      `The following are multiple choice questions (with answers) about ${subject.replaceAll("_", " ")}.\n\n`,
    parse,
    text: (doc) => `${asked(doc)}\nAnswer:`,
    target: ({ gold }) => LETTERS[gold],
    item: (doc, before) =>
      choiceItem(`${before}${asked(doc)}\nAnswer:`, [...LETTERS], doc.gold, {
        question: asked(doc),
        cluster: subject,
      }),
    grade: (item, answer) => gradeChoices(item, answer, ["acc"]),
  };
}

/** The question with its options, for the model as for people. */
const asked = ({ question, choices }: Mmlu) =>
  [strip(question), ...choices.map((choice, i) => `${LETTERS[i]}. ${choice}`)].join("\n");

function parse(row: Record<string, unknown>): Mmlu {
  const { question, choices, answer } = row.cells === undefined
    ? { question: textField(row, "question"), choices: textsField(row, "choices"), answer: row.answer }
    : ofCells(textsField(row, "cells"));
  if (atLeastTwo(choices).length !== 4) {
    fault(`it has ${choices.length} choices`, "give each question four, as the prompt has them");
  }
  const letter = LETTERS.indexOf(answer as string);
  return { question, choices, gold: letter >= 0 ? letter : goldIndex({ answer }, "answer", 4) };
}

function ofCells(cells: string[]) {
  if (cells.length !== 6) {
    fault(`it has ${cells.length} cells`, "give question, four options and a letter, with no header");
  }
  return { question: cells[0], choices: cells.slice(1, 5), answer: cells[5] };
}

/** A task a subject, in the order of the subgroups. */
export const mmlu: readonly Task<Mmlu>[] = Object.entries(MMLU_SUBJECTS).flatMap(([subgroup, subjects]) =>
  subjects.map((subject) => subjectTask(subject, subgroup))
);
