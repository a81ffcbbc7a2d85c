// The answer after "The answer is: " and whether it is right, as the MetaMath project's evaluation has it.
// Rules of github.com/meta-math/MetaMath (commit 913a0b2), eval_gsm8k.py for numbers and eval_math.py for LaTeX, in our words.
import { latexEqual } from "./latex_equal.ts";
import { NO_ANSWER } from "./math_answer.ts";
import { strip } from "../harness/python_text.ts";

const MARK = "The answer is: ";

/** What stands after the last "The answer is: ", up to a dot at the end of a line, or "[invalid]". */
export function metamathAnswer(text: string): string {
  const at = text.lastIndexOf(MARK);
  if (at < 0) return NO_ANSWER;
  return strip(strip(text.slice(at + MARK.length).split(".\n")[0]).replace(/\.$/, ""));
}

/**
 * The first number after the last "The answer is: ", rounded to a whole one (a half to the even one, as Python rounds);
 * of "1,234,567" only 1234, a fraction's value for "7/2". Undefined where there is none. Digits are 0 to 9 only; Python's
 * `\d` takes those of other scripts too.
 */
export function metamathNumber(text: string): number | undefined {
  const at = text.lastIndexOf(MARK);
  const found = at < 0 ? undefined : /[-+]?[0-9]*[.,/]?[0-9]+/.exec(text.slice(at + MARK.length))?.[0];
  if (found === undefined) return undefined;
  const [whole, part] = found.replaceAll(",", "").split("/");
  if (part === undefined) return finite(roundHalfToEven(Number(whole)));
  if (/^[-+]?$/.test(whole) || /^00+$/.test(part)) return undefined;
  return finite(roundHalfToEven(Number(whole) / (part === "0" ? 1 : Number(part))));
}

/** Whether the answer in `text` is `gold`: as numbers where `byNumber`, else as LaTeX. */
export function metamathMatch(text: string, gold: string, byNumber: boolean): number {
  if (byNumber) return Number(metamathNumber(text) === Number(gold.replaceAll(",", "")));
  return Number(text.includes(MARK) && latexEqual(metamathAnswer(text), gold));
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function roundHalfToEven(value: number): number {
  const low = Math.floor(value), up = value - low;
  return up < 0.5 || (up === 0.5 && low % 2 === 0) ? low : low + 1;
}
