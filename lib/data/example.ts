// One dialogue, as every stage sees it. Reading files into examples is source.ts; rendering them is template.ts.

/** One message of a dialogue. */
export interface Turn {
  role: "system" | "user" | "assistant";
  content: string;
}

/** A dialogue to learn from. */
export interface Example {
  /** Unique within its file. */
  id: string;
  /** At least one turn; training examples end with the assistant's. */
  turns: Turn[];
  /** Where it comes from. */
  source?: string;
  /** The kind of request, such as "creative" or "arithmetic". */
  category?: string;
  /** The need for diversity of the answer, 0 to 99 (the paper's judge scale); fractions allowed. */
  uncertainty?: number;
  /** One line: why this uncertainty. */
  reason?: string;
  /** What a judge gave each exchange, as DEITA's selection takes it. */
  scores?: Scores;
}

/** A judge's scores of a dialogue, one of each kind an exchange of request and answer, in order. */
export interface Scores {
  /** How complex the request is, 1 to 6. */
  complexity: number[];
  /** How good the answer is, 1 to 6. */
  quality: number[];
}
