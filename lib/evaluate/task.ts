// A benchmark as data: where its documents are, how one becomes what the model is asked, and how an answer is graded.
// Each task stands in a file of tasks/; few-shot draws: fewshot.ts; reading files: open_tasks.ts; running: evaluate.ts.

/** Whose settings: lm-evaluation-harness's defaults, or those of the Open LLM leaderboard (v1). They differ in shots. */
export type Settings = "harness" | "openllm";

/** Where the rows of a split are, in each kind of source. */
export interface SplitSource {
  /** A file in data/benchmarks, in the hub's layout. */
  bundled: string;
  /** Files in the local mirror, the first that is there; "a.zip!b.csv" is the entry whose name ends in b.csv. */
  mirror: string[];
  /** The hub's data set. */
  hub: { name: string; config?: string; split: string };
  /** Of the mirror's or the hub's rows only so many, from the end. */
  last?: number;
}

/** What the model is asked: to weigh choices, by the log-likelihood of each continuation of its context. */
export interface ChoiceItem {
  kind: "choice";
  /** The row in the source file, from 0. */
  docIndex: number;
  /** The source's own id, where it has one. */
  id?: string;
  /** What items share that makes their errors alike (a subject, a passage), for clustered standard errors. */
  cluster?: string;
  /** The question alone, for people to read. */
  question: string;
  /** All that precedes a continuation: description, shots, question. One for all, or one a choice (winogrande). */
  contexts: string[];
  /** The choices as the source has them: acc_norm divides by their length in code points. */
  choices: string[];
  /** What is scored after the context, one a choice; with the space in front. */
  continuations: string[];
  /** White space at a context's end stays there; the harness moves it to the continuation. */
  keepsSpace?: true;
  /** Index of the right choice. */
  gold: number;
  /** 1 for each true choice, where several are (truthfulqa_mc2). */
  labels?: number[];
}

/** What the model is asked: to go on with the context. */
export interface GenerationItem {
  kind: "generation";
  docIndex: number;
  id?: string;
  cluster?: string;
  question: string;
  contexts: [string];
  /** Texts that end the answer and are cut off it. */
  stop: string[];
  /** New tokens at most. */
  maxNew: number;
  /** The answer in the source, worked out and all. */
  target: string;
}

export type Item = ChoiceItem | GenerationItem;

/** What scoring gave for a ChoiceItem, one a choice. */
export interface ChoiceAnswer {
  /** Σ log p over the continuation's tokens, in nats. */
  loglikelihoods: number[];
  /** Whether the continuation is what greedy decoding gives. */
  isGreedy: boolean[];
}

/** What generation gave for a GenerationItem: the text before the first stop text, special tokens left out. */
export interface GenerationAnswer {
  text: string;
}

/** An item's measures: numbers by name ("acc", "acc_norm", "mc2", "exact_match_strict" …), extracted answers beside them. */
export interface Grade {
  metrics: Record<string, number>;
  /** Extracted answers and the like, as items.jsonl shows them ("strict_match": "18"). */
  extracted?: Record<string, string>;
}

/** A benchmark. D is a document as parse() makes it. */
export interface Task<D = unknown> {
  /** The harness's name. */
  name: string;
  /** What it belongs to: "mmlu", and within it "stem". */
  group?: string;
  subgroup?: string;
  kind: Item["kind"];
  /** The documents that are scored, and those that shots come from. Without `shots`, or where that file is absent: test. */
  test: SplitSource;
  shots?: SplitSource;
  /** What is scored instead on demand, where the harness scores a test split: what the released code's numbers are of. */
  validation?: SplitSource;
  /** Shots by default. */
  defaultShots: Record<Settings, number>;
  /** Whether the number of shots can be set; truthfulqa's and gsm8k_cot's are part of the prompt. */
  fixedShots?: boolean;
  /** How shots are chosen: CPython's sample a document, or the first ones. */
  pick: "sample" | "first";
  /**
   * Settings under which the harness draws one shot more than it needs and drops the document itself, should it be among
   * them: those that leave both fewshot_split and test_split unset. Also done where shots come from the scored split.
   */
  drawsOneMore?: readonly Settings[];
  /** Which rows of the files are this task's (mmlu: those of its subject); default all. */
  accepts?: (row: Record<string, unknown>) => boolean;
  /** Names of the metrics in order, the one for tables first. */
  metrics: string[];
  /** In front of the shots. */
  description?: () => string | Promise<string>;
  /**
   * A row of any of the sources' layouts → a document. Throws RowFault for a malformed row, LeftOut for one that cannot be
   * scored (row_fields.ts); both without place.
   */
  parse(row: Record<string, unknown>): D;
  /** The question as the prompt has it, without the space that precedes an answer. */
  text(doc: D): string;
  /** A shot's answer, without that space. */
  target(doc: D): string;
  /** The item of a document after `before`: description and shots, each shot ending in a blank line. */
  item(doc: D, before: string): ItemBody;
  grade(item: Item, answer: ChoiceAnswer | GenerationAnswer): Grade;
}

/** An item but for where it stands. */
export type ItemBody = Omit<ChoiceItem, "docIndex"> | Omit<GenerationItem, "docIndex">;

/** A task with its items, ready to be asked. */
export interface OpenTask {
  task: Task;
  settings: Settings;
  /** Shots of each item. */
  shots: number;
  /** "bundled", "mirror" or "hub". */
  source: string;
  /** What was read: names (no folders) and SHA-256. */
  files: { name: string; sha256: string }[];
  /** The file that shots come from, where they are drawn. */
  shotsFrom?: string;
  /** Rows of the task in the test file, before --limit. */
  total: number;
  /** Rows left out, with why ("row 3: answerKey E is not among the labels A, B, C, D"). */
  leftOut: string[];
  /** What is odd about items that are scored all the same ("2 items have equal choices: rows 3, 8"). */
  remarks: string[];
  items: Item[];
}
