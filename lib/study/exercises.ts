// Exercises of the notebooks: check() says whether an answer is right, against a closed form or a plain count over the data.
import { bundled, type Example } from "../data/mod.ts";
import { InputError } from "../run/errors.ts";
import { markdown, show } from "../show/mod.ts";
import { normalQuantile } from "../stats/mod.ts";
import { recordedRatings } from "./elicitation.ts";
import { mean } from "./examples.ts";

/** One exercise: what is right is computed here in another way than its solution cell does, so the two check each other. */
export interface Exercise {
  /** The right number. */
  truth: () => number | Promise<number>;
  /** How far an answer may be off; default 0.5% of the right number, and 1e-9 where that is 0. */
  tolerance?: number;
  /** Where to look; never the answer. */
  hint: string;
  /** Said once the answer is right. */
  why: string;
}

const ratings = (examples: readonly Example[]): number[] => examples.map((e) => e.uncertainty!);

/** The exercises, by notebook and name. */
export const EXERCISES: Record<string, Exercise> = {
  "overview/flat": {
    truth: () => 1 - 1 / 5,
    hint: "When do all five words get the same? Write down 1 − s = s/(K − 1).",
    why:
      "At s = 1 − 1/K the target is uniform and teaches nothing. Beyond it, the data's own word gets less than the others.",
  },
  "overview/torch": {
    truth: () => 0.1 * 5 / (5 - 1),
    hint: "Compare what a wrong word gets: ε/K there, s/(K − 1) here.",
    why: "ε = s · K/(K − 1). With a real vocabulary of 49,152 tokens the two hardly differ.",
  },
  "overview/open": {
    truth: async () => {
      const all = ratings(await bundled("train"));
      return all.filter((u) => u >= 70).length / all.length;
    },
    hint: "Divide the number of dialogues rated 70 or more by the number of all. A share is between 0 and 1.",
    why:
      "So open conversation is a large part of the data, and there is something for UAL to treat otherwise than SFT does.",
  },
  "elicit/accepted": {
    truth: () => 99 - 0 + 1,
    hint: "Which numbers does the scale have? Count both ends.",
    why:
      "0 to 99 are a hundred numbers. Signs, and numbers past the scale, are malformed rather than cut to fit.",
  },
  "elicit/half": {
    truth: () => 1,
    hint: "Does halving change who is rated above whom?",
    why:
      "The order is the same, so Spearman's correlation is 1, though the second rater is far stricter. Kappa sees that.",
  },
  "elicit/distance": {
    truth: async () => {
      const [first, second] = await Promise.all([recordedRatings(1), recordedRatings(2)]);
      const other = new Map(second.map(({ id, rating }) => [id, rating!]));
      return mean(first.map(({ id, rating }) => Math.abs(rating! - other.get(id)!)));
    },
    hint: "Take the absolute value of each difference before you take the mean, or ask agreement().",
    why: "A few points of 99. A smoothing that follows from such ratings is as exact as they are, not more.",
  },
  "map/uncut": {
    truth: async () => {
      const u = ratings(await bundled("train"));
      return 0.99 * mean(u) / Math.max(...u);
    },
    hint: "The highest rating u reaches the ceiling first: α · max(u) = 0.99. What is the mean at that α?",
    why: "It is 0.99 · mean(u)/max(u): all the room there is below the ceiling before the line has to break.",
  },
  "map/characters": {
    truth: async () => {
      const train = await bundled("train"), u = ratings(train);
      const lengths = train.map(({ turns }) => turns.at(-1)!.content.length);
      const weighted = lengths.reduce((sum, length, i) => sum + length * 0.1 * u[i] / mean(u), 0);
      return weighted / lengths.reduce((a, b) => a + b, 0);
    },
    hint: "Weigh each s by the length of the last turn: Σ length · s / Σ length.",
    why:
      "It is above 0.1, since open answers are longer. Over tokens UAL smooths more than LS, though both have the same mean over samples.",
  },
  "map/zero": {
    truth: () => (80 + 10) / (10 + 10),
    hint:
      "s is proportional to the rating as long as nobody is cut. What are the two ratings after the shift?",
    why:
      "From 8 times as much to 4.5 times: the line goes through the origin, so moving the zero changes every ratio.",
  },
  "train/rest": {
    truth: () => 1 - 0.3,
    tolerance: 1e-3,
    hint: "The slope is p − q. Where is it 0?",
    why: "At p = 1 − s training stops pushing. No dialogue of smoothing 0.3 ever asks for more than 70%.",
  },
  "train/floor": {
    truth: () => -(0.9 * Math.log(0.9) + 0.1 * Math.log(0.1 / 4)),
    hint: "A cross-entropy is least where p = q. What is left there?",
    why:
      "It is the target's own entropy. So losses under different smoothings have different floors and cannot be compared.",
  },
  "train/rank": {
    // SmolLM2-135M: 30 layers; queries are 576 → 576, values 576 → 192; A has r rows of inputs, B r columns of outputs
    truth: () => 30 * 4 * ((576 + 576) + (576 + 192)),
    tolerance: 0.5,
    hint: "Change one number in p.settings.lora and ask adapterSize().",
    why: "Half the rank, half the numbers: r · (inputs + outputs) for each projection.",
  },
  "evaluate/any-of-4": {
    truth: () => 1 - (1 - 1 / 4) ** 4,
    hint: "It is missed only if all four draws miss.",
    why: "1 − (3/4)⁴, more than two in three, for knowing nothing.",
  },
  "evaluate/items": {
    truth: () => 0.4 * 0.6 / 0.01 ** 2 + 1,
    hint: "The standard error of a share is √(p(1 − p)/(n − 1)). Set it to 0.01.",
    why: "About 2,400 items for an interval of ±2 points. Half the error costs four times the items.",
  },
  "evaluate/holm": {
    truth: () => 4 * 0.01,
    hint: "Holm multiplies the smallest of m values by m.",
    why: "Below 0.05 still. With forty comparisons in place of four it would not be.",
  },
  "cluster/point": {
    truth: () => (4 - 1) / 4,
    hint: "Its own kind has one other point, at a distance of 1. How far is the other kind?",
    why: "a = 1 and b = 4, so s = 3/4.",
  },
  "cluster/pairs": {
    truth: () => 42 * 41 / 2,
    hint: "Each of 42 tokens with 41 others, and every pair counted twice.",
    why: "42 · 41 / 2 = 861. Keeping 100 of them keeps the best 12%.",
  },
  "cluster/luck": {
    truth: () => {
      const kept = 100 / 861, z = normalQuantile(1 - kept);
      return Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) / kept;
    },
    tolerance: 0.05,
    hint: "Draw 861 numbers, sort them, take the mean of the first 100. Do it often.",
    why: "About 1.67 standard deviations out of nothing: the density at the cut over the share that is kept.",
  },
  "ablate/lots": {
    truth: () => (10 + 1) / 2 ** 10,
    hint: "Of the 2¹⁰ outcomes of ten coins, how many have nine or ten heads?",
    why: "About 1%. For one comparison that is rare; among many it is not.",
  },
  "ablate/floor": {
    truth: () => Math.log(2) + 0.5 * Math.log(49_152 - 1),
    hint: "As in notebook 03: the entropy of the target. Half of the mass lies on one token, half on 49,151.",
    why:
      "About 6 nats: at s = 0.5 the best possible model has a loss at which plain training would be hopeless.",
  },
  "ablate/looks": {
    truth: () => 1 - 0.95 ** 20,
    hint: "No claim is true. How likely is it that all 20 stay quiet?",
    why: "1 − 0.95²⁰, nearly two in three. This is what Holm's correction is for.",
  },
  "own/split": {
    truth: () => 24 - Math.round(0.1 * 24),
    hint: "What is a tenth of 24, rounded?",
    why: "22 to train on and 2 to measure on: too few to tell anything. That is why the share is a quarter.",
  },
  "own/steps": {
    truth: () => 3 * Math.ceil(750 / 8),
    tolerance: 0.5,
    hint: "How many batches of 8 does one pass over 750 dialogues take?",
    why: "A pass takes 94 steps, the last of them with 6 dialogues; a new pass starts with a new step.",
  },
};

