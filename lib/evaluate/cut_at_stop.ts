// Where a generated answer ends: at the first of the task's stop texts, as lm-evaluation-harness cuts it.

/**
 * `text` up to the first occurrence of any stop text; the stop text itself is cut off too. Empty stop texts are ignored.
 * As `postprocess_generated_text` of lm-evaluation-harness 0.4.13 (lm_eval/models/utils.py), which cuts at each stop text
 * in turn; where two overlap, the order matters to neither. There `stops` ends with the text of the model's end token.
 */
export function cutAtStop(text: string, stops: readonly string[]): string {
  for (const stop of stops) {
    const at = stop === "" ? -1 : text.indexOf(stop);
    if (at >= 0) text = text.slice(0, at);
  }
  return text;
}
