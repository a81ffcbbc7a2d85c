// lib/evaluate/report: packing, filters and items against plain loops over the rows, and the page in the real Chromium.
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { compareModels } from "../lib/evaluate/scores/compare.ts";
import type { ItemRow } from "../lib/evaluate/item_row.ts";
import { chanceOf, differenceRows, scorePoints } from "../lib/evaluate/report/figure_rows.ts";
import { filterItems, packItems, viewOf } from "../lib/evaluate/report/item_data.ts";
import { itemsBundle } from "../lib/evaluate/report/item_explorer.ts";
import { itemHtml, sharesOf } from "../lib/evaluate/report/item_html.ts";
import { reportPage, writeReport } from "../lib/evaluate/report/report.ts";
import { summarise } from "../lib/evaluate/scores/summary.ts";
import { chromiumLaunch, differencesFigure, scoresFigure } from "../lib/plot/mod.ts";
import { inFolder } from "./folder.ts";
import { differences } from "./plot_tables.ts";
import { HOSTILE, itemRows, tasks } from "./report_rows.ts";

const rows = itemRows(40), packed = packItems(rows, tasks);

Deno.test("packItems() keeps every row, readable by viewOf()", () => {
  assert.equal(packed.items.length, 40 * tasks.length);
  packed.items.forEach((_, i) => {
    const view = viewOf(packed, i);
    for (const answer of view.answers) {
      const row = rows.find((one) =>
        one.model === answer.model && one.task === view.task && one.doc_index === view.doc
      )!;
      assert.deepEqual([view.question, view.choices, view.target], [row.question, row.choices, row.target]);
      assert.equal(answer.generated, row.generated);
      answer.measures.forEach(([name, value]) => assert.ok(Math.abs(value! - (row[name] as number)) < 1e-4));
      answer.loglikelihoods?.forEach((logp, c) => assert.ok(Math.abs(logp - row.loglikelihoods![c]) < 1e-3));
      assert.deepEqual(
        answer.extracted?.[0],
        row.generated === undefined ? undefined : ["strict_match", row.strict_match],
      );
    }
  });
});

Deno.test("packItems() leaves a gap where a model was not asked", () => {
  const some = rows.filter(({ model, doc_index }) => model !== "UAL" || doc_index < 3);
  const gaps = packItems(some, tasks), view = viewOf(gaps, 5);
  assert.deepEqual(view.answers.map(({ model }) => model), ["base", "SFT", "LS"]);
  assert.equal(gaps.answers[3][5], null);
});

Deno.test("filterItems() finds what a plain loop over the rows finds", () => {
  const hit = (row: ItemRow) =>
    (row[tasks.find(({ task }) => task === row.task)!.metrics[0]] as number) >= 0.5;
  const expected = (fits: (own: ItemRow[]) => boolean) =>
    packed.items.map((_, i) => i).filter((i) => {
      const { task, doc } = viewOf(packed, i);
      return fits(rows.filter((row) => row.task === task && row.doc_index === doc));
    });
  assert.deepEqual(filterItems(packed, {}), packed.items.map((_, i) => i));
  assert.deepEqual(filterItems(packed, { task: "mmlu" }), expected(([row]) => row.group === "mmlu"));
  assert.deepEqual(filterItems(packed, { task: "gsm8k" }), expected(([row]) => row.task === "gsm8k"));
  assert.deepEqual(filterItems(packed, { outcome: "right" }), expected((own) => own.every(hit)));
  assert.deepEqual(
    filterItems(packed, { outcome: "wrong", model: "UAL" }),
    expected((own) => own.every((row) => row.model !== "UAL" || !hit(row))),
  );
  assert.deepEqual(
    filterItems(packed, { outcome: "differ" }),
    expected((own) => own.some(hit) && !own.every(hit)),
  );
  const texts = (row: ItemRow) =>
    [row.question, ...(row.choices ?? []), row.target, row.id, row.generated].join("\n");
  for (const text of ["HARBOUR clock", "#### 7", "mmlu_anatomy-3", "onerror", "no such text"]) {
    const found = expected((own) => own.some((row) => texts(row).toLowerCase().includes(text.toLowerCase())));
    assert.deepEqual(filterItems(packed, { text }), found, text);
  }
});

