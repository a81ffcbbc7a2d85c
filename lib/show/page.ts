// The frame of a page that needs nothing but itself: nothing is fetched, and no script runs but those that are named here.
import { createHash } from "node:crypto";
import { escapeHtml } from "./text.ts";

/** What a page is made of. */
export interface PageParts {
  title: string;
  style: string;
  /** Everything inside the body but scripts. */
  body: string;
  /** Texts for the page's script, by element id: base64 and the like, without "<". */
  data: Record<string, string>;
  /** The page's script. */
  script: string;
  /** Scripts that the page's own script may start as well. */
  others?: readonly string[];
  /** Where images may come from; default: the page itself. */
  images?: string;
}

/** The page as text: the same parts give the same bytes. */
export function htmlPage(
  { title, style, body, data, script, others = [], images = "data:" }: PageParts,
): string {
  const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = `default-src 'none'; img-src ${images}; style-src 'unsafe-inline'; script-src ` +
    [script, ...others].map(hash).join(" ");
  const held = Object.entries(data).map(([id, text]) =>
    `<script type="text/plain" id="${id}">${text}</script>\n`
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
${body}
${held.join("")}<script>${script}</script>
</body>
</html>
`;
}
