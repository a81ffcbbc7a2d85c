// Logistic regression with liblinear's L1 objective, its strength chosen by cross-validation over groups.
// What alpaca_eval's length-controlled win rate takes from scikit-learn (LogisticRegressionCV, solver "liblinear").

/** A target between 0 and 1 for features, with a weight of at least 0; a group of its own in cross-validation. */
export interface SoftRow {
  x: readonly number[];
  target: number;
  /** Default 1. */
  weight?: number;
}

/** Newton steps at most. */
const STEPS = 200;

/** A gradient violation below this share of the first one ends the descent; liblinear itself stops at about 5e-5. */
const TOLERANCE = 1e-10;

/**
 * The coefficients that minimise ‖w‖₁ + C Σ weight · (target · log(1 + exp(−w·x)) + (1 − target) · log(1 + exp(w·x))), which
 * is liblinear's objective on rows that stand once with each label. Newton steps on the L1 problem, each by coordinate
 * descent on its quadratic model, with a line search (newGLMNET: Yuan, Ho, Lin 2012); the objective is convex, so that the
 * place found is liblinear's but for where each stops.
 */
export function fitL1Logistic(rows: readonly SoftRow[], C: number): number[] {
  const width = rows[0]?.x.length ?? 0;
  let w = new Array<number>(width).fill(0), value = objective(rows, C, w), first = 0;
  for (let step = 0; step < STEPS; step++) {
    const { gradient, hessian } = derivatives(rows, C, w);
    const violation = gradient.reduce((sum, g, j) => sum + violationOf(g, w[j]), 0);
    if (step === 0) first = violation;
    if (violation <= TOLERANCE * first) break;
    const towards = quadraticMinimum(w, gradient, hessian);
    const next = lineSearch(w, towards, { value, gradient, at: (w) => objective(rows, C, w) });
    if (!next) break; // no smaller step helps: rounding
    ({ w, value } = next);
  }
  return w;
}

/** By how much a coordinate fails to be optimal. */
function violationOf(gradient: number, at: number): number {
  if (at === 0) return Math.max(0, Math.abs(gradient) - 1);
  return Math.abs(gradient + Math.sign(at));
}

function objective(rows: readonly SoftRow[], C: number, w: readonly number[]): number {
  let loss = 0;
  for (const { x, target, weight = 1 } of rows) {
    const s = dot(x, w);
    loss += weight * (softplus(s) - target * s);
  }
  return C * loss + w.reduce((sum, v) => sum + Math.abs(v), 0);
}

function derivatives(rows: readonly SoftRow[], C: number, w: readonly number[]) {
  const gradient = w.map(() => 0), hessian = w.map(() => w.map(() => 0));
  for (const { x, target, weight = 1 } of rows) {
    const p = sigmoid(dot(x, w)), slope = C * weight * (p - target), bend = C * weight * p * (1 - p);
    for (let j = 0; j < x.length; j++) {
      gradient[j] += slope * x[j];
      for (let k = 0; k < x.length; k++) hessian[j][k] += bend * x[j] * x[k];
    }
  }
  for (let j = 0; j < w.length; j++) hessian[j][j] += 1e-12;
  return { gradient, hessian };
}

/** The minimum of g·d + d·H·d/2 + ‖w + d‖₁ over d, by coordinate descent. */
function quadraticMinimum(
  w: readonly number[],
  gradient: readonly number[],
  hessian: readonly number[][],
): number[] {
  const d = w.map(() => 0);
  for (let pass = 0; pass < 1000; pass++) {
    let moved = 0;
    for (let j = 0; j < w.length; j++) {
      const g = gradient[j] + dot(hessian[j], d), h = hessian[j][j], at = w[j] + d[j];
      const by = g + 1 < h * at ? -(g + 1) / h : g - 1 > h * at ? -(g - 1) / h : -at;
      d[j] += by;
      moved = Math.max(moved, Math.abs(by));
    }
    if (moved <= 1e-14 * (1 + Math.max(...d.map(Math.abs)))) break;
  }
  return d;
}

/** The longest of the steps 1, 1/2, 1/4 … along d that lowers the objective as far as it should (Armijo). */
function lineSearch(
  w: readonly number[],
  d: readonly number[],
  { value, gradient, at }: { value: number; gradient: readonly number[]; at: (w: number[]) => number },
): { w: number[]; value: number } | undefined {
  const norm = (v: readonly number[]) => v.reduce((sum, x) => sum + Math.abs(x), 0);
  const promised = dot(gradient, d) + norm(w.map((v, j) => v + d[j])) - norm(w);
  for (let size = 1; size > 1e-10; size /= 2) {
    const there = w.map((v, j) => v + size * d[j]), found = at(there);
    if (found - value <= 0.01 * size * promised) return { w: there, value: found };
  }
  return undefined;
}

/** log(1 + exp(x)). */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** 1 / (1 + exp(−x)). */
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The strengths that scikit-learn tries by default: 10 from 1e-4 to 1e4, even in their logarithm. */
export const STRENGTHS: readonly number[] = Array.from({ length: 10 }, (_, i) => 10 ** (-4 + 8 * i / 9));

/** A fitted model. */
export interface FittedL1 {
  coefficients: number[];
  /** The strength that won. */
  C: number;
}

/**
 * Fits soft targets, as rows that stand once as label 1 with the target as weight and once as label 0 with the rest. The strength
 * is the one of the lowest mean log-loss over `folds` parts of whole groups, of equal ones the smaller; then all rows are
 * fitted (glm_winrate.fit_LogisticRegressionCV). Groups go into parts as GroupKFold deals equal groups, from the last to
 * the first; numpy's own order of equal groups depends on the processor.
 * Throws RangeError for fewer rows than parts.
 */
export function fitSoftL1(rows: readonly SoftRow[], { folds = 5 }: { folds?: number } = {}): FittedL1 {
  if (rows.length < folds) {
    throw new RangeError(`Cannot fit ${rows.length} rows in ${folds} parts: give at least one row a part`);
  }
  const foldOf = (i: number) => (rows.length - 1 - i) % folds;
  const losses = STRENGTHS.map((C) => {
    let sum = 0;
    for (let fold = 0; fold < folds; fold++) {
      const w = fitL1Logistic(rows.filter((_, i) => foldOf(i) !== fold), C);
      sum += meanLoss(rows.filter((_, i) => foldOf(i) === fold), w);
    }
    return sum;
  });
  const C = STRENGTHS[losses.indexOf(Math.min(...losses))];
  return { coefficients: fitL1Logistic(rows, C), C };
}

/** Mean log-loss of soft targets, probabilities clipped at 1e-15 (glm_winrate.logloss). */
function meanLoss(rows: readonly SoftRow[], w: readonly number[]): number {
  const sum = rows.reduce((sum, { x, target, weight = 1 }) => {
    const p = Math.min(Math.max(sigmoid(dot(x, w)), 1e-15), 1 - 1e-15);
    return sum - weight * (target * Math.log(p) + (1 - target) * Math.log(1 - p));
  }, 0);
  return sum / rows.length;
}

/** Σ x·w. */
export function dot(x: readonly number[], w: readonly number[]): number {
  let sum = 0;
  for (let j = 0; j < x.length; j++) sum += x[j] * w[j];
  return sum;
}
