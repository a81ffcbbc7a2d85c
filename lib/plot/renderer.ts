// Figures drawn as SVG and PNG by plotly.js in a headless Chromium, with bytes that repeat. Files are export.ts's business.
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { InputError, messageOf } from "../run/errors.ts";
import { chromiumLaunch } from "./chromium.ts";
import type { Figure } from "./figure.ts";

/** An open browser with plotly.js in it. `await using` closes it. */
export interface Renderer extends AsyncDisposable {
  /** The figure as an SVG document. */
  svg(figure: Figure): Promise<string>;
  /** The figure as a PNG of `scale` pixels a unit. */
  png(figure: Figure, scale?: number): Promise<Uint8Array<ArrayBuffer>>;
  /** What plotly.js finds wrong with the figure's attributes, one line each; empty if nothing. */
  problems(figure: Figure): Promise<string[]>;
  close(): Promise<void>;
}

/** Opens a browser (about 2 s). Throws InputError where none can be started. */
export async function openRenderer(): Promise<Renderer> {
  const { browser, page } = await openPage();
  const image = (figure: Figure, format: "svg" | "png", scale: number) =>
    page.evaluate(drawInPage, { json: JSON.stringify(figure), format, scale });
  const close = () => browser.close();
  return {
    svg: async (figure) => tidy(await image(figure, "svg", 1)),
    png: async (figure, scale = 2) => Uint8Array.fromBase64(await image(figure, "png", scale)),
    problems: (figure) => page.evaluate(validateInPage, JSON.stringify(figure)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The browser that a notebook's cells share, closed when nobody has drawn for a while. */
let shared: Promise<Renderer> | undefined;
let idle: ReturnType<typeof setTimeout> | undefined;
const IDLE_MS = 30_000;

/** `draw` in the shared browser, which is opened where there is none, and closed where drawing fails. Throws as openRenderer(). */
export async function inSharedRenderer<T>(draw: (renderer: Renderer) => Promise<T>): Promise<T> {
  clearTimeout(idle);
  shared ??= openRenderer();
  try {
    return await draw(await shared);
  } catch (error) {
    await closeShared();
    throw error;
  } finally {
    Deno.unrefTimer(idle = setTimeout(closeShared, IDLE_MS));
  }
}

/** `draw` in the shared browser where one is open, else in one of its own. Throws as openRenderer(). */
export async function inRenderer<T>(draw: (renderer: Renderer) => Promise<T>): Promise<T> {
  if (shared) return await inSharedRenderer(draw);
  await using renderer = await openRenderer();
  return await draw(renderer);
}

async function closeShared() {
  const open = shared;
  shared = undefined;
  await open?.then((one) => one.close()).catch(() => {});
}

async function openPage(): Promise<{ browser: Browser; page: Page }> {
  const { chromium } = await import("playwright-core");
  const launch = await chromiumLaunch();
  let browser: Browser | undefined;
  try {
    browser = await chromium.launch({ ...launch, headless: true });
    const page = await browser.newPage();
    await page.setContent("<!doctype html><html><body></body></html>");
    const plotly = fileURLToPath(import.meta.resolve("plotly.js-dist"));
    await page.addScriptTag({ content: await Deno.readTextFile(plotly) });
    return { browser, page };
  } catch (error) {
    await browser?.close();
    const why = messageOf(error).split("\n")[0];
    throw new InputError(
      `Cannot start ${launch.executablePath} to draw images: ${why}; set UAL_CHROMIUM to a Chromium that runs here`,
    );
  }
}

// The two functions below run in the page: nothing from outside them exists there.

/** The image as an SVG's text or as a PNG's base64. Math.random, which names plotly's elements, starts anew; attributes are sorted. */
async function drawInPage(
  { json, format, scale }: { json: string; format: "svg" | "png"; scale: number },
): Promise<string> {
  // deno-lint-ignore no-explicit-any
  const page = globalThis as any;
  let state = 12345;
  Math.random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
  const { data, layout, alt } = JSON.parse(json);
  const { width, height } = layout;
  const url: string = await page.Plotly.toImage({ data, layout }, { format, width, height, scale });
  const body = url.slice(url.indexOf(",") + 1);
  if (format === "png") return body;
  const svg = new page.DOMParser().parseFromString(decodeURIComponent(body), "image/svg+xml");
  svg.documentElement.setAttribute("role", "img");
  svg.documentElement.setAttribute("aria-label", alt);
  for (const element of svg.querySelectorAll("*")) {
    // deno-lint-ignore no-explicit-any
    const attributes = [...element.attributes].filter((one: any) => !one.name.startsWith("xmlns"));
    attributes.sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { namespaceURI, localName } of attributes) element.removeAttributeNS(namespaceURI, localName);
    for (const { namespaceURI, name, value } of attributes) element.setAttributeNS(namespaceURI, name, value);
  }
  return new page.XMLSerializer().serializeToString(svg);
}

function validateInPage(json: string): string[] {
  const { data, layout } = JSON.parse(json);
  // deno-lint-ignore no-explicit-any
  const found: { msg: string }[] = (globalThis as any).Plotly.validate(data, layout) ?? [];
  return found.map((one) => one.msg);
}

/** One element a line, so that a diff shows what changed; text elements stay as they are. */
function tidy(svg: string): string {
  return svg.replace(/><(?=\/?(?:g|path|rect|defs|clipPath|svg)\b)/g, ">\n<") + "\n";
}
