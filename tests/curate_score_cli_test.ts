// `ual data score` and the selection after it: a judge on loopback, embeddings of a tiny model, the pick without either.
import assert from "node:assert/strict";
import { join } from "node:path";
import { embedDialogues } from "../lib/curate/embeddings.ts";
import { readEmbeddings } from "../lib/curate/embeddings_file.ts";
import type { Example } from "../lib/data/example.ts";
import { besideJudge, type JudgeCall } from "./oracles/loopback_judge.ts";
import { withTinyModel } from "./oracles/tiny_server.ts";
import { ual } from "./oracles/ual.ts";

const words = ["tar", "gzip", "zip", "bzip", "lzma", "zstd", "brotli", "snappy"];
const examples: Example[] = words.map((word, i) => ({
  id: word,
  turns: [{ role: "user", content: `What is ${word}, number ${i}?` }, {
    role: "assistant",
    content: `${word} is a format. `.repeat(1 + i),
  }],
}));
const lines = examples.map(({ id, turns }) => JSON.stringify({ id, messages: turns }) + "\n").join("");

Deno.test("embedDialogues() gives each dialogue a vector that does not depend on its neighbours", () =>
  withTinyModel(async (model) => {
    const all = await embedDialogues(model, examples, { context: 512 });
    assert.deepEqual([...all.keys()], words);
    const alone = await embedDialogues(model, [examples[3]], { context: 512 });
    const [a, b] = [all.get("bzip")!, alone.get("bzip")!];
    assert.equal(a.length, model.config.hiddenSize);
    a.forEach((x, d) => assert.ok(Math.abs(x - b[d]) < 1e-5 * (1 + Math.abs(x)), `${x} ${b[d]}`));
  }));

Deno.test("ual data score asks the judge and embeds; ual data select --deita picks by both, without either", () =>
  withTinyModel(async (_model, folder) => {
    await Deno.writeTextFile(join(folder, "d.jsonl"), lines);
    const script = ({ body }: JudgeCall) => {
      const [, i] = /number (\d+)\?/.exec(body.messages[1].content)!;
      return i === "7" ? { answer: "no idea" } : { answer: String(1 + Number(i) % 6) };
    };
    await besideJudge(script, async (judge) => {
      const args =
        `data score d.jsonl --out s.jsonl --embeddings e.jsonl --model tiny --base-url ${judge.baseUrl} --model-name judge-1 --key-env JUDGE_KEY --context 512 --json`
          .split(" ");
      const { code, stdout, stderr } = await ual(args, folder, { JUDGE_KEY: "sk-secretsecret" });
      assert.equal(code, 0, stderr);
      const json = JSON.parse(stdout);
      assert.deepEqual([json.count, json.scored, json.failures.map(({ id }: { id: string }) => id)], [8, 7, [
        "snappy",
      ]]);
      assert.match(json.failures[0].failed, /malformed twice: "no idea"/);
      assert.match(stderr, /data score: /);
      assert.equal((await readEmbeddings(join(folder, "e.jsonl"))).size, 8);
      const scored = (await Deno.readTextFile(join(folder, "s.jsonl"))).trim().split("\n").map((line) =>
        JSON.parse(line)
      );
      assert.deepEqual(scored[1].scores, { complexity: [2], quality: [2] });
      assert.equal(scored[7].scores, undefined);
      const report = JSON.parse(await Deno.readTextFile(join(folder, "s.report.json")));
      assert.deepEqual([report.judge, report.scored, Object.keys(report.prompts)], ["judge-1", 7, [
        "complexity",
        "quality",
      ]]);
      const calls = judge.calls.length;
      assert.equal((await ual(args, folder, { JUDGE_KEY: "sk-secretsecret" })).code, 0);
      assert.equal(judge.calls.length, calls, "all answers are in the ledger");
      const found = await new Deno.Command("grep", { args: ["-rl", "sk-secret", folder] }).output();
      assert.equal(found.code, 1, "a file holds the key");
    });
    const select = "data select s.jsonl --deita 3 --embeddings e.jsonl --redundancy 1 --out o.jsonl --json"
      .split(" ");
    const picked = await ual(select, folder);
    assert.equal(picked.code, 0, picked.stderr);
    const out = (await Deno.readTextFile(join(folder, "o.jsonl"))).trim().split("\n").map((line) =>
      JSON.parse(line).id
    );
    assert.deepEqual(out, ["zstd", "lzma", "bzip"]);
    const { dropped } = JSON.parse(picked.stdout).steps[0];
    assert.deepEqual(dropped.find(({ id }: { id: string }) => id === "snappy"), {
      id: "snappy",
      why: "no scores",
    });
    const none = await ual(["data", "score", "d.jsonl"], folder);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /give --out for a judge's scores, --embeddings, or both/);
  }));
