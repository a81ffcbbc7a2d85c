// lib/data/layouts.ts: a row of each public layout, in our own words, and what is refused of it.
import assert from "node:assert/strict";
import type { Turn } from "../lib/data/example.ts";
import { type DataLayout, detectLayout, draftOf } from "../lib/data/layouts.ts";
import { RowFault } from "../lib/data/row.ts";

/** "u:Hello" → a user's turn, and so on. */
const turns = (...texts: string[]): Turn[] =>
  texts.map((text) => ({
    role: ({ u: "user", a: "assistant", s: "system" } as const)[text[0] as "u" | "a" | "s"],
    content: text.slice(2),
  }));

// deno-fmt-ignore
const ROWS: [DataLayout, string, object][] = [
  ["ours", '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "id": "x"}',
    { id: "x", turns: turns("u:Hi", "a:Hello.") }],
  ["ours", '{"prompt": "Hi", "response": "Hello.", "uncertainty": 40}', { turns: turns("u:Hi", "a:Hello."), uncertainty: 40 }],
  ["lima", '{"conversations": ["Why is tar black?", "It holds much carbon.", "Thanks, and pitch?", "The same."], "source": "multi_turn"}',
    { source: "multi_turn", turns: turns("u:Why is tar black?", "a:It holds much carbon.", "u:Thanks, and pitch?", "a:The same.") }],
  ["lima", '{"instruction": "And pitch?", "input": "", "output": "The same.", "history": [["Why is tar black?", "It holds much carbon."]]}',
    { turns: turns("u:Why is tar black?", "a:It holds much carbon.", "u:And pitch?", "a:The same.") }],
  ["lima", '{"instruction": "And pitch?", "input": "", "output": "The same.", "history": []}', { turns: turns("u:And pitch?", "a:The same.") }],
  ["alpaca", '{"instruction": "Find the verbs.", "input": "Tar sticks.", "output": "sticks"}', { turns: turns("u:Find the verbs.\n\nTar sticks.", "a:sticks") }],
  ["alpaca", '{"instruction": "Greet.", "input": "", "output": "Hello."}', { turns: turns("u:Greet.", "a:Hello.") }],
  ["alpaca", '{"instruction": "Greet.", "output": "Hello.", "system": "Be brief."}', { turns: turns("s:Be brief.", "u:Greet.", "a:Hello.") }],
  ["alpaca", '{"instruction": "Greet.", "input": null, "output": ""}', { turns: turns("u:Greet.", "a:") }],
  ["dolly", '{"instruction": "Who won?", "context": "Ann beat Bo.", "response": "Ann.", "category": "closed_qa"}',
    { category: "closed_qa", turns: turns("u:Who won?\n\nAnn beat Bo.", "a:Ann.") }],
  ["dolly", '{"instruction": "Who won?", "category": "closed_qa", "input": "Ann beat Bo.", "output": "Ann."}',
    { category: "closed_qa", turns: turns("u:Who won?\n\nAnn beat Bo.", "a:Ann.") }],
  ["sharegpt", '{"id": "k_0", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}',
    { id: "k_0", turns: turns("u:Hi", "a:Hello.") }],
  ["sharegpt", '{"id": 7, "conversations": [{"from": "system", "value": "Be brief."}, {"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello."}]}',
    { id: "7", turns: turns("s:Be brief.", "u:Hi", "a:Hello.") }],
  ["ultrachat", '{"prompt": "Hi", "prompt_id": "ab12", "messages": [{"content": "Hi", "role": "user"}, {"content": "Hello.", "role": "assistant"}]}',
    { id: "ab12", turns: turns("u:Hi", "a:Hello.") }],
  ["ultrachat", '{"id": "3", "data": ["Hi", "Hello.", "Bye", "Bye."]}', { id: "3", turns: turns("u:Hi", "a:Hello.", "u:Bye", "a:Bye.") }],
  ["deita", '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}], "complexity_scores": [2.5], "quality_scores": [4]}',
    { scores: { complexity: [2.5], quality: [4] }, turns: turns("u:Hi", "a:Hello.") }],
  ["deita", '{"conversations": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello."}], "complexity_score": 2.5, "quality_score": 4}',
    { scores: { complexity: [2.5], quality: [4] }, turns: turns("u:Hi", "a:Hello.") }],
  ["qa", '{"question": "2 + 2?", "answer": "It is 4.\\n#### 4"}', { turns: turns("u:2 + 2?", "a:It is 4.\n#### 4") }],
  ["qa", '{"query": "2 + 2?", "response": "4", "type": "sum"}', { turns: turns("u:2 + 2?", "a:4") }],
];

