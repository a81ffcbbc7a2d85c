// Notebook output: show() and what it shows.
export { csvOf } from "./csv.ts";
export { htmlPage, type PageParts } from "./page.ts";
export { type Bundle, elementId, inNotebook, type Live, show, showLive } from "./show.ts";
export { type Column, escapeHtml, markdown, table, type TableOptions } from "./text.ts";
export { progressBar } from "./progress_bar.ts";
export { type ButtonPlace, buttonPlace, type StopButton } from "./stop_button.ts";