/** What check() says of an answer. */
export interface Checked {
  state: "right" | "wrong" | "unanswered";
  text: string;
}

/** Whether `answer` to the exercise `id` is right, with the reason or the hint. Throws InputError for an unknown exercise. */
export async function checked(id: string, answer: unknown): Promise<Checked> {
  if (!Object.hasOwn(EXERCISES, id)) {
    throw new InputError(
      `Cannot check "${id}": there is no such exercise; choose from ${Object.keys(EXERCISES).join(", ")}`,
    );
  }
  const { truth, tolerance, hint, why } = EXERCISES[id];
  if (answer === undefined) return { state: "unanswered", text: `Not answered yet. Hint: ${hint}` };
  if (typeof answer !== "number" || Number.isNaN(answer)) {
    return { state: "wrong", text: `Not yet: the answer is a number. Hint: ${hint}` };
  }
  const right = await truth(), allowed = tolerance ?? Math.max(0.005 * Math.abs(right), 1e-9);
  if (Math.abs(answer - right) > allowed) return { state: "wrong", text: `Not yet. Hint: ${hint}` };
  return { state: "right", text: `Right: ${why}` };
}

/**
 * Shows what checked() says. In a solution's cell, a wrong answer throws Error: it fails the notebook's run, and so the tests.
 * Throws InputError for an unknown exercise.
 */
export async function check(
  id: string,
  answer: unknown,
  { solution = false }: { solution?: boolean } = {},
): Promise<void> {
  const { state, text } = await checked(id, answer);
  if (solution && state !== "right") {
    throw new Error(
      `The solution of ${id} is wrong: it gave ${answer}; correct its cell or lib/study/exercises.ts`,
    );
  }
  const [first, rest] = [text.slice(0, text.search(/[.:]/) + 1), text.slice(text.search(/[.:]/) + 1)];
  await show(markdown(`**${first}**${rest}`));
}
