// How long an endpoint asks to wait, in all the ways that endpoints say it.

/**
 * Seconds to wait by the answer's headers, or undefined where they do not say: retry-after-ms, then Retry-After (seconds
 * or an HTTP date, RFC 9110 10.2.3), then the x-ratelimit-reset ones of OpenAI (a duration as in 6m0s or 20ms) and of
 * others (seconds, or the time in seconds or milliseconds since 1970), of those the longest whose allowance is used up.
 * `now`: milliseconds since 1970.
 */
export function retryAfter(headers: Headers, now: number = Date.now()): number | undefined {
  const milliseconds = numberOf(headers.get("retry-after-ms"));
  if (milliseconds !== undefined) return milliseconds / 1000;
  const after = headers.get("retry-after");
  if (after !== null) {
    const date = /[a-z]/i.test(after) ? Date.parse(after) : NaN; // a bare number would be taken for a year
    const seconds = numberOf(after) ?? (date - now) / 1000;
    if (!Number.isNaN(seconds)) return Math.max(0, seconds);
  }
  return reset(headers, now);
}

const kinds = ["", "-requests", "-tokens"];

function reset(headers: Headers, now: number): number | undefined {
  const of = (name: string) => headers.get(`x-ratelimit-${name}`);
  const waits = kinds.flatMap((kind) => {
    const text = of(`reset${kind}`), left = numberOf(of(`remaining${kind}`));
    const wait = text === null ? undefined : duration(text) ?? moment(text, now);
    return wait === undefined ? [] : [{ wait, usedUp: left !== undefined && left <= 0 }];
  });
  const usedUp = waits.filter((one) => one.usedUp);
  const chosen = usedUp.length ? usedUp : waits;
  return chosen.length ? Math.max(...chosen.map(({ wait }) => wait)) : undefined;
}

/** 1h2m3.5s and 20ms, in seconds. */
function duration(text: string): number | undefined {
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (!parts.length || parts.map(([whole]) => whole).join("") !== text.trim()) return undefined;
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * units[unit], 0);
}

/** Seconds from now; large numbers are times since 1970, in seconds or milliseconds. */
function moment(text: string, now: number): number | undefined {
  const n = numberOf(text);
  if (n === undefined) return undefined;
  if (n > 1e11) return Math.max(0, (n - now) / 1000);
  return n > 1e8 ? Math.max(0, n - now / 1000) : n;
}

function numberOf(text: string | null): number | undefined {
  const n = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(n) && n >= 0 ? n : undefined;
}
