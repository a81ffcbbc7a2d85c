// lib/serve/answer.ts and logprobs.ts: pieces add up to the whole text, stop strings never show, log-probabilities by loops.
import assert from "node:assert/strict";
import { openModel } from "../lib/model/open_model.ts";
import { stream } from "../lib/run/seed.ts";
import { Answer, type Piece } from "../lib/serve/answer.ts";
import { largest, logSumExp, type TokenLogprob, tokenLogprob } from "../lib/serve/logprobs.ts";
import { withTinyModel } from "./oracles/tiny_server.ts";

const bytes = new TextDecoder();
/** Ids are bytes. */
const decode = (ids: number[]) => bytes.decode(Uint8Array.from(ids));
const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const mark = (id: number): TokenLogprob => ({
  token: String(id),
  logprob: -id,
  bytes: [id],
  top_logprobs: [],
});

/** Pushes ids until the answer has ended; what came out. */
function run(ids: number[], stop: string[] = []) {
  const pieces: Piece[] = [];
  const answer = new Answer({ decode, stop, onPiece: (piece) => pieces.push(piece) });
  const ended = ids.some((id) => answer.push(id, mark(id)));
  if (!ended) answer.end();
  return {
    ended,
    pieces: pieces.map((piece) => piece.content),
    text: pieces.map((piece) => piece.content).join(""),
    ids: pieces.flatMap((piece) => piece.logprobs.map((entry) => entry.bytes[0])),
  };
}

Deno.test("Answer gives each character once it is whole", () => {
  const { pieces, text, ids } = run(utf8("a€𝄞b"));
  assert.deepEqual(pieces, ["a", "€", "𝄞", "b"]);
  assert.equal(text, "a€𝄞b");
  assert.deepEqual(ids, utf8("a€𝄞b"));
  assert.deepEqual(run([...utf8("a"), 0xe2, 0x82]).pieces, ["a", "\uFFFD"]); // cut off inside a character
  assert.deepEqual(run([0xff, ...utf8("b")]).text, "\uFFFDb");
});

Deno.test("Answer holds back what may begin a stop string and ends before it", () => {
  const held = run(utf8("say END now"), ["END!", "nowhere"]);
  assert.deepEqual([held.ended, held.text], [false, "say END now"]);
  assert.ok(!held.pieces.some((piece) => /^E$|^EN$/.test(piece)), held.pieces.join("|"));
  const cut = run(utf8("say END! now"), ["END!", "nowhere"]);
  assert.deepEqual([cut.ended, cut.text], [true, "say "]);
  assert.deepEqual(cut.ids, utf8("say "));
  assert.equal(run(utf8("aab"), ["aab", "ab"]).text, "");
  assert.equal(run(utf8("xab"), ["ab", "xab"]).text, ""); // of two that end together the one that begins first
});

Deno.test("Answer's pieces add up to the text before the first stop string, for any ids", () => {
  const random = stream(4, "answers"), alphabet = [...utf8("ab€ "), 0xe2, 0xf0, 0x9d];
  for (let i = 0; i < 400; i++) {
    const ids = random.ints(12, alphabet.length, 20 * i).map((j) => alphabet[j]);
    const stop = i % 2 ? ["ab", "a€", "b  b"] : [];
    const { text, ids: given, ended } = run(ids, stop);
    const whole = decode(ids), first = Math.min(...stop.map((s) => whole.indexOf(s)).filter((at) => at >= 0));
    assert.equal(text, whole.slice(0, first), JSON.stringify([ids, stop]));
    assert.deepEqual(given, ids.slice(0, given.length));
    if (!ended) assert.deepEqual(given, ids);
    else assert.ok(decode(given).startsWith(text));
  }
});

Deno.test("logSumExp() and largest() are those of sorting and adding", () => {
  const random = stream(5, "logits");
  const logits = Float32Array.from({ length: 500 }, (_, i) => Math.round(20 * random.normal(i)) / 10);
  const sorted = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
  for (const n of [0, 1, 5, 20, 500]) assert.deepEqual(largest(logits, n), sorted.slice(0, n));
  const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
  assert.ok(Math.abs(logSumExp(logits) - total) < 1e-12);
  assert.ok(Math.abs(logSumExp(logits.map((x) => x + 1000)) - 1000 - total) < 1e-3);
});

Deno.test("tokenLogprob() writes tokens as OpenAI does, with their bytes", () =>
  withTinyModel(({ tokenizer }) => {
    const logits = new Float32Array(tokenizer.vocabSize).fill(-1e9);
    const id = (byte: number) =>
      [...logits.keys()].find((id) => id > 2 && tokenizer.bytesOf(id)[0] === byte)!;
    logits[id(0xe2)] = logits[2] = logits[id(10)] = 0;
    const entry = tokenLogprob(tokenizer, logits, id(0xe2), 4);
    const third = -Math.log(3);
    assert.deepEqual([entry.token, entry.bytes], ["bytes:\\xe2", [0xe2]]);
    assert.deepEqual(
      entry.top_logprobs.slice(0, 3).map(({ token, bytes }) => [token, bytes]),
      [["<|im_end|>", utf8("<|im_end|>")], ["\n", [10]], ["bytes:\\xe2", [0xe2]]],
    );
    for (const { logprob } of entry.top_logprobs.slice(0, 3)) assert.ok(Math.abs(logprob - third) < 1e-12);
    assert.equal(entry.top_logprobs[3].logprob, -9999);
    return Promise.resolve();
  }));

Deno.test("bytesOf() of the ids of a text are its bytes", async () => {
  const { tokenizer, weights } = await openModel();
  weights.close();
  const text = "Naïve café — 12 € for 𝄞?\n\t<|im_end|> ok";
  const ids = tokenizer.encode(text);
  assert.deepEqual(ids.flatMap((id) => [...tokenizer.bytesOf(id)]), utf8(text));
  assert.ok(ids.includes(2) && tokenizer.specials.includes("<|im_end|>"));
});
