// Pages in the packaged Chromium: what they fetch, what axe-core finds, figures' labels, kept screenshots.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { chromiumLaunch } from "../../lib/plot/mod.ts";
import { root } from "../../tools/setup.ts";

/** Runs `body` with a browser that is closed at the end, also where `body` fails. */
export async function withBrowser(body: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await chromium.launch(await chromiumLaunch());
  try {
    await body(browser);
  } finally {
    await browser.close();
  }
}

/** What a page did that it should not: errors, and requests for other than the `allowed` addresses. */
export function faultsOf(page: Page, allowed = /^(file|data|blob|about):/): string[] {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (!allowed.test(request.url())) faults.push(request.url());
  });
  return faults;
}

/** axe-core's violations in the page as it stands, one line each: rule, help, and the elements. */
export async function violations(page: Page): Promise<string[]> {
  if (!await page.evaluate("'axe' in globalThis")) {
    await page.addScriptTag({ path: fileURLToPath(import.meta.resolve("axe-core")) });
  }
  const found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })") as {
    violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return found.violations.map(({ id, help, nodes }) => {
    const places = nodes.slice(0, 4).map(({ html, failureSummary }) =>
      `${html.slice(0, 160)} (${failureSummary})`
    );
    return `${id}: ${help}; ${nodes.length} places: ${places.join(" | ")}`.replace(/\s+/g, " ");
  });
}

/** Keeps a picture of the page as a test artefact: .ual/artifacts/browser/NAME.png. Prints its path. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const path = join(root, ".ual/artifacts/browser", `${name}.png`);
  await page.screenshot({ path });
  console.log(`screenshot: ${path}`);
}

/** Moves the mouse to a point of a figure and waits for the point's label. */
export async function hoverPoint(page: Page, figure: Locator): Promise<void> {
  const point = figure.locator(".points path").first(), label = figure.locator(".hoverlayer .hovertext");
  await point.waitFor();
  await point.evaluate((one) =>
    (one as unknown as { scrollIntoView(how: unknown): void }).scrollIntoView({ block: "center" })
  );
  const { x, y, width, height } = (await point.boundingBox())!;
  await page.mouse.move(x, y + 3 * height);
  await page.mouse.move(x + width / 2, y + height / 2);
  await label.first().waitFor();
}
