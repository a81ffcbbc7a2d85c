// Contexts and continuations as tokens, against the harness's rule written out.
import assert from "node:assert/strict";
import { fitSequence, PairEncoder } from "../lib/evaluate/harness/pair_encoder.ts";
import { rstrip } from "../lib/evaluate/harness/python_text.ts";
import { openModel, type Tokenizer } from "../lib/model/mod.ts";
import { stream } from "../lib/run/seed.ts";

/** lm_eval/api/model.py, _encode_pair, word for word in TypeScript. */
function encodePair(tokenizer: Tokenizer, context: string, continuation: string) {
  const spaces = context.length - rstrip(context).length;
  if (spaces > 0) {
    continuation = context.slice(-spaces) + continuation;
    context = context.slice(0, -spaces);
  }
  const whole = tokenizer.encode(context + continuation), own = tokenizer.encode(context);
  return { context: own, continuation: whole.slice(own.length) };
}

const PIECES = [
  "Question: What is 12 × 7?\nAnswer:",
  "Two words",
  "\n\n",
  "\n",
  " ",
  "  ",
  "84",
  "naïve café",
  "🦜🦜",
  "ﬁ",
  "\u00a0",
  "\t",
  "12\n\n34",
  "<|im_end|>",
  "don't",
  "²",
  "…",
  "日本語",
];

Deno.test("PairEncoder cuts as the harness does, whatever stands at the seam and in the last line", async () => {
  const { tokenizer } = await openModel(), encoder = new PairEncoder(tokenizer);
  const random = stream(7, "pairs");
  let at = 0;
  const text = (most: number) => {
    const [n] = random.ints(1, most, at++);
    return random.ints(n + 1, PIECES.length, (at += most) - most).map((i) => PIECES[i]).join("");
  };
  let moved = 0;
  for (let i = 0; i < 400; i++) {
    const context = text(9);
    if (rstrip(context) === "") continue;
    for (let j = 0; j < 3; j++) {
      const continuation = ` ${text(3)}`;
      assert.deepEqual(
        encoder.pair(context, continuation),
        encodePair(tokenizer, context, continuation),
        JSON.stringify([context, continuation]),
      );
    }
    if (rstrip(context) !== context) moved++;
  }
  assert.ok(moved > 50);
});

/** A tokenizer with a BOS in front, of one token a character. */
function withBos(bos: boolean): Tokenizer {
  const encode = (text: string, { addSpecial = true } = {}): number[] => [
    ...bos && addSpecial ? [1] : [],
    ...text.startsWith("<s>")
      ? [1, ...encode(text.slice(3), { addSpecial: false })]
      : Array.from(text, (c) => c.codePointAt(0)!),
  ];
  return { encode, tokenOf: () => "<s>", eosId: 2, ...(bos ? { bosId: 1 } : {}) } as unknown as Tokenizer;
}

Deno.test("PairEncoder puts the BOS in front once, and for an empty context the BOS or the EOS", () => {
  const encoder = new PairEncoder(withBos(true));
  assert.deepEqual(encoder.pair("ab", " c"), { context: [1, 97, 98], continuation: [32, 99] });
  assert.deepEqual(encoder.pair("<s>ab", " c").context, [1, 97, 98]);
  assert.deepEqual(encoder.pair("a\nb ", "c"), { context: [1, 97, 10, 98], continuation: [32, 99] });
  const kept = encoder.pair("a\nb ", "c", { keepsSpace: true });
  assert.deepEqual(kept, { context: [1, 97, 10, 98, 32], continuation: [99] });
  assert.deepEqual(encoder.pair("", " c"), { context: [1], continuation: [32, 99] });
  assert.deepEqual(new PairEncoder(withBos(false)).pair("", "c"), { context: [2], continuation: [99] });
});

Deno.test("fitSequence() keeps the end, counts what it cut, and refuses what cannot be scored", () => {
  const pair = { context: [1, 2, 3, 4], continuation: [5, 6] };
  assert.deepEqual(fitSequence(pair, 5, "x"), {
    ids: Int32Array.of(1, 2, 3, 4, 5, 6),
    targets: 2,
    truncated: 0,
  });
  assert.deepEqual(fitSequence(pair, 3, "x"), { ids: Int32Array.of(3, 4, 5, 6), targets: 2, truncated: 2 });
  assert.throws(() => fitSequence({ ...pair, continuation: [] }, 5, "arc row 3"), {
    name: "InputError",
    message: /arc row 3: a continuation has no tokens/,
  });
  assert.throws(() => fitSequence(pair, 1, "x"), /has 2 tokens, the model's context 1/);
  assert.throws(() => fitSequence({ ...pair, context: [] }, 5, "x"), /only white space/);
});
