// lib/model/encode.ts: ids and masks of dialogues, against the peer's stored ones and a plain loop over characters.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Turn } from "../lib/data/example.ts";
import { encodeExample } from "../lib/model/encode.ts";
import { type Model, openModel } from "../lib/model/open_model.ts";
import { createTokenizer } from "../lib/model/tokenizer.ts";
import { InputError } from "../lib/run/errors.ts";
import { mirror } from "./mirror.ts";

const CHATML = Deno.readTextFileSync(join(import.meta.dirname!, "../data/templates/chatml.jinja"));
let opened: Promise<Model> | undefined;

/** The default model, its weights closed. */
function smollm(): Promise<Model> {
  return opened ??= openModel().then((model) => {
    model.weights.close();
    return model;
  });
}

const talk: Turn[] = [
  { role: "user", content: "Name 12 colours." },
  { role: "assistant", content: "Red, blue …\n" },
  { role: "user", content: "That is two" },
  { role: "assistant", content: "So it is. " },
];

Deno.test("encodeExample() matches the peer's ids, prompt lengths and targets of 16 LIMA dialogues", async () => {
  const parity = mirror("parity"), data = mirror("data");
  if (!parity || !data) return;
  const { tokenizer, chatTemplate } = await smollm();
  const stored = JSON.parse(await Deno.readTextFile(join(parity, "peft/tokens.json")));
  const lima = JSON.parse(await Deno.readTextFile(join(data, "lima/lima.json")));
  for (const example of stored.examples) {
    const { instruction, output } = lima[example.lima_index];
    const turns: Turn[] = [{ role: "user", content: instruction }, { role: "assistant", content: output }];
    const ours = encodeExample(tokenizer, CHATML, { turns }, { context: 256, supervise: "response" });
    assert.deepEqual([...ours.ids], example.ids);
    assert.equal(ours.promptLength, example.prompt_len);
    assert.equal(ours.fullLength, example.full_len);
    const [first, last] = example.targets_response;
    assert.deepEqual(
      [...ours.supervised],
      example.ids.map((_: number, i: number) => Number(i >= first && i < last)),
    );
    const all = encodeExample(tokenizer, CHATML, { turns }, { context: 256, supervise: "all" });
    assert.deepEqual(all.ids, ours.ids);
    assert.deepEqual([...all.supervised], example.ids.map((_: number, i: number) => Number(i >= 1)));
    const own = encodeExample(tokenizer, chatTemplate, { turns }, { context: 256, supervise: "response" });
    assert.deepEqual([...own.ids], example.template_ids);
    assert.equal(own.promptLength, example.template_prompt_len);
    assert.equal(own.fullLength, example.template_full_len);
    const whole = encodeExample(tokenizer, chatTemplate, { turns }, { context: 8192, supervise: "response" });
    assert.deepEqual([...whole.ids.slice(-2)], [2, 198]);
    assert.deepEqual(
      [...whole.supervised.slice(-2)],
      [1, 0],
      "the end of turn is learnt, the newline behind it is not",
    );
  }
});

Deno.test("encodeExample() supervises every answer of a dialogue with its end of turn", async () => {
  const { tokenizer, chatTemplate } = await smollm();
  for (const template of [CHATML, chatTemplate]) {
    const { ids, supervised, promptLength, fullLength } = encodeExample(
      tokenizer,
      template,
      { turns: talk },
      {
        context: 1000,
        supervise: "response",
      },
    );
    const runs: string[] = [];
    ids.forEach((id, i) => {
      if (!supervised[i]) return;
      if (!supervised[i - 1]) runs.push("");
      runs[runs.length - 1] += tokenizer.decode([id]).replace("\ufffd", "?");
    });
    assert.deepEqual(runs.map((run) => run.replace(/\?+/g, "…")), [
      "Red, blue …\n<|im_end|>",
      "So it is. <|im_end|>",
    ]);
    assert.equal(promptLength, supervised.indexOf(1));
    assert.equal(fullLength, ids.length);
  }
});

Deno.test("encodeExample() cuts at the context", async () => {
  const { tokenizer } = await smollm();
  const encode = (context: number) =>
    encodeExample(tokenizer, CHATML, { turns: talk }, { context, supervise: "response" });
  const whole = encode(1000);
  for (const context of [2, whole.promptLength, whole.promptLength + 3]) {
    const cut = encode(context);
    assert.deepEqual(cut.ids, whole.ids.slice(0, context));
    assert.deepEqual(cut.supervised, whole.supervised.slice(0, context));
    assert.equal(cut.promptLength, whole.promptLength);
    assert.equal(cut.fullLength, whole.ids.length);
  }
  for (const context of [1, 0, NaN, 2.5]) assert.throws(() => encode(context), InputError);
});

Deno.test("encodeExample() counts a token across the boundary to the answer", () => {
  const letters = "abcd:";
  const vocab = Object.fromEntries([...letters, "bc", "bcd", "ab"].map((token, id) => [token, id]));
  const tokenizer = createTokenizer(
    {
      version: "1.0",
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false },
      post_processor: null,
      decoder: { type: "ByteLevel" },
      model: { type: "BPE", vocab, merges: ["b c", "bc d", "a b"], unk_token: null },
    },
    {},
    "test",
  );
  const template = "{% for m in messages %}{{ m.content }}{% endfor %}";
  const encode = (user: string, assistant: string, end = "") =>
    encodeExample(
      tokenizer,
      template + end,
      { turns: [{ role: "user", content: user }, { role: "assistant", content: assistant }] },
      { context: 99, supervise: "response" },
    );
  const tokens = (ids: Int32Array) => Array.from(ids, tokenizer.tokenOf);
  const straddling = encode(":ab", "c:"); // alone the prompt is ":", "ab"; here "b" joins the answer's "c"
  assert.deepEqual(tokens(straddling.ids), [":", "a", "bc", ":"]);
  assert.deepEqual([...straddling.supervised], [0, 0, 1, 1]);
  assert.equal(straddling.promptLength, 2);
  const clean = encode(":ab", ":d");
  assert.deepEqual(tokens(clean.ids), [":", "ab", ":", "d"]);
  assert.deepEqual([...clean.supervised], [0, 0, 1, 1]);
  const only = encode("", "ab");
  assert.deepEqual([...only.supervised], [0], "the first token has nothing to be predicted from");
});
