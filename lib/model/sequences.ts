// Dialogues → sequences for training and scoring: a whole data set through the chat template and the tokenizer.
import type { Example } from "../data/example.ts";
import { InputError } from "../run/errors.ts";
import { encodeExample, type EncodeOptions } from "./encode.ts";
import type { Model } from "./open_model.ts";
import type { Sequence } from "./rows.ts";

/** What became of the dialogues. */
export interface Encoded {
  /** In the dialogues' order, without those that have no target. */
  sequences: Sequence[];
  /** Ids of dialogues cut at the context length. */
  truncated: string[];
  /** Ids of dialogues left out: no supervised token within the context. */
  dropped: string[];
}

/**
 * Encodes every dialogue; `template` replaces the model's own chat template. Throws InputError for a context beyond the
 * model's, and where no dialogue has a target.
 */
export function toSequences(
  model: Model,
  examples: readonly Example[],
  options: EncodeOptions & { template?: string },
): Encoded {
  const { context, template = model.chatTemplate } = options;
  if (context > model.config.maxPositions) {
    throw new InputError(
      `Cannot use a context of ${context} tokens: ${model.name} was trained for ${model.config.maxPositions}; give at most that`,
    );
  }
  const encoded: Encoded = { sequences: [], truncated: [], dropped: [] };
  for (const example of examples) {
    const { ids, supervised, fullLength } = encodeExample(model.tokenizer, template, example, options);
    if (fullLength > ids.length) encoded.truncated.push(example.id);
    if (supervised.includes(1)) encoded.sequences.push({ id: example.id, ids, supervised });
    else encoded.dropped.push(example.id);
  }
  if (encoded.sequences.length === 0) {
    throw new InputError(
      `Cannot use these ${examples.length} dialogues: none has an answer token within ${context} tokens; raise the context`,
    );
  }
  return encoded;
}
