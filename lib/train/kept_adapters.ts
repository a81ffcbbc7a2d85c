// Adapters that a run keeps along the way: after which steps, and where they lie. Who writes them is stage.ts.

/** The folder, inside a run's, of the adapter after `step`. */
export const keptFolder = (step: number): string => `adapters/step-${step}`;

/** The steps after which one is kept: every `keepEvery` of `steps`, and the last. None without `keepEvery`. */
export function keptSteps(keepEvery: number | undefined, steps: number): number[] {
  if (!keepEvery) return [];
  const all = Array.from({ length: Math.floor(steps / keepEvery) }, (_, i) => (i + 1) * keepEvery);
  return all.at(-1) === steps ? all : [...all, steps];
}

/** An adapter's files in `folder`. */
export const adapterFiles = (folder: string): string[] =>
  ["adapter_config.json", "adapter_model.safetensors"].map((file) => `${folder}/${file}`);
