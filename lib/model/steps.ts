// The compiled steps of one model (decode.ts) by their shape, made when first asked for, a few held at a time. What runs
// which step when: text_rows.ts and engine.ts.
import type { Compiled, JitOptions, Params, TensorData } from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import { compileStep, type StepShape } from "./decode.ts";

/** What a step gives: see decodeProgram(). */
export interface StepResult {
  /** [rows, vocabulary], flat. */
  logits: Float32Array;
  /** [2·layers, rows, kvHeads, tokens, headSize]. */
  entries: TensorData;
}

/** A model's compiled steps. */
export interface Steps {
  /** Runs the step of a shape under an adapter. Calls wait for each other: one runs at a time, in the order of asking. */
  run(
    shape: StepShape,
    adapter: Adapter | undefined,
    inputs: { batch: Params; cache: Params },
  ): Promise<StepResult>;
  /** Closes them after what was asked for before. */
  close(): Promise<void>;
}

/** Opens a model's steps; `most` compiled ones are held, then those not used for longest are closed. */
export function openSteps(base: Base, options: JitOptions & { most?: number } = {}): Steps {
  const { most = 2, config, ...rest } = options;
  // Several sessions take turns: the threads of one that is done must not spin while the next one works.
  const jitOptions = { ...rest, config: { force_spinning_stop: "1", ...config } };
  const held = new Map<string, Compiled>(); // the last used comes last
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const result = turn.then(action);
    turn = result.catch(() => {});
    return result;
  };
  const drop = async (key: string) => {
    const step = held.get(key)!;
    held.delete(key);
    await step.close();
  };
  const stepOf = async (shape: StepShape, adapter: Adapter | undefined) => {
    const key = JSON.stringify([shape.rows, shape.tokens, shape.capacity, adapter?.lora]);
    const known = held.get(key);
    if (!known) { while (held.size >= most) await drop(held.keys().next().value!); }
    const step = known ?? await compileStep(base, shape, { ...jitOptions, adapter });
    held.delete(key);
    held.set(key, step);
    return step;
  };
  return {
    run: (shape, adapter, inputs) =>
      inTurn(async () => {
        const step = await stepOf(shape, adapter);
        const made = await step({ params: adapter?.params ?? {}, ...inputs });
        return {
          logits: (made.logits as TensorData).data as Float32Array,
          entries: made.entries as TensorData,
        };
      }),
    close: () =>
      inTurn(async () => {
        for (const key of [...held.keys()]) await drop(key);
      }),
  };
}
