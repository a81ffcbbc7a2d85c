// What the figures' page says of each figure: its title, what was done, how to read it; in sections, in the page's order.
import type { Tables } from "../../plot/mod.ts";

/** A figure's words. */
export interface FigureText {
  name: keyof Tables;
  title: string;
  /** What was done and how to read it. */
  text: string;
}

/** A section of the page. */
export interface PageSection {
  id: string;
  title: string;
  text: string;
  figures: FigureText[];
}

/** All figures, each in one section. The paper's tables come last and have a section of their own. */
export const SECTIONS: readonly PageSection[] = [
  {
    id: "uncertainty",
    title: "From uncertainty to smoothing",
    text:
      "Each training dialogue has a rating from 0 to 99: how much its answer may differ and still be good. " +
      "Uncertainty-aware learning turns the rating into the label smoothing of that dialogue.",
    figures: [
      {
        name: "ratings",
        title: "Ratings of the bundled dialogues",
        text:
          "How many dialogues of each kind have which rating. Requests with one right answer stand on the left, open ones " +
          "on the right; the ratings were written down once and come with the data.",
      },
      {
        name: "agreement",
        title: "Two passes over the same dialogues",
        text:
          "Each point is a dialogue that was rated twice, in two passes. On the diagonal the passes agree. The correlation " +
          "of ranks says how far the order of dialogues is more than chance; it says nothing about whether it is right.",
      },
      {
        name: "correlations",
        title: "Other measures of uncertainty",
        text:
          "Rank correlation of the ratings with what the model itself says or shows: its own rating, the perplexity of the " +
          "answer, the spread of drawn answers. Few dialogues were asked about, so the intervals are wide.",
      },
      {
        name: "mapping",
        title: "The mapping of the paper",
        text:
          "The truncated linear mapping: smoothing is proportional to the rating, up to a ceiling, and the slope is " +
          "solved for so that the mean over the data is exact.",
      },
      {
        name: "mappings",
        title: "Other mappings with the same mean",
        text:
          "The same ratings through other maps. All have the same mean smoothing, so what differs is only who gets it. " +
          "A constant is plain label smoothing (LS).",
      },
    ],
  },
  {
    id: "training",
    title: "Training and held-out dialogues",
    text:
      "LoRA adapters are trained on the same dialogues in the same order; only the loss differs. SFT does not smooth, LS " +
      "smooths all alike, UAL by the rating, PPL-UAL by the sample's own perplexity.",
    figures: [
      {
        name: "training",
        title: "Losses along training",
        text:
          "What is minimised (it includes the smoothing, so its level cannot be compared between methods) and the plain " +
          "negative log-likelihood of the same answer tokens (which can).",
      },
      {
        name: "perplexity",
        title: "Held-out perplexity",
        text:
          "Perplexity of the answers in dialogues that were not trained on; lower is better. The intervals are of single " +
          "models and overlap because dialogues differ much; the models saw the same dialogues, and paired differences " +
          "(notebook 03_train) are far narrower.",
      },
      {
        name: "calibration",
        title: "Calibration",
        text:
          "Among tokens of some confidence, the share in which the likeliest token was right. On the diagonal the two agree; " +
          "below it the model is too sure. The error in the legend is the mean gap.",
      },
      {
        name: "terciles",
        title: "Change of the loss by uncertainty",
        text:
          "How much training changed the loss on held-out dialogues of low, middle and high rating. If smoothing by the " +
          "rating did what it is meant to, UAL would differ from LS between the thirds.",
      },
    ],
  },
  {
    id: "benchmarks",
    title: "Benchmarks",
    text:
      "Items are scored as lm-evaluation-harness scores them. The bundled items are our own, a few dozen a task: no score on " +
      "them is a score on the originals. Intervals are 95%.",
    figures: [
      {
        name: "scores",
        title: "Scores",
        text:
          "Each task under each model by its first measure; grey lines mark what guessing scores. Overlapping intervals are " +
          "no test: the models answered the same items, and the figure of differences compares them item by item.",
      },
      {
        name: "radar",
        title: "All tasks at a glance",
        text:
          "The same scores as a radar. It shows the profile of a model; areas mean nothing, and differences that the eye sees " +
          "here are as uncertain as in the figure before.",
      },
      {
        name: "differences",
        title: "Paired differences",
        text:
          "Differences of two models on the same items. Filled: stands after Holm's correction over all comparisons. " +
          "Open: not distinguishable at this number of items, which is not the same as equal.",
      },
      {
        name: "checkpoints",
        title: "Scores along training",
        text: "Adapters that were kept along the way, on the same items. Step 0 is the base model.",
      },
    ],
  },
  {
    id: "features",
    title: "Features of tokens",
    text:
      "The paper holds that UAL gathers the features of a token more tightly. A feature is the hidden state before the head at " +
      "a position, labelled with the token that follows; pairs of tokens are compared by their silhouette, from −1 to 1.",
    figures: [
      {
        name: "clusters",
        title: "Features of some pairs",
        text:
          "Features of both tokens of a pair in the plane of their first two principal components, a column a model. The " +
          "plane is fitted for each panel anew, so only the gathering can be compared. Pointing at a mark shows its text.",
      },
      {
        name: "silhouettes",
        title: "Silhouettes by method",
        text:
          "Mean silhouettes with intervals that account for pairs that share tokens. Random pairs are drawn with a seed. " +
          "Chosen pairs are picked as the released code picks them, by the very ratio that is then reported: they show what the " +
          "choice does, not what the method does.",
      },
      {
        name: "layers",
        title: "Silhouettes by layer",
        text:
          "The same pairs at several layers of the model. An adapter can only change what lies behind its layers.",
      },
    ],
  },
  {
    id: "ablations",
    title: "Ablations and judged answers",
    text:
      "Short runs that change one thing: the strength of smoothing, or the data. Answers were compared in pairs, in both " +
      "orders, by the judge that the figure names; a small model is a weak judge.",
    figures: [
      {
        name: "smoothing_means",
        title: "Strength of smoothing",
        text: "Measures over the mean smoothing; SFT, which does not smooth, is a level line.",
      },
      {
        name: "entropy_mix",
        title: "Data of high, low and mixed uncertainty",
        text:
          "Mathematics against preference over the base model's answers, ours and the paper's in panels of their own. The " +
          "paper's claim: mixed data under UAL lies above and to the right of mixed data under SFT.",
      },
      {
        name: "judged",
        title: "Answers compared in pairs",
        text:
          "Wins, draws and losses of the first model over the second, and its win rate with an interval. At 50% neither is " +
          "preferred.",
      },
      {
        name: "case_study",
        title: "One request, several answers",
        text: "The answers as they came, chosen by a fixed rule and not by how well they suit a claim.",
      },
    ],
  },
];

/** The paper's tables, ours beside them. */
export const PAPER_FIGURES: readonly (FigureText & { number: 2 | 3 | 4 | 5 })[] = [
  {
    name: "table2",
    number: 2,
    title: "Table 2: benchmarks",
    text: "Our scores on our own items of the four benchmarks, and the paper's of LIMA-7B on the originals.",
  },
  {
    name: "table3",
    number: 3,
    title: "Table 3: mixed data",
    text: "Mathematics and preference of models on data of high, low and mixed uncertainty.",
  },
  {
    name: "table4",
    number: 4,
    title: "Table 4: silhouettes and benchmarks",
    text: "Mean silhouette of pairs of tokens in the plane of a PCA, and the average of the four benchmarks.",
  },
  {
    name: "table5",
    number: 5,
    title: "Table 5: silhouettes before and after training",
    text:
      "A column each for our model and the paper's two. Only what stands within a column can be compared.",
  },
];
