// Whether two answers in LaTeX are the same but for how they are set: `is_equiv` of the MATH benchmark.
// The rules are Hendrycks et al. 2021's (github.com/hendrycks/math, modeling/math_equivalence.py), as MetaMath's eval uses them.

/** Whether `a` and `b` are equal once spacing, units, `\left` … are gone; word for word where a text follows no form of it. */
export function latexEqual(a: string, b: string): boolean {
  const [x, y] = [plainLatex(a), plainLatex(b)];
  return x === undefined || y === undefined ? a === b : x === y;
}

/** The answer in its plainest form, or undefined where it cannot be read (two units, a root or fraction of nothing). */
function plainLatex(text: string): string | undefined {
  let s = text.replaceAll("\n", "").replaceAll("\\!", "").replaceAll("\\\\", "\\")
    .replaceAll("tfrac", "frac").replaceAll("dfrac", "frac")
    .replaceAll("\\left", "").replaceAll("\\right", "")
    .replaceAll("^{\\circ}", "").replaceAll("^\\circ", "").replaceAll("\\$", "");
  const parts = s.split("\\text{ "); // a unit
  if (parts.length > 2) return undefined;
  s = parts[0].replaceAll("\\%", "").replaceAll(" .", " 0.").replaceAll("{.", "{0.");
  if (s === "") return s;
  if (s.startsWith(".")) s = "0" + s;
  const sides = s.split("=");
  if (sides.length === 2 && [...sides[0]].length <= 2) s = sides[1]; // "x = 5"
  const roots = braceRoots(s);
  const fractions = roots === undefined ? undefined : braceFractions(roots.replaceAll(" ", ""));
  if (fractions === undefined) return undefined;
  return fractions === "0.5" ? "\\frac{1}{2}" : slashToFraction(fractions);
}

/** `\sqrt3` → `\sqrt{3}`. */
function braceRoots(text: string): string | undefined {
  const [first, ...rest] = text.split("\\sqrt");
  if (rest.includes("")) return undefined;
  return first + rest.map((part) => {
    const [c, ...after] = part;
    return c === "{" ? `\\sqrt${part}` : `\\sqrt{${c}}${after.join("")}`;
  }).join("");
}

/** `\frac12` → `\frac{1}{2}`, `\frac1{72}` → `\frac{1}{72}`; all as it is where one is cut short. */
function braceFractions(text: string): string | undefined {
  const [first, ...rest] = text.split("\\frac");
  let out = first;
  for (const part of rest) {
    if (part === "") return undefined;
    const [a, b, ...after] = part;
    if (a !== "{" && b === undefined) return text;
    out += a === "{" ? `\\frac${part}` : `\\frac{${a}}${b === "{" ? b : `{${b}}`}${after.join("")}`;
  }
  return out;
}

/** `3/4` of two whole numbers → `\frac{3}{4}`. */
function slashToFraction(text: string): string {
  return text.replace(/^(0|-?[1-9][0-9]*)\/(0|-?[1-9][0-9]*)$/, "\\frac{$1}{$2}");
}
