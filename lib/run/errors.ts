// The error for bad input or usage. Everything else throws TypeError, RangeError or SyntaxError.

/** Bad input or usage by the user: the message names the action, the value and the remedy. The CLI exits 2 on it. */
export class InputError extends Error {
  /** Set so that messages show it. */
  override name = "InputError";
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Characters that end a line or steer a terminal or the direction of writing. */
const STEERING = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A text of unknown origin for one line of a terminal: what steers it is written as \n or \u001b, and of more than `most`
 * characters the middle is left out, since a message ends with its remedy.
 */
export function oneLine(text: string, most = 2000): string {
  const kept = text.length > most
    ? `${text.slice(0, most - Math.floor(most / 4))} … ${text.slice(-Math.floor(most / 4))}`
    : text;
  return kept.replace(
    STEERING,
    (c) => c === "\n" ? "\\n" : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
