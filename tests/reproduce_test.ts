// `reproduce --preset quick` for real, twice: figures, notebooks and pages are there, and the second run, which computes
// nothing again, leaves the same bytes.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { root } from "../tools/setup.ts";
import { readNotebook } from "../tools/notebook_file.ts";
import { inFolder } from "./folder.ts";

const NOTEBOOKS = [
  "00_overview",
  "01_elicit",
  "02_map",
  "03_train",
  "04_evaluate",
  "05_cluster",
  "06_ablate",
  "07_your_own_data",
];
const FIGURES = [
  "agreement",
  "calibration",
  "case_study",
  "checkpoints",
  "clusters",
  "correlations",
  "differences",
  "entropy_mix",
  "judged",
  "layers",
  "mapping",
  "mappings",
  "perplexity",
  "radar",
  "ratings",
  "scores",
  "silhouettes",
  "smoothing_means",
  "table2",
  "table3",
  "table4",
  "table5",
  "terciles",
  "training",
];

/** What stands in a figure's files. */
const TYPES = ["csv", "dark.svg", "json", "png", "svg"];

async function reproduce(out: string): Promise<void> {
  const args = ["run", "-A", "tools/reproduce.ts", "--preset", "quick"];
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { UAL_OUT: out, NO_COLOR: "1" },
  });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  ok(success, text);
  match(text, /all stages: \d/);
}

/** Every file under `folder` but those that hold times, as path → content. */
async function contents(folder: string, path = ""): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for await (const { name, isDirectory } of Deno.readDir(join(folder, path))) {
    const inner = join(path, name);
    if (isDirectory) { for (const [key, value] of await contents(folder, inner)) found.set(key, value); }
    else found.set(inner, await Deno.readFile(join(folder, inner)));
  }
  return found;
}

async function checkNotebook(path: string): Promise<void> {
  const silent = ["parameters", "injected-parameters"];
  const cells = (await readNotebook(path)).cells.filter(({ cell_type, id }) =>
    cell_type === "code" && !silent.includes(id)
  );
  ok(cells.length > 4);
  for (const { id, outputs } of cells) {
    ok(outputs.length > 0, `${path}: cell ${id} shows nothing`);
    const types = new Set(outputs.map((output) => output.output_type));
    deepEqual([...types], ["display_data"], `${path}: cell ${id}`);
  }
}

Deno.test("reproduce --preset quick makes figures and notebooks, and the same bytes a second time", () =>
  inFolder(async (out) => {
    await reproduce(out);
    const first = await contents(out);
    deepEqual(
      [...first.keys()].filter((path) => path.startsWith("figures/")).sort(),
      [
        ...FIGURES.flatMap((name) => TYPES.map((type) => `${name}.${type}`)),
        ...[...FIGURES, "provenance"].map((name) => `tables/${name}.json`),
        "report.html",
      ].map((path) => `figures/quick/${path}`).sort(),
    );
    const figure = (path: string) => first.get(`figures/quick/${path}`)!;
    for (const name of FIGURES) {
      deepEqual([...figure(`${name}.png`).slice(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
      match(new TextDecoder().decode(figure(`${name}.svg`)), /^<svg [\s\S]*<\/svg>\s*$/);
      ok(JSON.parse(new TextDecoder().decode(figure(`${name}.json`))).data.length > 0);
    }
    for (const name of NOTEBOOKS) {
      await checkNotebook(join(out, `runs/quick/notebooks/${name}.ipynb`));
      const html = new TextDecoder().decode(first.get(`runs/quick/book/${name}.html`));
      match(html, /<\/html>\s*$/);
      ok(!/<(script|link)[^>]+(src|href)="https?:/.test(html), `${name}.html loads something from elsewhere`);
    }
    for (const method of ["SFT", "LS", "UAL", "PPL-UAL"]) {
      ok(first.has(`runs/quick/train/${method}/adapter/adapter_model.safetensors`));
    }
    const report = new TextDecoder().decode(first.get("runs/quick/report.html"));
    match(report, /id="ual-items"/);
    await reproduce(out);
    const second = await contents(out);
    deepEqual([...second.keys()].sort(), [...first.keys()].sort());
    for (const [path, bytes] of first) {
      equal(Buffer.compare(bytes, second.get(path)!), 0, `${path} changed`);
    }
    equal(second.size, first.size);
  }));
