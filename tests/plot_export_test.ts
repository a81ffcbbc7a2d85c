// lib/plot/export.ts and renderer.ts with the real Chromium: bytes that repeat, images with something in them, nothing clipped.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { chromiumLaunch, exportFigures, exportJson, figureJson, openRenderer } from "../lib/plot/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";
import { figures } from "./plot_tables.ts";
import { readPng } from "./png.ts";

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name).sort();
}

/** Exports the test's figures in a process of its own. */
async function exportElsewhere(folder: string) {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const code = `import { exportFigures } from ${at("../lib/plot/mod.ts")};
    import { figures } from ${at("./plot_tables.ts")};
    await exportFigures(figures(), ${JSON.stringify(folder)});`;
  const config = join(import.meta.dirname!, "../deno.json");
  const args = [
    "run",
    "-A",
    "--no-check",
    "--config",
    config,
    `data:application/typescript,${encodeURIComponent(code)}`,
  ];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("exportFigures() writes the same bytes in any order and any process", () =>
  inFolder(async (folder) => {
    const [here, reversed, elsewhere] = ["here", "reversed", "elsewhere"].map((name) => join(folder, name));
    const all = figures(), some = Object.fromEntries(Object.entries(all).reverse().slice(0, 3));
    const paths = await exportFigures(all, here);
    await exportFigures(some, reversed);
    await exportElsewhere(elsewhere);
    const types = ["dark.svg", "json", "png", "svg"];
    const names = Object.keys(all).flatMap((name) => types.map((type) => `${name}.${type}`)).sort();
    assert.deepEqual(await namesIn(here), names);
    assert.deepEqual(paths.toSorted(), names.map((name) => join(here, name)));
    assert.equal((await namesIn(reversed)).length, 12);
    for (const other of [reversed, elsewhere]) {
      for (const name of await namesIn(other)) {
        assert.deepEqual(await Deno.readFile(join(other, name)), await Deno.readFile(join(here, name)), name);
      }
    }
    for (const [name, figure] of Object.entries(all)) {
      assert.equal(await Deno.readTextFile(join(here, `${name}.json`)), figureJson(figure));
    }
  }));

Deno.test("Renderer draws pictures of the right size with ink in them", async () => {
  await using renderer = await openRenderer();
  for (const [name, figure] of Object.entries(figures())) {
    const { width, height, rgb } = readPng(await renderer.png(figure));
    assert.deepEqual([width, height], [2 * figure.layout.width!, 2 * figure.layout.height!]);
    let ink = 0;
    const colors = new Set<number>();
    for (let i = 0; i < rgb.length; i += 3) {
      const color = rgb[i] << 16 | rgb[i + 1] << 8 | rgb[i + 2];
      if (color !== 0xffffff) ink++;
      colors.add(color);
    }
    const share = ink / (width * height);
    assert.ok(share > 0.01 && share < 0.7, `${name}: ${share} of the pixels are not white`);
    assert.ok(colors.size > 50, `${name}: ${colors.size} colours`);
    if (name.startsWith("training")) assert.ok(colors.has(0x0072b2), "no line in UAL's blue");
    assert.deepEqual(await renderer.problems(figure), [], name);
  }
});

Deno.test("Renderer draws SVG with every text inside the picture, clear of the others, and a description", async () => {
  await using renderer = await openRenderer();
  const browser = await chromium.launch(await chromiumLaunch());
  try {
    const page = await browser.newPage();
    for (const [name, figure] of Object.entries(figures())) {
      const svg = await renderer.svg(figure);
      assert.match(svg, /^<svg [^>]*aria-label="/);
      assert.ok(svg.includes("Open Sans"));
      await page.setContent(`<body style="margin:0">${svg}</body>`);
      const { width, height } = figure.layout;
      const boxes = await page.$$eval("text", (texts) =>
        texts.map((text) => {
          const { left, right, top, bottom } = text.getBoundingClientRect();
          return { text: text.textContent, left, right, top, bottom };
        }).filter((box) => box.right > box.left));
      assert.ok(boxes.length > 8, `${name}: ${boxes.length} texts`);
      for (const box of boxes) {
        const inside = box.left >= 0 && box.top >= 0 && box.right <= width! && box.bottom <= height!;
        assert.ok(inside, `${name}: "${box.text}" is clipped: ${JSON.stringify(box)}`);
      }
      for (const a of boxes) {
        for (const b of boxes) {
          if (a === b) break;
          const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          assert.ok(across < 2 || down < 4, `${name}: "${a.text}" lies on "${b.text}"`);
        }
      }
    }
  } finally {
    await browser.close();
  }
});

Deno.test("exportJson() needs leave to write into its folder and nothing else", () =>
  inFolder(async (folder) => {
    const url = new URL("../lib/plot/mod.ts", import.meta.url).href;
    const code = `import { exportJson, heldoutPerplexity } from ${JSON.stringify(url)};
      await exportJson({ p: heldoutPerplexity([{ method: "UAL", perplexity: 5 }]) }, ${
      JSON.stringify(folder)
    });`;
    const config = join(import.meta.dirname!, "../deno.json");
    const module = `data:application/typescript,${encodeURIComponent(code)}`;
    const flags = ["run", "--no-prompt", "--no-check", "--config", config];
    const run = (permissions: string[]) =>
      new Deno.Command(Deno.execPath(), { args: [...flags, ...permissions, module], stderr: "piped" })
        .output();
    const allowed = await run([`--allow-read=${folder}`, `--allow-write=${folder}`]);
    assert.ok(allowed.success, new TextDecoder().decode(allowed.stderr));
    assert.deepEqual(await namesIn(folder), ["p.json"]);
    assert.ok(!(await run([`--allow-read=${folder}`])).success);
  }));

Deno.test("exportFigures() and exportJson() refuse names that leave the folder", () =>
  inFolder(async (folder) => {
    for (const name of ["../x", "a/b", "", ".hidden"]) {
      await assert.rejects(exportJson({ [name]: figures().ratings }, folder), InputError);
      await assert.rejects(exportFigures({ [name]: figures().ratings }, folder), InputError);
    }
    assert.deepEqual(await namesIn(folder), []);
  }));
