// The book in the real Chromium, from files and without network: accessibility, contents, search, figures, links.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { notebooksOf } from "../../tools/book.ts";
import { writeBook } from "../../tools/book/write_book.ts";
import { inFolder } from "../folder.ts";
import { faultsOf, hoverPoint, keepScreenshot, violations, withBrowser } from "./page.ts";

const WIDE = { width: 1280, height: 900 }, PHONE = { width: 390, height: 844 };

interface Place {
  folder: string;
  browser: Browser;
}

/** Opens a page of the book and waits for its figures; fails where it asks for anything but files. */
async function visit(
  { folder, browser }: Place,
  name: string,
  body: (page: Page) => Promise<void>,
  viewport = WIDE,
): Promise<void> {
  const context = await browser.newContext({ viewport, offline: true, reducedMotion: "reduce" });
  const page = await context.newPage(), faults = faultsOf(page);
  await page.goto(pathToFileURL(join(folder, name)).href);
  await page.waitForFunction(
    "[...document.querySelectorAll('[data-figure]')].every((one) => one.querySelector('.plot-container'))",
  );
  await body(page);
  deepEqual(faults, [], name);
  await context.close();
}

/** All ids and links of a page. */
const linksOf = (page: Page) =>
  page.evaluate(`({
    ids: [...document.querySelectorAll("[id]")].map((one) => one.id),
    links: [...document.querySelectorAll("a[href]")].map((one) => one.href),
  })`) as Promise<{ ids: string[]; links: string[] }>;

Deno.test("the book of the committed notebooks is accessible, searchable and whole, from files alone", async (t) => {
  const paths = await notebooksOf("smollm2");
  await inFolder((folder) =>
    withBrowser(async (browser) => {
      const place = { folder, browser };
      const pages = await writeBook(paths, folder, { note: "As committed." });
      const names = ["index.html", ...pages.map(({ name }) => `${name}.html`)];

      await t.step("axe-core finds nothing, wide and light, narrow and dark", async () => {
        for (const name of names) {
          await visit(place, name, async (page) => {
            deepEqual(await violations(page), [], `${name}, light`);
            await page.setViewportSize(PHONE);
            await page.emulateMedia({ colorScheme: "dark" });
            deepEqual(await violations(page), [], `${name}, dark, narrow`);
            const wide = await page.evaluate("document.documentElement.scrollWidth");
            ok(wide as number <= PHONE.width, `${name} is ${wide} pixels wide on a phone`);
          });
        }
      });

      await t.step("no link within the book is dead, no id stands twice", async () => {
        const idsOf = new Map<string, Set<string>>(), links: [string, string][] = [];
        for (const name of names) {
          await visit(place, name, async (page) => {
            const found = await linksOf(page);
            idsOf.set(name, new Set(found.ids));
            equal(idsOf.get(name)!.size, found.ids.length, `${name} has an id twice`);
            links.push(...found.links.map((link): [string, string] => [name, link]));
          });
        }
        const base = pathToFileURL(folder).href + "/";
        const inner = links.filter(([, link]) => !/^https:/.test(link));
        ok(inner.length > 100);
        for (const [from, link] of inner) {
          const [name, hash] = decodeURIComponent(link.replace(base, "")).split("#");
          ok(idsOf.has(name), `${from}: ${link} leads nowhere`);
          ok(!hash || idsOf.get(name)!.has(hash), `${from}: ${link}: no such heading`);
        }
      });

      await t.step("contents: every notebook with its headings; next and previous; the place is marked", () =>
        visit(place, names[1], async (page) => {
          const nav = page.locator("#contents");
          equal(await nav.locator("> ul > li > a").count(), pages.length);
          equal(
            await nav.locator("details a").count(),
            pages.reduce((sum, one) =>
              sum + one.headings.length, 0),
          );
          equal(await nav.locator("[aria-current=page]").count(), 1);
          const last = pages[0].headings.at(-1)!;
          await nav.getByRole("link", { name: last.text, exact: true }).first().click();
          await page.waitForFunction(
            "document.querySelector('#contents [aria-current=location]')?.textContent === " +
              JSON.stringify(last.text),
          );
          for (const one of pages.slice(1)) {
            await page.locator(".neighbours a[rel=next]").click();
            await page.waitForURL((url) => url.pathname.endsWith(`/${one.name}.html`));
            equal(await page.locator("h1").innerText(), one.title);
          }
          equal(await page.locator(".neighbours a[rel=next]").count(), 0);
          await page.locator(".neighbours a[rel=prev]").click();
          await page.waitForURL((url) => url.pathname.endsWith(`/${pages.at(-2)!.name}.html`));
        }));

      await t.step("on a phone the contents open and close by a button", () =>
        visit(place, names[1], async (page) => {
          const menu = page.getByRole("button", { name: "Contents" }), nav = page.locator("#contents");
          ok(await nav.isHidden());
          await menu.click();
          equal(await menu.getAttribute("aria-expanded"), "true");
          ok(await nav.isVisible());
          deepEqual(await violations(page), []);
          await nav.locator("a[href^='#']").last().click();
          ok(await nav.isHidden());
        }, PHONE));

      await t.step("the search finds a word by keyboard alone and jumps to it", () =>
        visit(place, "index.html", async (page) => {
          await page.keyboard.press("/");
          await page.keyboard.type("potassium");
          await page.waitForSelector("#found li a");
          match(await page.locator("#found [role=status]").innerText(), /^\d+ places/);
          match(await page.locator("#found li").first().innerText(), /potassium/);
          equal(await page.locator("#found li").first().locator("mark").first().innerText(), "potassium");
          deepEqual(await violations(page), []);
          await keepScreenshot(page, "book_search");
          await page.keyboard.press("ArrowDown");
          equal(await page.evaluate("document.activeElement === document.querySelector('#found a')"), true);
          await page.keyboard.press("Escape");
          ok(await page.locator("#found").isHidden());
          await page.keyboard.type("ssium"); // goes on in the field: potassiumssium
          match(await page.locator("#found [role=status]").innerText(), /Nothing found|place/);
          await page.fill("#search", "potassium");
          await page.keyboard.press("Enter");
          await page.waitForURL(/\?q=potassium/);
          await page.waitForFunction(`(() => {
            const [range] = [...(CSS.highlights.get("found") ?? [])].filter((one) => {
              const { top, bottom } = one.getBoundingClientRect();
              return bottom > top && top > 0 && bottom < innerHeight;
            });
            return range?.toString().toLowerCase() === "potassium";
          })()`);
        }));

      await t.step("figures are live: a point's label appears", () =>
        visit(place, "02_map.html", async (page) => {
          await hoverPoint(page, page.locator("[data-figure]").first());
        }));

      await t.step("pages can be read without scripts", async () => {
        const context = await browser.newContext({ javaScriptEnabled: false, viewport: PHONE });
        const page = await context.newPage();
        await page.goto(pathToFileURL(join(folder, "00_overview.html")).href);
        ok(await page.locator("#contents").isVisible());
        ok(await page.locator("[data-figure] img").first().isVisible());
        ok(await page.locator("#search").isHidden());
        await context.close();
      });

      for (
        const [name, viewport, colorScheme] of [
          ["book_wide", WIDE, "light"],
          ["book_dark", WIDE, "dark"],
          ["book_phone", PHONE, "light"],
        ] as const
      ) {
        await visit(place, "03_train.html", async (page) => {
          await page.emulateMedia({ colorScheme });
          await page.evaluate("document.getElementById('The-loss').scrollIntoView()");
          await keepScreenshot(page, name);
        }, viewport);
      }
    })
  );
});
