// lib/plot/display.ts in the real Chromium: live with scripts, a still image without, nothing fetched, same bytes each time.
import assert from "node:assert/strict";
import { type Browser, chromium } from "playwright-core";
import {
  chromiumLaunch,
  figureBundle,
  loaderBundle,
  openRenderer,
  ratingsHistogram,
} from "../lib/plot/mod.ts";
import { figures } from "./plot_tables.ts";

async function withBrowser(body: (browser: Browser) => Promise<void>) {
  const browser = await chromium.launch(await chromiumLaunch());
  try {
    await body(browser);
  } finally {
    await browser.close();
  }
}

/** What a page with the given outputs does: live figures, images left, errors, addresses fetched. */
async function visit(browser: Browser, outputs: string[], { javaScriptEnabled = true } = {}) {
  const context = await browser.newContext({ javaScriptEnabled });
  const page = await context.newPage();
  const errors: string[] = [], requests: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  await page.setContent(`<!doctype html><meta charset="utf-8"><body>${outputs.join("\n")}</body>`);
  if (javaScriptEnabled) await page.waitForSelector(".plot-container", { timeout: 20_000 });
  const live = await page.locator("[data-figure] .plot-container").count();
  const images = await page.$$eval(
    "img",
    (all) => all.map((image) => (image as unknown as { alt: string }).alt),
  );
  const text = await page.locator("body").innerText();
  await context.close();
  const fetched = requests.filter((url) => !/^(data|blob|about):/.test(url));
  return { live, images, text, errors, fetched };
}

const html = (bundle: Record<string, unknown>) => bundle["text/html"] as string;

Deno.test("figureBundle() and loaderBundle() draw live figures wherever the loader stands", () =>
  withBrowser(async (browser) => {
    const loader = html(await loaderBundle());
    const outputs = Object.values(figures()).map((figure) => html(figureBundle(figure)));
    assert.ok(loader.length < 1e6 && outputs.every((output) => output.length < 1e6));
    for (const order of [[loader, ...outputs], [...outputs, loader], [loader, ...outputs, loader]]) {
      const seen = await visit(browser, order);
      assert.deepEqual(seen.errors, []);
      assert.deepEqual(seen.fetched, []);
      assert.equal(seen.live, outputs.length);
    }
    const twice = await visit(browser, [loader, outputs[0], outputs[0], outputs[1]]); // two notebooks in one page
    assert.equal(twice.live, 3);
  }));

Deno.test("figureBundle() leaves an image with its description where scripts do not run", () =>
  withBrowser(async (browser) => {
    await using renderer = await openRenderer();
    const { ratings, mapping } = figures();
    const outputs = [figureBundle(ratings, { png: await renderer.png(ratings, 1) }), figureBundle(mapping)];
    const seen = await visit(browser, outputs.map(html), { javaScriptEnabled: false });
    assert.equal(seen.live, 0);
    assert.deepEqual(seen.images, [ratings.alt]);
    assert.ok(seen.text.includes(mapping.alt));
    assert.deepEqual(seen.fetched, []);
  }));

Deno.test("figureBundle() holds data and layout for other renderers and repeats byte for byte", () => {
  const { ratings, mapping } = figures();
  const bundle = figureBundle(ratings);
  assert.deepEqual(Object.keys(bundle), ["text/html", "application/vnd.plotly.v1+json", "text/plain"]);
  const { data, layout } = bundle["application/vnd.plotly.v1+json"] as { data: unknown; layout: unknown };
  assert.deepEqual(
    { data, layout },
    JSON.parse(JSON.stringify({ data: ratings.data, layout: ratings.layout })),
  );
  assert.equal(bundle["text/plain"], ratings.alt);
  figureBundle(mapping); // what was shown in between changes nothing
  assert.deepEqual(figureBundle(figures().ratings), bundle);
});

Deno.test("figureBundle() does not let text of the data into the page's code", () =>
  withBrowser(async (browser) => {
    const category = `</script><img src=x onerror="document.title='taken'">'"&<!--`;
    const figure = ratingsHistogram([{ category, uncertainty: 5 }, { category: "plain", uncertainty: 50 }]);
    const seen = await visit(browser, [html(await loaderBundle()), html(figureBundle(figure))]);
    assert.equal(seen.live, 1);
    assert.deepEqual([seen.errors, seen.fetched, seen.images], [[], [], []]);
  }));
