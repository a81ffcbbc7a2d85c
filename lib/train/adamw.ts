// AdamW with decoupled weight decay, operation by operation as torch.optim.AdamW (2.13) does it in float32.
import { f32, type Params } from "../jit/mod.ts";

/** The optimiser's constants; PyTorch's defaults but for the learning rate, which comes with each step. */
export interface AdamWSettings {
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
}

/** PyTorch's defaults; weight decay 0.01 is what the released code in fact applies (spec: recovered settings). */
export const defaultAdamW: AdamWSettings = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 };

/** First and second moments, shaped as the parameters, and the number of steps taken. */
export interface AdamWState {
  m: Params;
  v: Params;
  step: number;
}

/** Moments at zero. */
export function adamWState(params: Params): AdamWState {
  const zeros = () => Object.fromEntries(Object.entries(params).map(([k, { shape }]) => [k, f32(shape)]));
  return { m: zeros(), v: zeros(), step: 0 };
}

/** One step, in place on `params` and `state`. Decay acts on the parameter, not on the gradient (Loshchilov and Hutter 2019). */
export function adamWStep(
  params: Params,
  grads: Params,
  state: AdamWState,
  lr: number,
  settings: AdamWSettings,
): void {
  const { beta1, beta2, eps, weightDecay } = settings;
  const step = ++state.step;
  const stepSize = lr / (1 - beta1 ** step);
  const correction = Math.sqrt(1 - beta2 ** step);
  const keep = 1 - lr * weightDecay;
  const round = Math.fround;
  for (const [name, { data: w }] of Object.entries(params)) {
    const g = grads[name].data, m = state.m[name].data, v = state.v[name].data;
    for (let i = 0; i < w.length; i++) {
      m[i] = m[i] + (g[i] - m[i]) * (1 - beta1);
      v[i] = round(v[i] * beta2) + (1 - beta2) * g[i] * g[i];
      const denominator = round(round(Math.sqrt(v[i])) / correction) + eps;
      w[i] = round(w[i] * keep) - stepSize * (m[i] / denominator);
    }
  }
}

/** The 2-norm of all gradients together, summed in float64. */
export function gradientNorm(grads: Params): number {
  let sum = 0;
  for (const { data } of Object.values(grads)) for (let i = 0; i < data.length; i++) sum += data[i] * data[i];
  return Math.sqrt(sum);
}

/** Scales gradients in place to a norm of at most `limit`, as torch.nn.utils.clip_grad_norm_; 0 means no limit. */
export function clipGradients(grads: Params, norm: number, limit: number): void {
  const scale = limit / (norm + 1e-6);
  if (limit === 0 || scale >= 1) return;
  for (const { data } of Object.values(grads)) for (let i = 0; i < data.length; i++) data[i] *= scale;
}
