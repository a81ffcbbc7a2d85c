// Embeddings of dialogues: the model's own mean hidden states. The file of them is embeddings_file.ts, how they are compared
// deita.ts.
import type { Example } from "../data/example.ts";
import { baseOf, type EmbedOptions, meanHiddenStates, type Model, toSequences } from "../model/mod.ts";

/** How dialogues are read by the model. */
export interface DialogueEmbedOptions extends EmbedOptions {
  /** Longest dialogue in tokens; more is cut. */
  context: number;
  /** A Jinja chat template instead of the model's own. */
  template?: string;
}

/** A vector a dialogue, by id: the mean over all its tokens of the hidden state after the final norm. [hidden] */
export async function embedDialogues(
  model: Model,
  examples: readonly Example[],
  { context, template, ...options }: DialogueEmbedOptions,
): Promise<Map<string, Float32Array>> {
  const { sequences } = toSequences(model, [...examples], { context, supervise: "all", template });
  const means = await meanHiddenStates(baseOf(model), sequences, options);
  return new Map(sequences.map(({ id }, i) => [id, means[i]]));
}
