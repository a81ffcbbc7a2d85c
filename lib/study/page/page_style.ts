// The figures' page's look: one column with contents above, light and dark by the reader's setting, whole at a phone's width.

import { DARK_GROUND } from "../../plot/mod.ts";

/** CSS. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#222222, #e6e6e6); --soft: light-dark(#565b61, #a9b0b8);
  --paper: light-dark(#ffffff, ${DARK_GROUND}); --line: light-dark(#cfd3d8, #43484e); --tint: light-dark(#f3f5f8, #202429);
  --link: light-dark(#005a94, #7cc0f5); }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; font: 1.03rem/1.6 "Open Sans", system-ui, Arial, sans-serif; color: var(--ink); background: var(--paper); }
.skip { position: absolute; left: -999px; top: 0; padding: 0.5rem 1rem; background: var(--paper); z-index: 2; }
.skip:focus { left: 0; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.1rem; }
header { padding-top: 1.8rem; }
main:focus { outline: none; }
footer { padding: 2rem 1.1rem 3rem; color: var(--soft); font-size: 0.92rem; }
h1 { font-size: 1.8rem; line-height: 1.25; margin: 0 0 0.6rem; }
h2 { font-size: 1.4rem; line-height: 1.3; margin: 3.2rem 0 0.6rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2.2rem 0 0.3rem; }
p, li { max-width: 46rem; }
p { margin: 0.5rem 0; }
ul { padding-left: 1.3rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
nav { margin: 1.2rem 0; padding: 0.7rem 1rem; background: var(--tint); border-radius: 0.5rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li { max-width: none; margin: 0.3rem 0; }
nav > ul > li > a { font-weight: 600; }
nav li ul { display: inline; }
nav li li { display: inline-block; margin: 0.1rem 0.9rem 0.1rem 0; font-size: 0.92rem; }
nav li li:first-child { margin-left: 0.9rem; }
figure { margin: 0.8rem 0 0.4rem; }
.frame, .scroll { position: relative; overflow-x: auto; border: 1px solid var(--line); border-radius: 0.4rem; }
.frame { background: light-dark(#ffffff, ${DARK_GROUND}); }
.place { margin: 0 auto; }
.place img { display: block; max-width: none; }
.place img.dark { display: none; }
@media (prefers-color-scheme: dark) { .place img.light { display: none; } .place img.dark { display: block; } }
.soft { color: var(--soft); }
.files { font-size: 0.92rem; margin: 0.4rem 0 0; }
summary { cursor: pointer; padding: 0.2rem 0; }
details > p { margin: 0.2rem 0 0.6rem; }
figcaption details, details.data, .words { font-size: 0.95rem; }
.scroll { width: fit-content; max-width: 100%; margin: 0.4rem 0 0.8rem; max-height: 34rem; overflow-y: auto; }
table { border-collapse: collapse; font-size: 0.9rem; line-height: 1.45; }
th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
thead th, thead td { position: sticky; top: 0; background: var(--tint); }
tbody th { font-weight: 600; }
td { font-variant-numeric: tabular-nums; }
.data td, .data tbody th { white-space: pre-wrap; max-width: 34rem; }
code, pre { font: 0.85rem/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { overflow: auto; max-height: 24rem; padding: 0.7rem; background: var(--tint); border-radius: 0.4rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1rem; font-size: 0.95rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  h1 { font-size: 1.5rem; }
  nav li ul { display: none; }
  .hint::after { content: " Wide figures and tables scroll sideways."; }
}
@media print { nav, .files, .skip { display: none; } .scroll { max-height: none; } }
`;
