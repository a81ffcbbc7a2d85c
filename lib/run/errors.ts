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