Deno.test("itemHtml() escapes every text and marks what was picked and right", () => {
  for (const i of [0, 160]) {
    const html = itemHtml(viewOf(packed, i));
    assert.doesNotMatch(html, /<script|<img|onerror="/);
    assert.ok(html.includes("&#60;/script&#62;"));
  }
  const html = itemHtml(viewOf(packed, 5));
  assert.equal(html.match(/<b>picked<\/b>/g)!.length, 4, "one a model");
  assert.equal(html.match(/font-weight:bold/g)!.length, 1);
  assert.match(itemHtml(viewOf(packed, 1)), /12 tokens cut off/);
  const total = sharesOf([-700, -701, -3000]).reduce((a, b) => a + b);
  assert.ok(Math.abs(total - 1) < 1e-12);
});

Deno.test("itemsBundle() gives a few items without scripts, and as text", () => {
  const bundle = itemsBundle(rows, tasks, { task: "arc_challenge", outcome: "differ", count: 3 });
  const html = bundle["text/html"] as string;
  assert.equal(html.match(/<details>/g)!.length, 3);
  assert.doesNotMatch(html, /<script|onerror="/);
  assert.match(html, /3 of \d+ items that fit, of 200/);
  assert.match(bundle["text/plain"] as string, /arc_challenge \d+: .*\(right: /);
});

Deno.test("scorePoints() and differenceRows() give the figures their rows, with what guessing scores", () => {
  const scored = summarise(rows, tasks), points = scorePoints(scored, { rows });
  assert.deepEqual([...new Set(points.map(({ task }) => task))], [
    "arc_challenge",
    "mmlu",
    "truthfulqa",
    "gsm8k",
  ]);
  assert.deepEqual(points.filter(({ model }) => model === "LS").map(({ chance }) => chance), [
    0.25,
    0.25,
    undefined,
    undefined,
  ]);
  const three = rows.slice(0, 2).map((row, i) => ({ ...row, choices: ["a", "b", "c", "d"].slice(0, 2 + i) }));
  assert.ok(Math.abs(chanceOf(three, "acc")! - (1 / 2 + 1 / 3) / 2) < 1e-12);
  assert.ok(Math.abs(chanceOf(rows.slice(0, 1), "released_best_of_4")! - (1 - 0.75 ** 4)) < 1e-12);
  const compared = compareModels(rows, tasks), differences = differenceRows(compared);
  differences.forEach((row, i) => {
    const of = (model: string) => points.find((one) => one.model === model && one.task === row.task)!.score;
    assert.ok(Math.abs(row.difference - (of(row.a) - of(row.b))) < 1e-12);
    assert.equal(row.distinguishable, compared[i].verdict !== "not distinguishable");
  });
  assert.ok(scoresFigure(points).data.length > 0 && differencesFigure(differences).data.length > 0);
});

const scores = summarise(rows, tasks), comparisons = compareModels(rows, tasks);

Deno.test("reportPage() is the same again, loads nothing, and says what it does not know", () => {
  const page = reportPage({ rows, scores, comparisons, tasks });
  assert.equal(page, reportPage({ rows, scores, comparisons, tasks }));
  assert.doesNotMatch(page, /https?:|src="(?!data:)|@import|url\(/);
  assert.match(page, /Training data was not looked through/);
  const seen = [{ task: "gsm8k", doc_index: 3, example: HOSTILE, words: "a b c" }];
  const found = {
    training: "UAL",
    n: 13,
    examples: 90,
    hit: 1,
    tasks: { gsm8k: { items: 40, unchecked: 2, hit: 1 } },
    seen,
  };
  const known = reportPage({ rows, scores, comparisons, tasks, contamination: [found] });
  assert.match(known, /UAL: 1 of 90 training examples share 13 words/);
  assert.match(page, /not distinguishable/);
  assert.match(page, /not comparable/);
  assert.doesNotMatch(page, /NaN|undefined<|Infinity/);
  assert.equal(page.match(/<\/script>/g)!.length, 2, "only its own two end");
});

/** The page of `body` in a browser without network; without the page's own policy against foreign scripts if `bypassCSP`. */
async function inPage(path: string, body: (page: Page) => Promise<void>, bypassCSP = false) {
  let browser: Browser | undefined;
  try {
    browser = await chromium.launch(await chromiumLaunch());
    const context = await browser.newContext({ offline: true, bypassCSP }), page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("request", (request) => /^(file|data|blob):/.test(request.url()) || faults.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    await page.waitForSelector("#ual-list details");
    await body(page);
    assert.deepEqual(faults, []);
  } finally {
    await browser?.close();
  }
}

Deno.test("report.html in Chromium: filters, opens items by keyboard, and hostile text stays text", () =>
  inFolder(async (folder) => {
    const path = join(folder, "report.html");
    const figures = [{ svg: `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`, alt: HOSTILE }];
    const facts = { [HOSTILE]: HOSTILE }, remarks = [HOSTILE];
    await writeReport(path, { title: HOSTILE, rows, scores, comparisons, tasks, figures, facts, remarks });
    await inPage(path, async (page) => {
      const count = () => page.textContent("#ual-count");
      assert.equal(await count(), "200 of 200 items, 1 to 25 shown");
      await page.selectOption("#ual-task", "gsm8k");
      await page.selectOption("#ual-outcome", "differ");
      const found = filterItems(packed, { task: "gsm8k", outcome: "differ" });
      assert.equal(await count(), `${found.length} of 200 items, 1 to ${Math.min(25, found.length)} shown`);
      await page.selectOption("#ual-outcome", "");
      await page.selectOption("#ual-task", "arc_challenge");
      await page.fill("#ual-text", "ONERROR");
      await page.waitForSelector("#ual-list:not(:has(details:nth-child(2))) details");
      await page.focus("#ual-list summary");
      await page.keyboard.press("Enter");
      await page.waitForSelector("#ual-list .item table");
      const question = await page.textContent("#ual-list .item pre");
      assert.equal(question, HOSTILE);
      assert.ok((await page.textContent("#ual-list .item table"))!.includes(HOSTILE));
      assert.equal(await page.$("#ual-list img"), null);
      await page.fill("#ual-text", "");
      await page.waitForSelector("#ual-list details:nth-child(2)");
      await page.click("#ual-later");
      assert.match((await count())!, /26 to 40 shown/);
      assert.ok(await page.isDisabled("#ual-later"));
      assert.equal(await page.evaluate("globalThis.broken"), undefined);
      assert.equal(await page.textContent("h1"), HOSTILE);
      const focused = await page.evaluate("document.activeElement.tagName");
      assert.equal(focused, "SUMMARY", "a turned page goes on at its first item");
    }, true);
  }));

Deno.test("report.html is quick with 14,000 items of 4 models", () =>
  inFolder(async (folder) => {
    const path = join(folder, "report.html"), many = itemRows(2800);
    await writeReport(path, { rows: many, scores: summarise(many, tasks), tasks });
    const { size } = await Deno.stat(path);
    assert.ok(size < 20e6, `${size} bytes`);
    await inPage(path, async (page) => {
      assert.match((await page.textContent("#ual-count"))!, /^14000 of 14000 items/);
      const took = await page.evaluate(`(() => {
        const start = performance.now(), box = document.getElementById("ual-outcome");
        for (const value of ["differ", "right", ""]) { box.value = value; box.dispatchEvent(new Event("change")); }
        return (performance.now() - start) / 3;
      })()`);
      assert.ok(took as number < 500, `${took} ms for a filter`);
    });
  }));

Deno.test("report.html has a name for every control, heads for every table and no figure without words", () =>
  inFolder(async (folder) => {
    const path = join(folder, "report.html");
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`;
    const figures = [{ svg, alt: differencesFigure(differences).alt }];
    await writeReport(path, { rows, scores, comparisons, tasks, figures });
    await inPage(path, async (page) => {
      const faults = await page.evaluate(`(() => {
        const out = [];
        for (const one of document.querySelectorAll("select, input, button")) {
          if (!(one.labels?.[0]?.textContent || one.textContent).trim()) out.push(one.outerHTML);
        }
        for (const table of document.querySelectorAll("table")) {
          if (!table.caption || [...table.querySelectorAll("th")].some((th) => !th.scope)) out.push("table");
          for (const row of table.tBodies[0].rows) if (row.cells[0].tagName !== "TH") out.push(row.innerText);
        }
        for (const image of document.images) if (!image.alt || !image.complete || !image.naturalWidth) out.push("image");
        for (const link of document.querySelectorAll("nav a")) if (!document.querySelector(link.hash)) out.push(link.hash);
        const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
        if (new Set(ids).size < ids.length) out.push("ids twice");
        return out;
      })()`);
      assert.deepEqual(faults, []);
      await page.setViewportSize({ width: 500, height: 800 });
      // wide tables scroll in themselves, the page does not
      assert.ok(await page.evaluate("document.documentElement.scrollWidth <= 500"));
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const contrast = await page.evaluate(`(() => {
          const light = (color) => {
            const [r, g, b] = color.match(/[\\d.]+/g).map((part) => {
              const share = part / 255;
              return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const paper = light(getComputedStyle(document.body).backgroundColor);
          return ["body", "caption", "a", "#ual-list .where"].map((which) => {
            const ink = light(getComputedStyle(document.querySelector(which)).color);
            return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
          });
        })()`) as number[];
        assert.ok(contrast.every((ratio) => ratio > 4.5), `${colorScheme}: ${contrast}`);
      }
    });
  }));
