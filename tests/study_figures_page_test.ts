// A preset's published figures: kept tables and provenance, the same bytes when drawn again, and the page in the real Chromium,
// from a file and without network.
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import {
  NOT_COMPARABLE,
  PAPER_MISPRINTS,
  table2Cells,
  table4Cells,
  table5Cells,
  type TaskScore,
} from "../lib/evaluate/mod.ts";
import type { Tables } from "../lib/plot/mod.ts";
import { writeManifest } from "../lib/run/manifest.ts";
import { csvOf } from "../lib/show/mod.ts";
import { studyFolders } from "../lib/study/folders.ts";
import { keepFigures, redrawFigures } from "../lib/study/kept_figures.ts";
import { findings } from "../lib/study/page/findings.ts";
import { preset } from "../lib/study/presets.ts";
import { keepProvenance, readProvenance } from "../lib/study/provenance.ts";
import { faultsOf, violations, withBrowser } from "./browser/page.ts";
import { inFolder } from "./folder.ts";

const p = preset("quick");

const score = (model: string, task: string, value: number): TaskScore => ({
  model,
  task,
  level: task === "average" ? "average" : "task",
  metric: "acc",
  value,
  stderr: 0.05,
  low: value - 0.1,
  high: value + 0.1,
  n: 50,
});
const silhouettes = [{ model: "SFT", value: 0.31, low: 0.2, high: 0.4 }];
const scores = [score("SFT", "mmlu", 0.25), score("UAL", "mmlu", 0.26), score("UAL", "average", 0.4)];

const early: Partial<Tables> = {
  ratings: {
    rows: Array.from({ length: 40 }, (_, i) => ({ category: `kind, "${i % 3}" & <b>`, uncertainty: 2 * i })),
  },
};
const late: Partial<Tables> = {
  perplexity: { rows: [{ method: "base", perplexity: 37.94, low: 29.8, high: 47 }] },
  judged: {
    rows: [{ a: "UAL", b: "SFT", wins: 4, draws: 2, losses: 4, winRate: 0.5, low: 0.3, high: 0.7 }],
    options: { judge: "a small model" },
  },
  table2: table2Cells(scores),
  table4: table4Cells(silhouettes, scores),
  table5: table5Cells(silhouettes, "ours"),
};

/** Runs `body` with a folder whose figures two notebooks have kept. */
function withKept(body: (folder: string) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    Deno.env.set("UAL_OUT", folder);
    try {
      const { run } = studyFolders(p);
      await stage(join(run, "train/UAL"), { seed: 3 });
      const names = await keepFigures(p, early);
      assert.deepEqual(
        names.toSorted(),
        ["csv", "dark.svg", "json", "png", "svg"].map((type) => `figures/quick/ratings.${type}`)
          .concat("figures/quick/report.html"),
      );
      assert.deepEqual(
        JSON.parse(await Deno.readTextFile(join(run, "tables/ratings.json"))),
        early.ratings,
      );
      await stage(join(run, "evaluate/UAL"), { seed: 4 });
      await keepFigures(p, late);
      await body(join(folder, "figures/quick"));
    } finally {
      Deno.env.delete("UAL_OUT");
    }
  });
}

async function stage(dir: string, settings: { seed: number }) {
  await Deno.mkdir(join(dir, "adapter"), { recursive: true });
  await Deno.writeTextFile(join(dir, "adapter/adapter_model.safetensors"), "numbers");
  const outputs = ["adapter/adapter_model.safetensors"];
  await writeManifest(dir, { stage: "train", inputs: { model: "cafe" }, settings, code: "c0de", outputs });
}

async function bytesOf(folder: string): Promise<Map<string, string>> {
  const files = (await Array.fromAsync(Deno.readDir(folder))).filter(({ isFile }) => isFile);
  const pairs = files.map(({ name }) => [name, Deno.readFileSync(join(folder, name)).toBase64()] as const);
  return new Map(pairs.sort());
}

Deno.test("keepProvenance() keeps what is known of other tables and drops stages that none names", () =>
  inFolder(async (folder) => {
    const run = join(folder, "run"), tables = join(folder, "tables");
    await stage(join(run, "a"), { seed: 1 });
    await keepProvenance(p, { names: ["ratings"], run, tables });
    await stage(join(run, "b"), { seed: 2 });
    const both = await keepProvenance(p, { names: ["scores"], run, tables });
    assert.deepEqual(both.tables, { ratings: ["a"], scores: ["a", "b"] });
    assert.deepEqual(await readProvenance(tables), both);
    assert.equal("results" in both.stages.a, false);
    const elsewhere = join(folder, "elsewhere"); // nothing of it was touched
    const last = await keepProvenance(p, { names: ["scores"], run: elsewhere, tables });
    assert.deepEqual([last.tables, Object.keys(last.stages)], [{ ratings: ["a"], scores: [] }, ["a"]]);
    await Deno.writeTextFile(join(tables, "provenance.json"), "{");
    await assert.rejects(
      readProvenance(tables),
      /Cannot read .*provenance.json: .*; run the notebooks again/,
    );
  }));

Deno.test("findings() says what the tables say, and nothing of missing ones", () => {
  assert.deepEqual(findings({}), []);
  const row = { task: "mmlu", metric: "acc", a: "SFT", b: "UAL", low: 0, high: 0.1 };
  const differences = (distinguishable: boolean) => ({
    differences: { rows: [{ ...row, difference: -0.05, distinguishable }] },
  });
  assert.deepEqual(findings({ perplexity: late.perplexity, ...differences(false) }), [
    "Held-out perplexity (95% interval): base 37.9 (29.8 to 47.0).",
    "Of 1 paired differences of 1 pairs of models on benchmarks, none can be told from chance after Holm's correction.",
  ]);
  assert.match(findings(differences(true))[0], /1 can be told .*: UAL above SFT on mmlu\.$/);
});

