// lib/show outside a notebook and as pure functions; inside a kernel it is tested by tools_notebook_test.ts.
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { csvOf } from "../lib/show/csv.ts";
import { bar } from "../lib/show/progress_bar.ts";
import { elementId, escapeHtml, inNotebook, markdown, show, showLive, table } from "../lib/show/mod.ts";
import { toBundle } from "../lib/show/show.ts";

async function printed(body: () => Promise<unknown>): Promise<unknown[]> {
  const lines: unknown[] = [];
  const log = console.log;
  console.log = (line: unknown) => lines.push(line);
  try {
    await body();
  } finally {
    console.log = log;
  }
  return lines;
}

Deno.test("show() prints the plain text outside a notebook", async () => {
  equal(inNotebook(), false);
  deepEqual(await printed(() => show(markdown("**b**"))), ["**b**"]);
  deepEqual(await printed(() => show({ "image/png": "AAAA" })), ["[image/png]"]);
  deepEqual(await printed(async () => await (await showLive("a")).update("b")), ["a"]);
});

Deno.test("toBundle() tells bundles from other values", () => {
  deepEqual(toBundle({ "text/html": "<b>", "application/vnd.plotly.v1+json": {} }), {
    "text/html": "<b>",
    "application/vnd.plotly.v1+json": {},
  });
  deepEqual(toBundle("a/b"), { "text/plain": "a/b" });
  deepEqual(toBundle({ a: 1 }), { "text/plain": "{ a: 1 }" });
  deepEqual(toBundle({}), { "text/plain": "{}" });
  deepEqual(toBundle(undefined), { "text/plain": "undefined" });
});

Deno.test("table() aligns numbers, formats them, and makes text safe", () => {
  const rows = [{ method: "<SFT>", ppl: 12.34567, n: 32 }, { method: 'U"AL', ppl: null, n: 5 }];
  const { "text/html": html, "text/plain": plain } = table(rows, {
    columns: ["method", { key: "ppl", label: "perplexity", digits: 2 }, "n"],
    caption: "held-out",
  });
  equal(
    plain,
    `held-out
method  perplexity   n
------  ----------  --
<SFT>        12.35  32
U"AL             –   5`,
  );
  match(
    String(html),
    /<caption>held-out<\/caption><thead><tr><th scope="col" style="text-align:left">method/,
  );
  match(
    String(html),
    /<td style="text-align:left">&lt;SFT&gt;<\/td><td style="text-align:right">12\.35<\/td>/,
  );
  equal(table([{ x: 0.123456 }])["text/plain"], "     x\n------\n0.1235");
  const small = table([{ x: -0.001 }, { x: -0.01 }], { columns: [{ key: "x", digits: 2 }] });
  equal(small["text/plain"], "    x\n-----\n 0.00\n-0.01");
  equal(table([])["text/plain"], "\n");
});

Deno.test("bar() holds times while it runs and none at its end", () => {
  const state = {
    title: "SFT & LS",
    done: 3,
    total: 9,
    note: "loss 2.1",
    tokensPerSecond: 512.4,
    secondsLeft: 61,
  };
  equal(
    bar({ ...state, finished: false })["text/plain"],
    "SFT & LS: 3 of 9 steps · loss 2.1 · 512 tokens/s · 1:01 left",
  );
  const end = bar({ ...state, done: 9, finished: true });
  equal(end["text/plain"], "SFT & LS: 9 of 9 steps · loss 2.1");
  equal(
    end["text/html"],
    '<div><label>SFT &amp; LS <progress value="9" max="9"></progress></label> 9 of 9 steps · loss 2.1</div>',
  );
});

Deno.test("elementId() counts", () => {
  const first = elementId();
  match(first, /^ual-\d+$/);
  notEqual(elementId(), first);
  equal(escapeHtml(`<a href="x">'&'</a>`), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
});

Deno.test("csvOf() quotes what needs it, keeps numbers whole, and leaves empty what is not there", () => {
  const rows = [{ a: 'x, "y"', b: NaN, d: [1, "2"] }, { a: 0.1 + 0.2, c: true, d: null }, {
    a: "two\nlines",
  }];
  equal(
    csvOf(rows),
    'a,b,d,c\r\n"x, ""y""",,"[1,""2""]",\r\n0.30000000000000004,,,true\r\n"two\nlines",,,\r\n',
  );
});
