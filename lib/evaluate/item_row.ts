// A line of items.jsonl: one item under one model, all that grading it needed and gave. Names as lm-evaluation-harness's.

/** One item's result. Metrics ("acc", "acc_norm", "mc2", "exact_match_strict" …) and extracted answers stand beside these. */
export interface ItemRow {
  /** "base", or the adapter's name. */
  model: string;
  task: string;
  /** The row in the source file, from 0. */
  doc_index: number;
  id?: string;
  /** "mmlu", where the task belongs to it. */
  group?: string;
  cluster?: string;
  question: string;
  /** SHA-256 of the first context's UTF-8. */
  context_sha256: string;
  n_context_tokens: number;
  /** Tokens that were cut off in front because the model's context is too short; 0 mostly. */
  truncated: number;
  choices?: string[];
  continuation_token_ids?: number[][];
  /** In nats. */
  loglikelihoods?: number[];
  is_greedy?: boolean[];
  gold?: number;
  labels?: number[];
  generated?: string;
  new_token_ids?: number[];
  n_new_tokens?: number;
  target?: string;
  [measure: string]: unknown;
}

/** What a table needs to know of a task. */
export interface TaskInfo {
  task: string;
  group?: string;
  subgroup?: string;
  /** In order, the one for tables first. */
  metrics: string[];
  shots: number;
  settings: string;
  source: string;
}
