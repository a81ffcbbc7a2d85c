// Rows of the result tables: a model's score on a task or group, two models' difference on the same items.

/** A task, the tasks of a subgroup or a whole group pooled item by item, or the plain mean over named tasks and groups. */
export type ScoreLevel = "task" | "subgroup" | "group" | "average";

/** One score. In JSON what cannot be told (NaN) is null. */
export interface TaskScore {
  /** "base", or the adapter's name. */
  model: string;
  /** The task's name; a group's ("mmlu"), a subgroup's ("mmlu_stem") or "average". */
  task: string;
  level: ScoreLevel;
  /** The group that a task or subgroup belongs to. */
  group?: string;
  /** "acc", "acc_norm", "mc2" … (metricInfo() says what it is). */
  metric: string;
  /** The mean over items; over a group's items, so that each task weighs by its size. An average weighs all alike. */
  value: number;
  /** Of the mean, items taken as independent, as lm-evaluation-harness has it; NaN for a single item. */
  stderr: number;
  /** Of the mean where items of a cluster err alike: by the items' cluster, in groups by task. Absent without clusters. */
  stderrClustered?: number;
  /** How many clusters. */
  clusters?: number;
  /** Lower end of the 95% interval, by stderrClustered where there is one: Wilson's for shares, Student's for means. */
  low: number;
  /** Its upper end. */
  high: number;
  /** Items. */
  n: number;
  /** Tasks that were put together, in all rows but a task's. */
  tasks?: number;
}

/** Whether `b` does better than `a`, by the p-value that is corrected for the number of comparisons. */
export type Verdict = "better" | "worse" | "not distinguishable";

/** Two models on the same items. */
export interface ModelComparison {
  /** As in TaskScore. */
  task: string;
  level: ScoreLevel;
  group?: string;
  metric: string;
  /** What is compared with. */
  a: string;
  /** What is compared. */
  b: string;
  /** Items. */
  n: number;
  /** Clusters, where errors are clustered. */
  clusters?: number;
  /** Score of `a`. */
  valueA: number;
  /** Score of `b`. */
  valueB: number;
  /** valueB − valueA: above 0, `b` is better. */
  difference: number;
  /** Of the difference, paired by item; clustered where the items are. */
  stderr: number;
  /** Lower end of the 95% interval: of the paired bootstrap over items, or Student's over clusters. Not corrected. */
  low: number;
  /** Its upper end. */
  high: number;
  /** McNemar's exact test for hits without clusters, otherwise Student's t of the paired difference. */
  test: "mcnemar" | "t";
  /** Two-sided, of `test`. NaN where it cannot be told (one item, one cluster). */
  p: number;
  /** Two-sided, of the paired bootstrap; absent where errors are clustered. */
  pBootstrap?: number;
  /** `p` after Holm's correction over all comparisons of the table. */
  pHolm: number;
  /** Items that only `a` has right, for metrics that are 0 or 1. */
  onlyA?: number;
  /** Items that only `b` has right. */
  onlyB?: number;
  /** The smallest true difference that would be found at this n in 4 of 5 such runs (power 0.8, α 0.05, uncorrected). */
  minimumDetectable: number;
  verdict: Verdict;
}
