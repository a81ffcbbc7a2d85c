// What runs in the report page: it unpacks and filters the items, and draws an item when it is opened.
// Plain DOM, texts set as text or by itemHtml(); nothing is fetched. These functions run in the page only.
import { filterItems, ITEM_DATA_SOURCE, type PackedItems, rightText, viewOf } from "./item_data.ts";
import { ITEM_HTML_SOURCE, itemHtml } from "./item_html.ts";

/** The page's whole script. It finds its places by their ids. */
export function pageScript(): string {
  const source = [
    ITEM_HTML_SOURCE(),
    ITEM_DATA_SOURCE(),
    ...[unpack, entry, startExplorer, main].map(String),
  ];
  return `(function () {\n"use strict";\n${source.join("\n")}\nmain();\n})();`;
}

// deno-lint-ignore no-explicit-any
type Dom = any;

/** The items, which stand in the page as gzip in base64. */
async function unpack(text: string): Promise<PackedItems> {
  const letters = atob(text.trim()), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** An item of the list; what is in it is made when it is first opened. */
function entry(document: Dom, packed: PackedItems, item: number): Dom {
  const make = (tag: string, text: string, name = "") => {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = name;
    return element;
  };
  const [t, doc, question] = packed.items[item], { task } = packed.tasks[t];
  const line = question.trim().replace(/\s+/g, " ");
  const summary = document.createElement("summary");
  summary.append(
    make("span", `${task} ${doc}`, "where"),
    make("span", line.length > 160 ? line.slice(0, 160) + "…" : line, "line"),
    make("span", rightText(viewOf(packed, item)), "marks"),
  );
  const details = document.createElement("details"), body = make("div", "", "item");
  details.append(summary, body);
  details.addEventListener("toggle", () => {
    if (details.open && !body.hasChildNodes()) body.innerHTML = itemHtml(viewOf(packed, item));
  });
  return details;
}

/** Wires the filters and the list. */
function startExplorer(document: Dom, packed: PackedItems) {
  const place = (id: string) => document.getElementById(`ual-${id}`);
  const shown = 25,
    list = place("list"),
    count = place("count"),
    earlier = place("earlier"),
    later = place("later");
  let found: number[] = [], from = 0, waiting: ReturnType<typeof setTimeout> | undefined;
  const draw = () => {
    const part = found.slice(from, from + shown);
    list.replaceChildren(...part.map((item) => entry(document, packed, item)));
    const range = found.length ? `, ${from + 1} to ${from + part.length} shown` : "";
    count.textContent = `${found.length} of ${packed.items.length} items${range}`;
    earlier.disabled = from === 0;
    later.disabled = from + shown >= found.length;
  };
  const refresh = () => {
    const [task, model, outcome, text] = ["task", "model", "outcome", "text"].map((id) => place(id).value);
    found = filterItems(packed, { task, model, outcome, text });
    from = 0;
    draw();
  };
  const turn = (by: number) => {
    from += by;
    draw();
    list.querySelector("summary")?.focus();
  };
  for (const id of ["task", "model", "outcome"]) place(id).addEventListener("change", refresh);
  place("text").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 150);
  });
  earlier.addEventListener("click", () => turn(-shown));
  later.addEventListener("click", () => turn(shown));
  refresh();
}

async function main() {
  const { document } = globalThis as Dom;
  startExplorer(document, await unpack(document.getElementById("ual-items").textContent));
}
