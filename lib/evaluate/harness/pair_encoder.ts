// A context and its continuation → tokens, cut where lm-evaluation-harness cuts them (api/model.py, _encode_pair and
// models/huggingface.py, tok_encode, _loglikelihood_tokens).
import type { Tokenizer } from "../../model/mod.ts";
import { InputError } from "../../run/errors.ts";
import { rstrip } from "./python_text.ts";
import type { Item } from "../task.ts";

/** A context and a continuation as tokens. */
export interface EncodedPair {
  context: number[];
  continuation: number[];
}

/** A sequence to score: its last `targets` tokens after those before them, with how many tokens were cut off in front. */
export interface EncodedSequence {
  ids: Int32Array;
  targets: number;
  truncated: number;
}

/**
 * Encodes pairs. White space at a context's end goes to the continuation, unless told otherwise; a continuation's tokens are what encoding both
 * together has beyond the context's own count. An empty context is the BOS, or else the EOS.
 */
export class PairEncoder {
  /** The last context, its tokens, and where its last line can be encoded alone. */
  #last?: { context: string; ids: number[]; tail?: { text: string; before: number[] } };

  constructor(private readonly tokenizer: Tokenizer) {}

  /** The tokens of a text with what the tokenizer puts in front, which a text that begins with the BOS has already. */
  encode(text: string): number[] {
    const first = this.#prefixId(), bos = first === undefined ? "" : this.tokenizer.tokenOf(first);
    return this.tokenizer.encode(text, { addSpecial: !bos || !text.startsWith(bos) });
  }

  pair(context: string, continuation: string, { keepsSpace = false } = {}): EncodedPair {
    if (context === "") {
      const first = this.#prefixId();
      if (first === undefined) {
        throw new InputError(
          "Cannot score an empty context: the tokenizer has no BOS and no EOS; give it a text",
        );
      }
      return { context: [first], continuation: this.tokenizer.encode(continuation, { addSpecial: false }) };
    }
    const kept = keepsSpace ? context : rstrip(context), moved = context.slice(kept.length) + continuation;
    const ids = this.#contextIds(kept);
    return { context: ids, continuation: this.#whole(moved).slice(ids.length) };
  }

  /** What stands for an empty context. */
  #prefixId(): number | undefined {
    return this.tokenizer.bosId ?? this.tokenizer.eosId;
  }

  #contextIds(context: string): number[] {
    if (this.#last?.context === context) return this.#last.ids;
    const ids = this.encode(context);
    this.#last = { context, ids, tail: this.#tailOf(context, ids) };
    return ids;
  }

  /**
   * The last line of a context and the tokens before it, where that line encoded alone gives the same tokens: then every
   * continuation is encoded after that line, not after thousands of shots' tokens.
   */
  #tailOf(context: string, ids: number[]) {
    const at = context.lastIndexOf("\n") + 1;
    if (at === 0 || at === context.length) return undefined;
    const text = context.slice(at), own = this.tokenizer.encode(text, { addSpecial: false });
    const first = ids.length - own.length;
    const same = first > 0 && own.every((id, i) => ids[first + i] === id);
    return same ? { text, before: ids.slice(0, first) } : undefined;
  }

  #whole(moved: string): number[] {
    const { context, tail } = this.#last!;
    if (!tail) return this.encode(context + moved);
    return [...tail.before, ...this.tokenizer.encode(tail.text + moved, { addSpecial: false })];
  }
}

/**
 * The last maxLength + 1 tokens of a pair (the last of them is never read). Throws InputError for a continuation without
 * tokens or with more than maxLength.
 */
export function fitSequence(
  { context, continuation }: EncodedPair,
  maxLength: number,
  place: string,
): EncodedSequence {
  if (continuation.length === 0) {
    throw new InputError(`Cannot score ${place}: a continuation has no tokens; give its choice some text`);
  }
  if (continuation.length > maxLength) {
    throw new InputError(
      `Cannot score ${place}: a continuation has ${continuation.length} tokens, the model's context ${maxLength}; ` +
        "take a model of longer context",
    );
  }
  if (context.length === 0) {
    throw new InputError(`Cannot score ${place}: its context is only white space; give it some text`);
  }
  const all = Int32Array.from([context, continuation].flat()), ids = all.slice(-(maxLength + 1));
  return { ids, targets: continuation.length, truncated: all.length - ids.length };
}

/** Throws InputError where a text is to be longer than the model's context, as the harness does. */
export function checkRoom(task: string, items: Item[], max: number): void {
  const most = items.reduce((n, item) => item.kind === "generation" ? Math.max(n, item.maxNew) : n, 0);
  if (most < max || most === 0) return;
  throw new InputError(
    `Cannot evaluate ${task}: its answers may have ${most} tokens, the model's context only ${max}; ` +
      "take a model of longer context or leave the task out",
  );
}
