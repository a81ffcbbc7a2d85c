// The Open LLM benchmarks as UAL's released code asks them: lettered choices, the first token is the answer.
// Source: github.com/ekonwang/UAL4Alignment, benchmark/openllm_leaderboard.py (prompt, splits, gold answers), its instructions
// worded anew. Each has plain accuracy beside best-of-4 (../released_code.ts). Validation splits (the
// bundled files have one split each, which is used); no shots; HellaSwag as it is; ARC's keys 1 to 4 never match;
// TruthfulQA's answer is always A.
// Example: "# Question:\nDo fish sleep?\n\n# Choices:\nA. They rest.\nB. Never.\n\n# Answer:\n" with the continuations "A" and
// "B", each the first token of an answer. truthfulqa_letters is the honest form: choices shuffled by a seed.
import { stream } from "../../run/seed.ts";
import { asChoices, gradeChoices } from "../grading/grade_choices.ts";
import { bestOf, RELEASED } from "../grading/released_code.ts";
import { goldIndex, leaveOut, textField, textsField } from "../row_fields.ts";
import type { ChoiceItem, SplitSource, Task } from "../task.ts";
import { arcChallenge } from "./arc.ts";
import { hellaswag } from "./hellaswag.ts";
import { mmlu } from "./mmlu.ts";
import { truthfulqaMc1 } from "./truthfulqa.ts";

/** A question with choices that get letters. */
interface Letters {
  question: string;
  choices: string[];
  gold: number;
  /** The released code compares with a key that is no letter: nothing counts as a hit. */
  keyNeverMatches?: boolean;
}

const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];

const PICK = "Pick the right answer to the question and give its letter.\n\n";
const GO_ON = "Pick the likeliest way for the context to go on and give its letter.\n\n";

interface LetterTask {
  test: SplitSource;
  /** Names in the row: plain accuracy, best-of-4. */
  metrics: [string, string];
  parse: (row: Record<string, unknown>) => Letters;
  instruction?: string;
  heading?: "Question" | "Context";
  about?: Partial<Pick<Task, "group" | "accepts">>;
  cluster?: string;
}

function letterTask(name: string, options: LetterTask): Task<Letters> {
  const { test, metrics, parse, instruction = PICK, heading = "Question", about, cluster } = options;
  const asked = ({ question, choices }: Letters) =>
    `# ${heading}:\n${question}\n\n# Choices:\n${
      choices.map((choice, i) => `${LETTERS[i]}. ${choice}\n`).join("")
    }`;
  return {
    name,
    ...about,
    kind: "choice",
    test,
    defaultShots: { harness: 0, openllm: 0 },
    fixedShots: true,
    pick: "first",
    metrics,
    description: () => instruction,
    parse: (row) => withLetters(parse(row)),
    text: (doc) => `${asked(doc)}\n# Answer:\n`,
    target: ({ gold }) => LETTERS[gold],
    item(doc, before) {
      const { choices, gold, keyNeverMatches } = doc, letters = LETTERS.slice(0, choices.length);
      return {
        kind: "choice",
        question: asked(doc).trimEnd(),
        ...(cluster ? { cluster } : {}),
        contexts: [before + this.text(doc)],
        choices: letters,
        continuations: letters,
        keepsSpace: true,
        gold,
        ...(keyNeverMatches ? { labels: choices.map(() => 0) } : {}),
      };
    },
    grade(asked, answer) {
      const { item, loglikelihoods } = asChoices(asked, answer);
      const { acc } = gradeChoices(asked, answer, ["acc"]).metrics;
      return { metrics: { [metrics[0]]: acc, [metrics[1]]: bestOf4(item, loglikelihoods) } };
    },
  };
}

function withLetters(doc: Letters): Letters {
  const count = doc.choices.length;
  return count <= LETTERS.length ? doc : leaveOut(`it has ${count} choices, more than there are letters`);
}

function bestOf4(item: ChoiceItem, loglikelihoods: number[]): number {
  return item.labels?.[item.gold] === 0 ? 0 : bestOf(Math.exp(loglikelihoods[item.gold]));
}

const best: [string, string] = ["acc", RELEASED.bestOf4];

const releasedArc = letterTask("released_arc_challenge", {
  test: { ...arcChallenge.validation!, bundled: arcChallenge.test.bundled },
  metrics: best,
  parse(row) {
    const { question, choices, gold } = arcChallenge.parse(row);
    return { question, choices, gold, keyNeverMatches: !LETTERS.includes(row.answerKey as string) };
  },
});

const releasedHellaswag = letterTask("released_hellaswag", {
  test: hellaswag.test,
  metrics: best,
  instruction: GO_ON,
  heading: "Context",
  parse(row) {
    const choices = textsField(row, "endings");
    return { question: textField(row, "ctx"), choices, gold: goldIndex(row, "label", choices.length) };
  },
});

const releasedMmlu = mmlu.map((task) => {
  const subject = task.name.slice("mmlu_".length);
  return letterTask(`released_${task.name}`, {
    test: { ...task.validation!, bundled: task.test.bundled },
    metrics: best,
    parse: (row) => task.parse(row),
    about: { group: "released_mmlu", accepts: task.accepts },
    cluster: subject,
  });
});

/** As the source has it: the true answer first, so that saying A is always right. */
const releasedTruthfulqa = letterTask("released_truthfulqa", {
  test: truthfulqaMc1.test,
  metrics: [RELEASED.goldAAccuracy, RELEASED.goldABestOf4],
  parse: truthful,
});

/** The same choices shuffled: seed 0, a stream a question, so that neither order nor number of questions matters. */
const truthfulqaLetters = letterTask("truthfulqa_letters", {
  test: truthfulqaMc1.test,
  metrics: best,
  parse(row) {
    const { question, choices } = truthful(row);
    const order = stream(0, "truthfulqa_letters", question).shuffle(choices.length);
    return { question, choices: order.map((i) => choices[i]), gold: order.indexOf(0) };
  },
});

function truthful(row: Record<string, unknown>): Letters {
  const { question, choices } = truthfulqaMc1.parse(row);
  return { question, choices, gold: 0 };
}

/** The released code's four benchmarks, and TruthfulQA with letters in honest form. */
export const RELEASED_LETTERS: readonly Task<Letters>[] = [
  releasedArc,
  releasedHellaswag,
  ...releasedMmlu,
  releasedTruthfulqa,
  truthfulqaLetters,
];
