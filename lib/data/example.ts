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
}
