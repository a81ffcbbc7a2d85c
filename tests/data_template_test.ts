// lib/data/template.ts, and the templates by name: their texts written out by hand, and where the answers stand in them.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Turn } from "../lib/data/example.ts";
import { readTemplate, TEMPLATES } from "../lib/data/named_template.ts";
import { renderChat, renderExample } from "../lib/data/template.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";
import { peers, runPeer } from "./peers.ts";

const CHATML = Deno.readTextFileSync(join(import.meta.dirname!, "../data/templates/chatml.jinja"));

/** SmolLM2's own: a default system turn, a newline after every turn. */
const SMOLLM = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}" +
  "{{ '<|im_start|>system\nBe kind<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + " +
  "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** As Llama 2's: no generation prompt, contents stripped, complaints about roles. */
const INST = `{% for message in messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('roles must alternate') }}
    {% endif %}
    {%- if message['role'] == 'user' %}
        {{- bos_token + '[INST] ' + message['content'].strip() + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message['content'].strip() + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}
`;

const talk: Turn[] = [
  { role: "user", content: " Hi {{ x }}\n" },
  { role: "assistant", content: "Hello!\n\n" },
  { role: "user", content: "Bye" },
  { role: "assistant", content: " Bye." },
];

const answers = (template: string, turns: Turn[], options = {}) => {
  const { text, spans } = renderExample(template, turns, options);
  return { text, answers: spans.map(({ start, end }) => text.slice(start, end)) };
};

Deno.test("renderChat() writes literal ChatML", () => {
  const first = "<|im_start|>user\n Hi {{ x }}\n<|im_end|>\n<|im_start|>assistant\n";
  assert.equal(renderChat(CHATML, talk.slice(0, 1), { addGenerationPrompt: true }), first);
  assert.equal(renderChat(CHATML, talk.slice(0, 2)), `${first}Hello!\n\n<|im_end|>`);
  assert.equal(
    renderChat(CHATML, [{ role: "system", content: "S" }, ...talk]),
    `<|im_start|>system\nS<|im_end|>\n${first}Hello!\n\n<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n` +
      "<|im_start|>assistant\n Bye.<|im_end|>",
  );
});

Deno.test("renderExample() finds every answer with its end of turn", () => {
  assert.deepEqual(answers(CHATML, talk).answers, ["Hello!\n\n<|im_end|>", " Bye.<|im_end|>"]);
  const { text, answers: found } = answers(SMOLLM, talk);
  assert.ok(text.startsWith("<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\n"));
  assert.deepEqual(found, ["Hello!\n\n<|im_end|>", " Bye.<|im_end|>"]);
  const inst = answers(INST, talk, { bosToken: "<s>", eosToken: "</s>" });
  assert.equal(inst.text, "<s>[INST] Hi {{ x }} [/INST] Hello! </s><s>[INST] Bye [/INST] Bye. </s>");
  assert.deepEqual(inst.answers, [" Hello! </s>", " Bye. </s>"]);
});

Deno.test("renderExample() keeps the white space that belongs to an answer", () => {
  const bare = "{% for m in messages %}{{ m.content }}{% if m.role == 'user' %}\n{% endif %}{% endfor %}";
  const turns: Turn[] = [{ role: "user", content: "Q" }, { role: "assistant", content: "A \n" }];
  assert.deepEqual(answers(bare, turns).answers, ["A \n"]);
  assert.deepEqual(answers(bare + "{{ '\n\n' }}", turns.slice(0, 1)).answers, []);
  const empty: Turn[] = [{ role: "user", content: "Q" }, { role: "assistant", content: "" }];
  assert.deepEqual(answers(SMOLLM, empty).answers, ["<|im_end|>"]);
});

Deno.test("renderExample() refuses a template that rewrites earlier turns", () => {
  const counting = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}";
  assert.throws(() => renderExample(counting, talk), (error) => {
    assert.ok(error instanceof InputError);
    assert.match(
      error.message,
      /^Cannot find the answer of turn 2: the chat template writes the turns before/,
    );
    return true;
  });
});

Deno.test("renderChat() says what is wrong with a template", () => {
  const message = (template: string, turns = talk) => {
    try {
      renderChat(template, turns);
    } catch (error) {
      assert.ok(error instanceof InputError, String(error));
      return error.message;
    }
    assert.fail("no error");
  };
  assert.match(message("{% for m in messages %}"), /^Cannot use the chat template: .*; correct the Jinja$/);
  assert.match(message(" "), /the chat template is empty/);
  assert.match(
    message("{{ nonsense() }}"),
    /^Cannot render a dialogue \(user, assistant, user, assistant\) with/,
  );
  assert.match(message(INST, talk.slice(1)), /roles must alternate/);
});

