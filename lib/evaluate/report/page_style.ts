// The report page's look: light and dark by the reader's setting, tables that scroll sideways.

/** CSS. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #222; --soft: #5c5c5c; --paper: #fff; --line: #cfcfcf; --tint: #f2f5f8; --link: #005a94; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a9a9a9; --paper: #16181b; --line: #45494e; --tint: #22262b; --link: #7cc0f5; }
}
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; font: 16px/1.5 "Open Sans", system-ui, Arial, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; margin: 0 0 0.5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; }
a { color: var(--link); }
nav a { margin-right: 1rem; }
.scroll { overflow-x: auto; position: relative; }
table { border-collapse: collapse; font-size: 0.92rem; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.4rem; }
th, td { padding: 0.25rem 0.7rem 0.25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { vertical-align: bottom; }
td { font-variant-numeric: tabular-nums; }
.scroll td, .scroll tbody th { white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1rem; font-size: 0.92rem; margin: 0.5rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); }
.note, li { font-size: 0.92rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.filters { display: flex; flex-wrap: wrap; gap: 0.6rem 1rem; align-items: end; margin: 0.6rem 0; }
.filters label { display: flex; flex-direction: column; font-size: 0.85rem; color: var(--soft); }
select, input, button { font: inherit; font-size: 0.92rem; padding: 0.25rem 0.4rem; color: var(--ink); background: var(--paper);
  border: 1px solid var(--line); border-radius: 4px; }
input { min-width: 15rem; }
button:disabled { color: var(--soft); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
summary { cursor: pointer; }
#ual-list details { border-bottom: 1px solid var(--line); }
#ual-list summary { display: grid; grid-template-columns: 13rem 1fr 9rem; gap: 0.8rem; padding: 0.35rem 0.2rem; cursor: pointer; }
#ual-list .where { color: var(--soft); overflow-wrap: anywhere; }
#ual-list .line { overflow-wrap: anywhere; }
#ual-list .marks { font-size: 0.88rem; }
.item { padding: 0.2rem 0.6rem 1rem; background: var(--tint); overflow-x: auto; }
.item pre { font: inherit; }
@media (max-width: 50rem) { #ual-list summary { grid-template-columns: 1fr; gap: 0; } }
@media print { .filters, #ual-list, #ual-count, .pages { display: none; } }
`;