Deno.test("detectLayout() and draftOf() know a row of each layout", () => {
  for (const [layout, row, wanted] of ROWS) {
    const value = JSON.parse(row);
    assert.equal(detectLayout(value), layout, row);
    assert.deepEqual(draftOf(value, layout), wanted, row);
  }
});

const human = { from: "human", value: "Hi" }, gpt = { from: "gpt", value: "Hello." };

// deno-fmt-ignore
const REFUSED: [DataLayout, unknown, RegExp][] = [
  ["alpaca", null, /^it is null, not a JSON object; give an object/],
  ["alpaca", ["x"], /^it is \["x"\], not a JSON object/],
  ["alpaca", { instruction: "x", output: null }, /^output is null; write \{"instruction"/],
  ["alpaca", { instruction: "x" }, /^output is missing; write/],
  ["alpaca", { instruction: 3, output: "x" }, /^instruction is 3; write/],
  ["alpaca", { instruction: "x", input: ["y"], output: "z" }, /^input is \["y"\]; write/],
  ["lima", { conversations: ["only a question"] }, /^its last turn is the user's; end each dialogue/],
  ["lima", { conversations: [] }, /^conversations is \[\]; write \{"conversations":\["…"/],
  ["lima", { conversations: ["Hi", null] }, /^conversations.1 is null/],
  ["lima", { instruction: "x", output: "y", history: [["a"]] }, /^history.0 is \["a"\]/],
  ["lima", { instruction: "x", output: "y", history: "a" }, /^history is "a"/],
  ["dolly", { instruction: "x", response: 4 }, /^response is 4; write \{"instruction":"…","context"/],
  ["sharegpt", { conversations: [human] }, /^its last turn is the user's/],
  ["sharegpt", { conversations: [human, { from: "tool", value: "x" }] }, /^conversations.1.from is "tool"; use one of human, user, gpt/],
  ["sharegpt", { conversations: [human, { from: "toString", value: "x" }] }, /^conversations.1.from is "toString"/],
  ["sharegpt", { conversations: [human, { from: "gpt" }] }, /^conversations.1.value is missing; write/],
  ["sharegpt", { conversations: [human, null] }, /^conversations.1.from is missing/],
  ["sharegpt", { conversations: [human, { from: "gpt", value: "a\ud800" }] }, /^conversations.1.value is .*half of a surrogate pair\); save/],
  ["sharegpt", { id: {}, conversations: [human, gpt] }, /^id is \{\}; give a text, or leave id out/],
  ["sharegpt", { id: 1.5, conversations: [human, gpt] }, /^id is 1.5/],
  ["sharegpt", { uncertainty: 100, conversations: [human, gpt] }, /^uncertainty is 100; give a number from 0 to 99/],
  ["ultrachat", { messages: [{ role: "human", content: "x" }] }, /^messages.0.role is "human"/],
  ["ultrachat", { data: ["Hi"] }, /^its last turn is the user's/],
  ["deita", { conversations: [human, gpt], quality_score: 4 }, /^complexity_scores is missing; give a number/],
  ["deita", { conversations: [human, gpt], quality_score: 4, complexity_score: "high" }, /^complexity_score is "high"/],
  ["qa", { question: "x" }, /^answer is missing; write/],
];

Deno.test("draftOf() names field and remedy of what it refuses", () => {
  for (const [layout, value, message] of REFUSED) {
    assert.throws(() => draftOf(value, layout), (error) => {
      assert.ok(error instanceof RowFault, String((error as Error).stack));
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("detectLayout() knows none where fields are of none", () => {
  for (const row of [{}, { text: "x" }, { instruction: "x" }, { conversations: "x" }, { data: "x" }]) {
    assert.equal(detectLayout(row), undefined, JSON.stringify(row));
  }
});
