// The settings of openChat(), checked and filled in.
import { InputError } from "../run/errors.ts";
import { CONCURRENCY } from "./gate.ts";
import type { ChatOptions, Patience } from "./types.ts";

const standard: Required<Patience> = {
  timeout: 120,
  tries: 6,
  backoff: 1,
  longestBackoff: 60,
  longestWait: 600,
};

/** What is done where a call fails, with the standard for what was left out. */
export function patienceOf(options: Patience): Required<Patience> {
  const given = Object.fromEntries(
    (Object.keys(standard) as (keyof Patience)[]).flatMap((name) =>
      options[name] === undefined ? [] : [[name, options[name]]]
    ),
  );
  return { ...standard, ...given };
}

/** Throws InputError for a number out of range. */
export function checkOptions(options: ChatOptions): void {
  const { concurrency = CONCURRENCY, requestsPerMinute, tokensPerMinute, budget } = options;
  const patience = patienceOf(options);
  for (const [name, value] of Object.entries({ concurrency, tries: patience.tries })) {
    if (!Number.isInteger(value) || value < 1) throw wrong(name, value, "a whole number from 1 on");
  }
  for (
    const [name, value] of Object.entries({ requestsPerMinute, tokensPerMinute, timeout: patience.timeout })
  ) {
    if (value !== undefined && !(value > 0 && value < Infinity)) throw wrong(name, value, "a number above 0");
  }
  const { backoff, longestBackoff, longestWait } = patience;
  for (const [name, value] of Object.entries({ budget, backoff, longestBackoff, longestWait })) {
    if (value !== undefined && !(value >= 0 && value < Infinity)) {
      throw wrong(name, value, "a number from 0 on");
    }
  }
}

function wrong(name: string, value: unknown, right: string): InputError {
  return new InputError(`Cannot ask a judge with ${name} ${value}: give ${right}`);
}