Deno.test("redrawFigures() writes the bytes that keepFigures() wrote; the page is whole, from a file alone", async (t) => {
  await withKept(async (figures) => {
    await t.step("the same bytes again, from the published tables alone", async () => {
      const out = join(figures, "again");
      const paths = await redrawFigures(figures, "quick", { out });
      const before = await bytesOf(figures), after = await bytesOf(out);
      assert.equal(paths.length, 6 * 5 + 1);
      assert.deepEqual([...after.keys()], [...before.keys()]);
      for (const [name, bytes] of before) assert.equal(after.get(name), bytes, name);
      await Deno.remove(out, { recursive: true });
    });
    const path = join(figures, "report.html"), html = await Deno.readTextFile(path);
    await t.step("no time of day, no path of this machine", () => {
      assert.ok(!/\b20\d\d-\d\d-\d\dT/.test(html));
      assert.ok(!html.includes(figures));
    });
    await withBrowser(async (browser) => {
      const open = visitor(browser, pathToFileURL(path).href);
      await t.step("figures are live, nothing is fetched, nothing fails", () => open({}, figuresAreLive));
      await t.step("tables are complete, and saved as CSV", () => open({}, tablesAreComplete));
      await t.step(
        "the paper's tables, their notes and the provenance are there",
        () => open({}, wordsAreThere),
      );
      await t.step(
        "axe-core finds nothing, light and wide, dark and narrow",
        () => open({ bypassCSP: true }, isAccessible),
      );
      await t.step("without scripts the still images are there, each in its look", async () => {
        await open({ javaScriptEnabled: false, colorScheme: "dark" }, async (page) => {
          const shown = page.locator(".place img:visible");
          assert.equal(await shown.count(), 6);
          assert.ok(await shown.evaluateAll((all) => all.every((one) => one.className === "dark")));
          const sizes = await shown.evaluateAll((all) =>
            // deno-lint-ignore no-explicit-any
            all.map((one: any) => one.naturalWidth)
          );
          assert.ok(sizes.every((width) => width > 100), sizes.join());
        });
      });
    });
  });
});

/** Opens the page with some settings and checks at the end that it asked for nothing and said nothing wrong. */
function visitor(browser: Browser, url: string) {
  return async (options: BrowserContextOptions, body: (page: Page) => Promise<void>) => {
    const context = await browser.newContext({ offline: true, ...options });
    const page = await context.newPage(), faults = faultsOf(page);
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.goto(url);
    await body(page);
    assert.deepEqual(faults, []);
    await context.close();
  };
}

/** Scrolls to each figure until it is drawn. */
async function drawAll(page: Page): Promise<void> {
  for (const place of await page.locator("[data-name]").all()) {
    await place.scrollIntoViewIfNeeded();
    await place.locator(".main-svg").first().waitFor();
  }
}

async function figuresAreLive(page: Page) {
  await drawAll(page);
  assert.equal(await page.locator("[data-name] img").count(), 0);
  const ink = () =>
    page.locator("[data-name=ratings] .gtitle").evaluate((one) =>
      // deno-lint-ignore no-explicit-any
      (globalThis as any).getComputedStyle(one).fill
    );
  const light = await ink();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator("[data-name=ratings][data-live=dark]").waitFor();
  assert.notEqual(await ink(), light);
  await page.evaluate("scrollTo(0, 0)");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "To the text");
}

async function tablesAreComplete(page: Page) {
  const tables = { ...early, ...late } as Record<string, { rows: object[] }>;
  for (const [name, { rows }] of Object.entries(tables)) {
    const part = page.locator(".part").filter({ has: page.locator(`#figure-${name}`) });
    assert.equal(await part.locator(".data tbody tr").count(), rows.length, name);
    const link = part.getByRole("link", { name: `Save ${name}.csv` }), saving = page.waitForEvent("download");
    await link.click();
    const download = await saving;
    assert.equal(download.suggestedFilename(), `${name}.csv`);
    assert.equal(await Deno.readTextFile(await download.path()), csvOf(rows), name);
  }
  const first = page.locator("#figure-ratings ~ .data tbody tr").first();
  assert.deepEqual(await first.locator("th, td").allTextContents(), ['kind, "0" & <b>', "0"]);
}

async function wordsAreThere(page: Page) {
  const text = (await page.locator("main").textContent())!;
  for (const note of [...NOT_COMPARABLE, ...PAPER_MISPRINTS]) assert.ok(text.includes(note), note);
  for (const part of ["64.01", "44.35", "0.427", "0.084", "Ours were not measured in this run."]) {
    assert.ok(text.includes(part), part);
  }
  for (const part of ["cafe", "c0de", "train/UAL", "evaluate/UAL", "3, 4"]) {
    assert.ok(text.includes(part), part);
  }
  const links = await page.locator("nav a").evaluateAll((all) =>
    // deno-lint-ignore no-explicit-any
    all.map((one: any) => one.getAttribute("href").slice(1))
  );
  const ids = await page.locator("[id]").evaluateAll((all) => all.map((one) => one.id));
  assert.deepEqual(links.filter((id) => !ids.includes(id)), []);
  assert.equal(new Set(ids).size, ids.length);
}

async function isAccessible(page: Page) {
  await drawAll(page);
  await page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)");
  assert.deepEqual(await violations(page), []);
  await page.setViewportSize({ width: 380, height: 800 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator("[data-name=table5][data-live=dark]").waitFor();
  assert.deepEqual(await violations(page), []);
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 380);
}
