// The evaluation's report: the page, the items of a notebook's cell, and the rows of its figures.
export { chanceOf, differenceRows, scorePoints } from "./figure_rows.ts";
export type { ItemFilter } from "./item_data.ts";
export { itemExplorer, type ItemExplorerOptions, itemsBundle } from "./item_explorer.ts";
export { type ReportInput, reportPage, writeReport } from "./report.ts";
export type { ReportContamination, ReportFigure } from "./sections.ts";
