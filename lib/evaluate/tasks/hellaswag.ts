// HellaSwag (Zellers et al. 2019, "Can a Machine Really Finish Your Sentence?"): which of four endings goes on.
// Source: huggingface.co/datasets/Rowan/hellaswag, validation; as lm-evaluation-harness's tasks/hellaswag. A row:
//   {"ind": 4, "activity_label": "Making tea", "ctx_a": "A man fills a kettle.", "ctx_b": "the MAN",
//    "endings": ["waits [step] until it boils.", "paints it blue.", "eats the tap.", "sails away."], "label": "0"}
// is asked as "Making tea: A man fills a kettle. The man" with " waits until it boils." and so on (one space of two is
// taken away where a bracket was). Mirrors may have ctx joined: then nothing is capitalised.
import { choiceItem, gradeChoices } from "../grading/grade_choices.ts";
import { capitalize, strip } from "../harness/python_text.ts";
import { atLeastTwo, goldIndex, textField, textsField } from "../row_fields.ts";
import type { Task } from "../task.ts";

/** A scene with its endings, as they are asked. */
interface HellaSwag {
  id?: string;
  cluster?: string;
  text: string;
  choices: string[];
  gold: number;
}

const metrics = ["acc_norm", "acc"] as const, hub = { name: "Rowan/hellaswag" };

/** The harness's preprocess(): WikiHow's brackets go. Each pass runs once, in this order. */
export function cleaned(text: string): string {
  return strip(text).replaceAll(" [title]", ". ").replace(/\[[^\n]*?\]/g, "").replaceAll("  ", " ");
}

/** HellaSwag: 10,042 questions; the leaderboard's 10 shots come from train. */
export const hellaswag: Task<HellaSwag> = {
  name: "hellaswag",
  kind: "choice",
  test: {
    bundled: "hellaswag/validation.jsonl",
    mirror: [
      "hellaswag/hellaswag_val.jsonl.gz",
      "hellaswag/hellaswag_val.jsonl",
      "hellaswag/validation.jsonl",
    ],
    hub: { ...hub, split: "validation" },
  },
  shots: {
    bundled: "hellaswag/train.jsonl",
    mirror: [
      "hellaswag/hellaswag_train.jsonl.gz",
      "hellaswag/hellaswag_train.jsonl",
      "hellaswag/train.jsonl",
    ],
    hub: { ...hub, split: "train" },
  },
  defaultShots: { harness: 0, openllm: 10 },
  pick: "sample",
  drawsOneMore: ["harness"],
  metrics: [...metrics],
  parse(row) {
    const scene = typeof row.ctx_a === "string"
      ? `${row.ctx_a} ${capitalize(textField(row, "ctx_b"))}`
      : `${textField(row, "ctx")} `;
    const endings = atLeastTwo(textsField(row, "endings"));
    const { ind, source_id: source } = row;
    return {
      ...(typeof ind === "number" ? { id: String(ind) } : {}),
      ...(typeof source === "string" ? { cluster: source } : {}),
      text: cleaned(`${textField(row, "activity_label")}: ${scene}`),
      choices: endings.map(cleaned),
      gold: goldIndex(row, "label", endings.length),
    };
  },
  text: ({ text }) => text,
  target: ({ choices, gold }) => choices[gold],
  item({ text, choices, gold, ...about }, before) {
    return choiceItem(before + text, choices, gold, { ...about, question: text });
  },
  grade: (item, answer) => gradeChoices(item, answer, metrics),
};
