// lib/evaluate/harness/yaml.ts against what PyYAML reads in our own file, and on the prompts of the installed packages.
import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { harnessTaskFile, packageFile } from "../lib/evaluate/harness/harness_package.ts";
import { mmlu, MMLU_SUBJECTS } from "../lib/evaluate/tasks/mmlu.ts";
import { truthfulqaPairs } from "../lib/evaluate/tasks/truthfulqa.ts";
import { parseYaml } from "../lib/evaluate/harness/yaml.ts";
import { sha256Hex } from "../lib/run/files.ts";

const folder = join(import.meta.dirname!, "parity/pyyaml");

Deno.test("parseYaml() reads what PyYAML reads", async () => {
  const { value } = JSON.parse(await Deno.readTextFile(join(folder, "expected.json")));
  const text = await Deno.readTextFile(join(folder, "cases.yaml.txt"));
  deepEqual(parseYaml(text), value);
  deepEqual(parseYaml(text.replaceAll("\n", "\r\n")), value);
});

Deno.test("parseYaml() names the line that it does not know", () => {
  throws(() => parseYaml("a: 1\nb: |\n  text\n"), {
    name: "SyntaxError",
    message: "Cannot read YAML: line 2 begins a value with |, which this reader does not know",
  });
  throws(() => parseYaml('a: "never\nclosed\n'), /a " is still open/);
  throws(() => parseYaml("a: 1\nno key\n"), /line 2 is no key/);
  throws(() => parseYaml("  a: 1\nb: 2\n"), /line 2 is indented as nothing above it/);
});

Deno.test("truthfulqaPairs() reads the six pairs of the harness's package", async () => {
  const pairs = await truthfulqaPairs();
  // of the text that PyYAML and jinja make of it
  equal(sha256Hex(pairs), "777b9a5a32e83c1b225be2a7bf1ae7efc9de4c706047f08af14ef1450d5c016c");
  equal(pairs.split("\n\n").length, 7);
});

Deno.test("MMLU's subjects, groups and first lines are those of the harness's package", async () => {
  equal(mmlu.length, 57);
  for (const { name, subgroup, description } of mmlu) {
    const file = parseYaml(await harnessTaskFile(`mmlu/default/${name}.yaml`)) as Record<string, string>;
    deepEqual([file.task, file.tag, file.description], [
      name,
      `mmlu_${subgroup}_tasks`,
      await description!(),
    ]);
  }
  const counts = Object.values(MMLU_SUBJECTS).map((subjects) => subjects.length);
  deepEqual(counts, [19, 13, 12, 13]);
});

Deno.test("packageFile() says what to do where a file is missing", async () => {
  await rejects(packageFile("lm_eval", "tasks/none.yaml"), {
    name: "InputError",
    message:
      "Cannot read tasks/none.yaml of the Python package lm_eval: it is not in .venv; run `deno task setup`",
  });
  await rejects(packageFile("lm_eval", "../alpaca_eval/main.py"), /outside the package/);
});
