// Notebooks as pages before they are laid out: title, headings, HTML, what the search knows; links are checked.
// The frame around a page is layout.ts.
import { basename, dirname } from "node:path";
import { InputError } from "../../lib/run/errors.ts";
import { type Notebook, readNotebook } from "../notebook_file.ts";
import { cellHtml } from "./cells.ts";
import { type Heading, textOf } from "./markdown.ts";

/** One notebook of the book. */
export interface Page {
  /** The notebook's name without its ending; the page is NAME.html. */
  name: string;
  title: string;
  /** All headings but the title, in order. */
  headings: Heading[];
  html: string;
  /** The points of "What you will learn", as HTML. */
  learn: string[];
  sections: Section[];
}

/** A part of a page from one heading to the next: what the search finds. */
export interface Section {
  /** Where it is: NAME.html#heading. */
  href: string;
  page: string;
  heading: string;
  text: string;
}

/** A link from one notebook to a place in another. */
interface Link {
  from: string;
  href: string;
  name: string;
  id: string;
}

/** Reads notebooks into pages, in the given order. Throws InputError for a link to a notebook or heading that is not in the book. */
export async function readPages(paths: readonly string[]): Promise<Page[]> {
  const names = new Set(paths.map(nameOf)), links: Link[] = [];
  const pages: Page[] = [], idsOf = new Map<string, Set<string>>();
  for (const path of paths) {
    const name = nameOf(path), ids = new Set<string>();
    const link = (href: string) => linkTarget(href, name, names, links);
    pages.push(pageOf(await readNotebook(path), name, { folder: dirname(path), ids, link }));
    idsOf.set(name, ids);
  }
  for (const { from, href, name, id } of links) {
    if (id && !idsOf.get(name)!.has(id)) {
      throw new InputError(
        `Cannot follow the link ${href} of ${from}.ipynb: ${name}.ipynb has no such heading; correct it`,
      );
    }
  }
  return pages;
}

const nameOf = (path: string) => basename(path, ".ipynb");

/** Links to notebooks lead to their pages; those to other files of the project lead nowhere in a book. */
function linkTarget(href: string, from: string, names: Set<string>, links: Link[]): string | undefined {
  if (/^(?:https?|mailto):/i.test(href)) return href;
  const [path, hash = ""] = href.split("#"), id = decodeURIComponent(hash);
  if (path && !path.endsWith(".ipynb")) return undefined;
  const name = path ? nameOf(decodeURIComponent(path)) : from;
  if (!names.has(name)) {
    throw new InputError(
      `Cannot follow the link ${href} of ${from}.ipynb: there is no such notebook in the book; correct it`,
    );
  }
  links.push({ from, href, name, id });
  return `${path ? `${name}.html` : ""}${hash ? `#${encodeURIComponent(id)}` : ""}` || `${name}.html`;
}

function pageOf(notebook: Notebook, name: string, context: Parameters<typeof cellHtml>[1]): Page {
  const cells = notebook.cells.map((cell) => cellHtml(cell, context));
  const headings = cells.flatMap((cell) => cell.headings);
  const title = headings.find(({ level }) => level === 1)?.text;
  if (!title) {
    throw new InputError(`Cannot make a page of ${name}.ipynb: it has no title; begin it with a line "# …"`);
  }
  const sections = sectionsOf(cells, name, title);
  const html = cells.map((cell) => cell.html).join("");
  return {
    name,
    title,
    headings: headings.filter((one) => one.text !== title),
    html,
    learn: learnt(html),
    sections,
  };
}

function sectionsOf(cells: ReturnType<typeof cellHtml>[], name: string, title: string): Section[] {
  const sections: Section[] = [];
  const open = (heading: string, id?: string) =>
    sections.push({
      href: `${name}.html${id ? `#${encodeURIComponent(id)}` : ""}`,
      page: title,
      heading,
      text: "",
    });
  open(title);
  for (const { headings, text } of cells) {
    let rest = text;
    for (const { level, text: heading, id } of headings) {
      const at = rest.indexOf(heading);
      sections.at(-1)!.text += ` ${rest.slice(0, Math.max(0, at))}`;
      rest = rest.slice(Math.max(0, at) + heading.length);
      if (level > 1) open(heading, id);
    }
    sections.at(-1)!.text += ` ${rest}`;
  }
  return sections.map((one) => ({ ...one, text: one.text.replace(/\s+/g, " ").trim() }));
}

/** The list under "What you will learn". */
function learnt(html: string): string[] {
  const list = /What you will learn[\s\S]*?<ul>([\s\S]*?)<\/ul>/.exec(html)?.[1] ?? "";
  return [...list.matchAll(/<li>([\s\S]*?)<\/li>/g)].map((item) => item[1].trim()).filter((item) =>
    textOf(item)
  );
}
