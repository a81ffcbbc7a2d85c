// Markdown as HTML the way JupyterLab draws it: marked, formulas by KaTeX, ids for headings.
// Besides, tables get scopes and images come into the page. Which links lead where is for the caller to say.
import { extname, join } from "node:path";
import { Marked, type Tokens } from "marked";
import { InputError } from "../../lib/run/errors.ts";
import { escapeHtml } from "../../lib/show/mod.ts";
import { withFormulas } from "../math.ts";

/** A heading of a notebook; `level` 1 is the notebook's title. */
export interface Heading {
  level: number;
  /** Plain text, formulas as TeX. */
  text: string;
  /** The heading's id in the page. */
  id: string;
}

/** What markdownHtml() is told about the page that the Markdown belongs to. */
export interface PageContext {
  /** The notebook's folder: relative images are read from there. */
  folder: string;
  /** Ids that the page has so far; new ones are added. */
  ids: Set<string>;
  /** What a link's address becomes, or undefined for one that leads out of the book: its text then stays, without a link. */
  link: (href: string) => string | undefined;
}

/** HTML, and the headings in it. Throws InputError for an image that is missing or would be loaded from elsewhere. */
export function markdownHtml(markdown: string, context: PageContext): { html: string; headings: Heading[] } {
  const plain = headingTexts(markdown), headings: Heading[] = [];
  const marked = new Marked({
    async: false,
    renderer: {
      heading({ tokens, depth }: Tokens.Heading) {
        const text = plain[headings.length], id = freeId(text, context.ids);
        headings.push({ level: depth, text, id });
        return `<h${depth} id="${escapeHtml(id)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, title, tokens }: Tokens.Link) {
        const text = this.parser.parseInline(tokens), target = context.link(href);
        if (target === undefined) return text;
        const about = title ? ` title="${escapeHtml(title)}"` : "";
        return `<a href="${escapeHtml(target)}"${about}>${text}</a>`;
      },
      image: ({ href, text }: Tokens.Image) =>
        `<img alt="${escapeHtml(text)}" src="${imageData(href, context.folder)}">`,
      tablecell({ header, align, tokens }: Tokens.TableCell) {
        const text = this.parser.parseInline(tokens), tag = header && text ? "th" : "td";
        const style = align ? ` style="text-align:${align}"` : "";
        return `<${tag}${tag === "th" ? ' scope="col"' : ""}${style}>${text}</${tag}>\n`;
      },
    },
  });
  return { html: marked.parser(marked.lexer(withFormulas(markdown))), headings };
}

/** The Markdown's words, formulas as TeX: for the search. */
export function markdownText(markdown: string): string {
  return textOf(new Marked({ async: false }).parse(withFormulas(markdown, escapeHtml)) as string);
}

/** HTML's words. */
export function textOf(html: string): string {
  const names: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"' };
  const bare = html.replace(/<(script|style)\b[\s\S]*?<\/\1>/g, " ").replace(
    /<\/?(?:\w[^<>]*)>/g,
    (tag) => /^<\/?(?:a|b|i|em|strong|code|span|small|sub|sup)\b/.test(tag) ? "" : " ",
  );
  return bare.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name) return names[name] ?? whole;
    return String.fromCodePoint(decimal ? Number(decimal) : parseInt(hex, 16));
  }).replace(/\s+/g, " ").trim();
}

function headingTexts(markdown: string): string[] {
  const found: string[] = [];
  const marked = new Marked({ async: false });
  marked.walkTokens(marked.lexer(withFormulas(markdown, escapeHtml)), (token) => {
    if (token.type === "heading") found.push(textOf(marked.parseInline(token.text) as string));
  });
  return found;
}

/** The heading's id as JupyterLab makes it, spaces to hyphens; a second one of that name gets a number. */
function freeId(text: string, ids: Set<string>): string {
  const base = text.replaceAll(" ", "-");
  let id = base;
  for (let i = 2; ids.has(id); i++) id = `${base}-${i}`;
  ids.add(id);
  return id;
}

const TYPES: Record<string, string> = {
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
};

function imageData(href: string, folder: string): string {
  if (href.startsWith("data:")) return escapeHtml(href);
  const type = TYPES[extname(href).toLowerCase()];
  const fail = (why: string) =>
    new InputError(`Cannot put image ${href} into the book: ${why}; keep it as a file beside the notebook`);
  if (/^[a-z]+:/i.test(href)) throw fail("it is loaded from elsewhere");
  if (!type) throw fail(`it is none of ${Object.keys(TYPES).join(", ")}`);
  try {
    return `data:${type};base64,${Deno.readFileSync(join(folder, decodeURIComponent(href))).toBase64()}`;
  } catch (error) {
    throw fail(error instanceof Deno.errors.NotFound ? "there is no such file" : String(error));
  }
}
