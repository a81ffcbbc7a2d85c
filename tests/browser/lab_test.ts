// 03_train in a real JupyterLab in a real browser: Run All, a moving chart, stop, run again, hover.
// The runs are short, and the committed notebook is not touched.
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { type Cell, type Notebook, readNotebook } from "../../tools/notebook_file.ts";
import { root } from "../../tools/setup.ts";
import { type Lab, withLab } from "./lab.ts";
import { faultsOf, hoverPoint, keepScreenshot, withBrowser } from "./page.ts";

/** Steps of each method: enough of them to look twice and to stop. */
const STEPS = 8;

/** Patience with a busy machine, in milliseconds; every wait ends with its condition. */
const PATIENCE = 120_000;

/** The notebook without outputs, at the sizes of quick but with more steps; its imports lead to the project's lib. */
async function shortNotebook(): Promise<Notebook> {
  const { cells } = await readNotebook(join(root, "notebooks/03_train.ipynb"));
  const lib = pathToFileURL(join(root, "lib/mod.ts")).href;
  const setup = cells.findIndex((cell) => /const p = /.test(cell.source));
  ok(setup > 0, "03_train has a cell that makes the preset p");
  const source = `const q = preset("quick");
const p = { ...q, settings: { ...q.settings, steps: ${STEPS}, batch: 1 } };
await show("sizes of the test");`;
  const short: Cell = { ...cells[setup], id: "short", source, metadata: {} };
  const all = cells.toSpliced(setup + 1, 0, short).map((cell) => ({
    ...cell,
    source: cell.source.replaceAll("../lib/mod.ts", lib),
    outputs: [],
    execution_count: null,
  }));
  return { cells: all };
}

/** Run All from the menu, again where JupyterLab was not ready to take it. */
async function runAll(page: Page): Promise<void> {
  const before = await page.evaluate(LAST);
  for (let attempt = 1;; attempt++) {
    await page.getByRole("menuitem", { name: "Run", exact: true }).click();
    await page.getByRole("menuitem", { name: "Run All Cells", exact: true }).click();
    const started = page.waitForFunction(`${BUSY} > 0 || ${LAST} !== ${before}`, undefined, {
      timeout: 5000,
    });
    if (await started.then(() => true, () => false)) return;
    if (attempt === 5) throw new Error("JupyterLab runs no cell");
    await page.keyboard.press("Escape");
  }
}

/** Points in the chart of the cell that trains. */
const POINTS = `(() => {
  const chart = document.querySelector(".jp-CodeCell .js-plotly-plot");
  return chart?.data?.reduce((sum, trace) => sum + trace.x.length, 0) ?? 0;
})()`;

/** Code cells that run or wait to. */
const BUSY =
  `[...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].filter((one) => /\\*/.test(one.textContent)).length`;

/** The number of the last executed cell. */
const LAST =
  `Math.max(0, ...[...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map((one) => +/\\d+/.exec(one.textContent)))`;

/** A cell's error, as either of the two types that JupyterLab's versions give it. */
const ERROR = ["error", "stderr"].map((type) =>
  `.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.${type}"]`
)
  .join(", ");
const errors = (page: Page) => page.locator(ERROR);

Deno.test("JupyterLab: 03_train runs, its chart moves, it stops when asked and goes on when run again", async () => {
  await withLab("03_train", await shortNotebook(), (lab) =>
    withBrowser(async (browser) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE);
      const faults = faultsOf(page, /^((http|ws):\/\/127\.0\.0\.1:|data:|blob:)/);
      try {
        await open(page, lab);
        await finishes(page, lab, await stopsWhenAsked(page, lab));
      } catch (error) {
        await keepScreenshot(page, "lab_failed");
        throw error;
      }
      deepEqual(faults, []);
      await context.close();
    }));
});

async function open(page: Page, { url }: Lab): Promise<void> {
  await page.goto(url);
  await page.waitForSelector(".jp-Notebook .jp-CodeCell");
  await page.waitForSelector('.jp-Notebook-ExecutionIndicator[data-status="idle"]');
}

/** Waits for a condition while cells run. A failed cell ends the wait; its reason is shown, but for what the kernel is silent about. */
async function reach(page: Page, condition: string): Promise<void> {
  await page.waitForFunction(`${condition} || ${BUSY} === 0`);
  if (await page.evaluate(condition)) return;
  const executed = page.locator(".jp-InputPrompt", { hasText: /\d/ });
  throw new Error(
    `a cell failed: ${await page.locator(".jp-CodeCell").filter({ has: executed }).last().innerText()}`,
  );
}

/** A stopped run: its method, and the lines of metrics that it had then. */
interface Stopped {
  method: string;
  steps: string[];
}

const stepsOf = async ({ out }: Lab, method: string) =>
  (await Deno.readTextFile(join(out, `runs/quick/train/${method}/metrics.jsonl`))).trim().split("\n");

async function stopsWhenAsked(page: Page, lab: Lab): Promise<Stopped> {
  await runAll(page);
  await reach(page, `${POINTS} > 0`);
  const before = await page.evaluate(POINTS) as number;
  await reach(page, `${POINTS} > ${before}`);
  await page.locator(".ual-stop").scrollIntoViewIfNeeded();
  await keepScreenshot(page, "lab_training");
  await page.locator(".ual-stop").click();
  await errors(page).first().waitFor();
  const said = /(\w+) was stopped at step (\d+); run the cell again to resume/;
  const [, method, step] = said.exec(await errors(page).first().innerText())!;
  await page.waitForFunction(`${BUSY} === 0`);
  await keepScreenshot(page, "lab_stopped");
  equal(await page.locator(".ual-stop").count(), 0, "the button is gone");
  const steps = await stepsOf(lab, method);
  equal(steps.length, Number(step));
  return { method, steps };
}

async function finishes(page: Page, lab: Lab, { method, steps: before }: Stopped): Promise<void> {
  await runAll(page);
  await reach(page, `${BUSY} === 0`);
  deepEqual(await errors(page).allInnerTexts(), []);
  const steps = await stepsOf(lab, method);
  equal(steps.length, STEPS);
  deepEqual(steps.slice(0, before.length), before, "steps before the stop were not run again");
  const silent = page.locator(".jp-CodeCell", { hasText: "await show" }).filter({
    hasNot: page.locator(".jp-OutputArea-output"),
  });
  deepEqual(await silent.allInnerTexts(), [], "every cell that shows something has it");
  await hoverPoint(page, page.locator(".js-plotly-plot").first());
  await keepScreenshot(page, "lab_hover");
}