const twoTurns: Turn[] = [
  { role: "user", content: "Name a colour." },
  { role: "assistant", content: "Blue." },
  { role: "user", content: "Another?" },
  { role: "assistant", content: "Green,\nor red. " },
];
const system: Turn = { role: "system", content: "Be brief." };
const tokens = { bosToken: "<s>", eosToken: "</s>" };

const ALPACA =
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.";
const VICUNA = "A chat between a curious user and an artificial intelligence assistant. " +
  "The assistant gives helpful, detailed, and polite answers to the user's questions.";

/** Name → what twoTurns gives with and without a system turn, the same with one exchange and a prompt's end, the answers. */
const NAMED: Record<string, { plain: string; withSystem: string; prompt: string; answers: string[] }> = {
  lima: {
    plain: "<s>\n### User: Name a colour.\n\n### Assistant: Blue.</s>" +
      "<s>\n### User: Another?\n\n### Assistant: Green,\nor red. </s>",
    withSystem: "<s>Be brief.\n\n### User: Name a colour.\n\n### Assistant: Blue.</s>" +
      "<s>\n### User: Another?\n\n### Assistant: Green,\nor red. </s>",
    prompt: "<s>\n### User: Name a colour.\n\n### Assistant: ",
    answers: ["Blue.</s>", "Green,\nor red. </s>"],
  },
  alpaca: {
    plain: `<s>${ALPACA}\n\n### Instruction:\nName a colour.\n\n### Response:Blue.</s>` +
      "\n\n### Instruction:\nAnother?\n\n### Response:Green,\nor red. </s>",
    withSystem: "<s>Be brief.\n\n### Instruction:\nName a colour.\n\n### Response:Blue.</s>" +
      "\n\n### Instruction:\nAnother?\n\n### Response:Green,\nor red. </s>",
    prompt: `<s>${ALPACA}\n\n### Instruction:\nName a colour.\n\n### Response:`,
    answers: ["Blue.</s>", "Green,\nor red. </s>"],
  },
  vicuna: {
    plain: `<s>${VICUNA} USER: Name a colour. ASSISTANT: Blue.</s>` +
      "USER: Another? ASSISTANT: Green,\nor red. </s>",
    withSystem: "<s>Be brief. USER: Name a colour. ASSISTANT: Blue.</s>" +
      "USER: Another? ASSISTANT: Green,\nor red. </s>",
    prompt: `<s>${VICUNA} USER: Name a colour. ASSISTANT:`,
    answers: [" Blue.</s>", " Green,\nor red. </s>"],
  },
};

Deno.test("the named templates write their formats, and every answer of several turns is found", async (t) => {
  for (const [name, wanted] of Object.entries(NAMED)) {
    await t.step(name, async () => {
      const template = await readTemplate(name);
      assert.deepEqual(answers(template, twoTurns, tokens), { text: wanted.plain, answers: wanted.answers });
      const told = answers(template, [system, ...twoTurns], tokens);
      assert.deepEqual(told, { text: wanted.withSystem, answers: wanted.answers });
      const prompt = renderChat(template, twoTurns.slice(0, 1), { ...tokens, addGenerationPrompt: true });
      assert.equal(prompt, wanted.prompt);
    });
  }
  assert.deepEqual(Object.keys(NAMED), TEMPLATES.filter((name) => name !== "chatml"));
});

Deno.test("readTemplate() takes names, files, and says what there is", () =>
  inFolder(async (folder) => {
    assert.equal(await readTemplate("chatml"), CHATML);
    await Deno.writeTextFile(join(folder, "lima"), "{{ messages[0].content }}");
    assert.equal(await readTemplate(join(folder, "lima")), "{{ messages[0].content }}");
    await assert.rejects(
      readTemplate(join(folder, "none.jinja")),
      /^InputError: Cannot read the chat template .*; give a .jinja file, or one of chatml, lima, alpaca, vicuna$/,
    );
  }));

Deno.test({
  name: "the named templates read the same under transformers' Jinja",
  ignore: !peers,
  fn: async () => {
    const templates: Record<string, string> = {};
    for (const name of TEMPLATES) templates[name] = await readTemplate(name);
    const dialogues = [twoTurns, [system, ...twoTurns], twoTurns.slice(0, 1), talk];
    const rendered = await runPeer<Record<string, string[]>>(
      `import json, sys
from transformers.utils.chat_template_utils import _compile_jinja_template as compiled
templates, dialogues = json.loads(sys.argv[1])
render = lambda text, turns: compiled(text).render(messages=turns, add_generation_prompt=turns[-1]["role"] == "user", bos_token="<s>", eos_token="</s>")
print(json.dumps({name: [render(text, turns) for turns in dialogues] for name, text in templates.items()}))`,
      JSON.stringify([templates, dialogues]),
    );
    for (const [name, template] of Object.entries(templates)) {
      const own = dialogues.map((turns) =>
        renderChat(template, turns, { ...tokens, addGenerationPrompt: turns.at(-1)!.role === "user" })
      );
      assert.deepEqual(own, rendered[name], name);
    }
  },
});
