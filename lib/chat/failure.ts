// How a call can end without an answer. Bad input is InputError (lib/run/errors.ts), as everywhere.

/**
 * Why a call failed: `refused`: the endpoint will not take the request (400, 413, 422 …); `denied`: 401, 403; `missing`:
 * 404; `limit`: 429; `status`: 408, 409, 5xx; `timeout`; `connection`: refused, cut, not found; `format`: an answer that
 * is no chat completion (HTML, torn JSON); `batch`: the Batch API failed, expired or dropped it.
 */
export type FailureKind =
  | "refused"
  | "denied"
  | "missing"
  | "limit"
  | "status"
  | "timeout"
  | "connection"
  | "format"
  | "batch";

/** A call that failed for good, or one try of it. The message names the endpoint, what came and the remedy; never the key. */
export class ChatFailure extends Error {
  /** Set so that messages show it. */
  override name = "ChatFailure";
  /** Why. */
  readonly kind: FailureKind;
  /** The HTTP status, where one came. */
  readonly status?: number;
  /** The tries that were made. */
  attempts = 1;
  /** Every other call would fail in the same way: the key, the model's name, the quota. Whoever asks for many stops. */
  fatal: boolean;
  /** Another try may help. */
  readonly retry: boolean;
  /** The endpoint may have computed, and charged, an answer that did not arrive. */
  readonly charged: boolean;
  /** Seconds that the endpoint asks to wait. */
  readonly wait?: number;

  /** `message` is shown to the user. */
  constructor(
    kind: FailureKind,
    message: string,
    { status, wait, fatal = false, retry = false, charged = false, cause }: {
      status?: number;
      wait?: number;
      fatal?: boolean;
      retry?: boolean;
      charged?: boolean;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause });
    this.kind = kind;
    this.status = status;
    this.wait = wait;
    this.fatal = fatal;
    this.retry = retry;
    this.charged = charged;
  }
}

/** The next call could exceed the budget. Nothing is wrong: with a higher budget the same command goes on. */
export class BudgetReached extends Error {
  /** Set so that messages show it. */
  override name = "BudgetReached";

  /** USD: what was spent, what the calls under way may cost at most, and what the next one may. */
  constructor(
    readonly budget: number,
    readonly spent: number,
    readonly underWay: number,
    readonly next: number,
  ) {
    const usd = (x: number) => x.toFixed(x < 0.01 ? 6 : 4);
    super(
      `Cannot ask further within the budget of ${usd(budget)} USD: ${usd(spent)} are spent` +
        (underWay > 0 ? `, up to ${usd(underWay)} are under way` : "") +
        ` and the next call may cost ${usd(next)}; give a higher budget: the same command goes on from here`,
    );
  }
}
