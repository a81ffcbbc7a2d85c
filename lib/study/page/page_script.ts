// What runs in the figures' page: still images give way to live figures as they come near the window, in the reader's colours.
// Nothing is fetched. These functions run in the page only.

/** The page's whole script. It finds the packed figures and plotly by their ids. */
export function pageScript(): string {
  return `(function () {\n"use strict";\n${
    [unpacked, loadPlotly, start].map(String).join("\n")
  }\nstart();\n})();`;
}

// deno-lint-ignore no-explicit-any
type Dom = any;

/** A text that stands in the page as gzip in base64. */
async function unpacked(id: string): Promise<string> {
  const { document } = globalThis as Dom;
  const letters = atob(document.getElementById(id).textContent.trim()),
    bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}

/** plotly.js out of the page. */
async function loadPlotly(): Promise<Dom> {
  const { document } = globalThis as Dom, script = document.createElement("script");
  script.textContent = await unpacked("ual-plotly");
  document.head.append(script);
  return (globalThis as Dom).Plotly;
}

/** Draws figures that are near the window; all again where the reader's setting changes between light and dark. */
function start() {
  const { document, matchMedia, IntersectionObserver } = globalThis as Dom;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const figures = unpacked("ual-figures").then((text) => JSON.parse(text));
  const plotly = loadPlotly();
  const draw = async (place: Dom) => {
    const [all, { react }] = await Promise.all([figures, plotly]);
    const { data, layout } = all[place.dataset.name][dark.matches ? "dark" : "light"];
    if (!place.dataset.live) place.replaceChildren();
    place.dataset.live = dark.matches ? "dark" : "light";
    await react(place, structuredClone(data), structuredClone(layout), { displaylogo: false });
  };
  const places = [...document.querySelectorAll("[data-name]")];
  const near = new IntersectionObserver((entries: Dom[]) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "600px" });
  for (const place of places) near.observe(place);
  dark.addEventListener("change", () => {
    for (const place of places) if (place.dataset.live) draw(place);
  });
}
