// Figures in a notebook: live plotly figures that work offline, in JupyterLab, classic and exported HTML; a still image
// where scripts do not run. Awaited output is lib/show's; files are export.ts's.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { sha256Hex } from "../run/files.ts";
import { type Bundle, escapeHtml, inNotebook, show, showLive } from "../show/mod.ts";
import type { Figure } from "./figure.ts";
import { inSharedRenderer } from "./renderer.ts";
import { COLOR, darkColors } from "./theme.ts";

/** A figure that changes while a stage runs. */
export interface LiveFigure {
  /** Replaces it in place. */
  update(figure: Figure): Promise<void>;
  /** The last update: what stays in the notebook, with its still image. */
  finish(figure: Figure): Promise<void>;
}

/** Shows the loader that live figures need: once in a notebook, in a cell before the first figure. Await it. */
export async function showPlotly(): Promise<void> {
  await show(await loaderBundle());
}

/**
 * Shows a figure; await it. A still image for readers whose scripts do not run is drawn first, which takes a browser (2 s the
 * first time). Outside a notebook the description is printed.
 */
export async function showFigure(figure: Figure): Promise<void> {
  await show(await stillBundle(figure));
}

/** As showFigure() for one that changes: `const live = await showLiveFigure(first)`, then update() and at the end finish(). */
export async function showLiveFigure(figure: Figure): Promise<LiveFigure> {
  const live = await showLive(figureBundle(figure));
  return {
    update: (next) => live.update(figureBundle(next)),
    finish: async (last) => live.update(await stillBundle(last)),
  };
}

async function stillBundle(figure: Figure): Promise<Bundle> {
  return figureBundle(figure, inNotebook() ? { png: await stillOf(figure) } : {});
}

/** Script that a page runs once window.ualPlotly is there: figures are drawn, and again when the page's look changes. */
export const followTheme = `window.dispatchEvent(new Event("ual-plotly"));
(function () {
  function changed() { window.dispatchEvent(new Event("ual-theme")); }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  var watch = { attributes: true, attributeFilter: ["data-jp-theme-light"] };
  if (document.body) new MutationObserver(changed).observe(document.body, watch);
})();
`;

/** Whether the page is dark: JupyterLab says so on its body, elsewhere the reader's system does. */
const IS_DARK = `(document.body.dataset.jpThemeLight ? document.body.dataset.jpThemeLight === "false" : ` +
  `matchMedia("(prefers-color-scheme: dark)").matches)`;

/**
 * plotly.js (the cartesian build, 0.7 MB as gzip in base64) as an output that leaves a promise of it in the page. The browser
 * unpacks it: no network.
 */
export async function loaderBundle(): Promise<Bundle> {
  const file = fileURLToPath(import.meta.resolve("plotly.js-cartesian-dist-min"));
  const packed = new Uint8Array(gzipSync(await Deno.readFile(file), { level: 9 })).toBase64();
  const script = `(function () {
if (window.ualPlotly) return;
window.ualPlotly = (async function () {
  var packed = Uint8Array.from(atob("${packed}"), function (c) { return c.charCodeAt(0); });
  var stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  var script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.appendChild(script);
  return window.Plotly;
})();
${followTheme}})();`;
  return {
    "text/html": `<script>${script}</script><small>Figures are drawn by plotly.js.</small>`,
    "text/plain": "Figures are drawn by plotly.js.",
  };
}

/**
 * A figure as one output: HTML in which a script replaces the image by the live figure as soon as the loader has run, plotly's own
 * MIME type, and the description. The element is found by the figure's hash, so the same figure gives the same bytes and two
 * notebooks in one page do not mix.
 */
export function figureBundle(figure: Figure, { png }: { png?: Uint8Array } = {}): Bundle {
  const { data, layout, alt } = figure;
  const config = { displaylogo: false };
  const json = JSON.stringify({ data, layout, config });
  const key = sha256Hex(json).slice(0, 12);
  const { width, height } = layout;
  const image = png
    ? `<img width="${width}" height="${height}" alt="${
      escapeHtml(alt)
    }" src="data:image/png;base64,${png.toBase64()}">`
    : `<small>${escapeHtml(alt)}</small>`;
  const script = `(function () {
var text = ${JSON.stringify(json).replaceAll("<", "\\u003c")};
var colors = ${JSON.stringify(darkColors(json))};
function draw() {
  window.ualPlotly.then(function (plotly) {
    var dark = ${IS_DARK};
    var shown = dark ? text.replace(${COLOR}, function (c) { return colors[c] || c; }) : text;
    document.querySelectorAll('[data-figure="${key}"]').forEach(function (place) {
      if (place.dataset.live === String(dark)) return;
      var first = !place.dataset.live, figure = JSON.parse(shown);
      place.dataset.live = String(dark);
      if (first) place.replaceChildren();
      plotly.react(place, figure.data, figure.layout, figure.config);
    });
  });
}
if (window.ualPlotly) draw(); else window.addEventListener("ual-plotly", draw, { once: true });
window.addEventListener("ual-theme", draw);
})();`;
  const place = `data-figure="${key}" role="figure" aria-label="${escapeHtml(alt)}"`;
  return {
    "text/html":
      `<div ${place} style="width:${width}px;height:${height}px">${image}</div><script>${script}</script>`,
    "application/vnd.plotly.v1+json": JSON.parse(json),
    "text/plain": alt,
  };
}

function stillOf(figure: Figure): Promise<Uint8Array> {
  return inSharedRenderer((renderer) => renderer.png(figure, 1));
}
