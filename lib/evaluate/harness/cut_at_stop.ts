// Where a generated answer ends: at the first of the task's stop texts, as lm-evaluation-harness cuts it.

/**
 * `text` without what follows a stop text, and without the stop text itself; empty stop texts are ignored. The stop texts
 * take their turns in order, as `postprocess_generated_text` of lm-evaluation-harness 0.4.13 has it (lm_eval/models/utils.py):
 * of "aXYb" the stops "Yb" and "XY" leave "aX". There the last of `stops` is the text of the model's end token.
 */
export function cutAtStop(text: string, stops: readonly string[]): string {
  for (const stop of stops) {
    const at = stop === "" ? -1 : text.indexOf(stop);
    if (at >= 0) text = text.slice(0, at);
  }
  return text;
}
