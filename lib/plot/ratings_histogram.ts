// The figure of the ratings: how much diversity the dialogues ask for, by category, over the rubric's three bands.
import type { BarData, Layout } from "plotly.js-dist";
import { InputError } from "../run/errors.ts";
import {
  axis,
  distinct,
  type Figure,
  figure,
  legendRight,
  listed,
  median,
  needRows,
  REFERENCE,
  short,
} from "./figure.ts";

/** A dialogue's rating, 0 to 99. */
export interface RatedRow {
  category: string;
  uncertainty: number;
}

/** The rubric's bands: from (inclusive) to (exclusive). */
const BANDS = [
  { name: "exact", from: 0, to: 40, fill: "#fafafa" },
  { name: "semi-open", from: 40, to: 70, fill: "#f3f3f3" },
  { name: "open", from: 70, to: 100, fill: "#ebebeb" },
];

const WIDTH = 5, BINS = 100 / WIDTH;

/** Cividis, from dark to light: made for colour-blind readers, and a ramp in grey. */
const RAMP = [
  "#00224e",
  "#1a386f",
  "#43516c",
  "#61676f",
  "#7e7c77",
  "#9c9275",
  "#bfae6b",
  "#e2cb53",
  "#fee838",
];
const MOST = RAMP.length;

/**
 * Ratings in bins of 5, stacked by category, the categories ordered from the lowest mean rating (dark) to the highest (light).
 * More than nine categories: the rarest are drawn as one.
 * Throws InputError for an empty table and for a rating outside 0 to 99.
 */
export function ratingsHistogram(rows: readonly RatedRow[]): Figure {
  needRows(rows, "the ratings");
  for (const { uncertainty } of rows) {
    if (uncertainty >= 0 && uncertainty <= 99) continue;
    throw new InputError(
      `Cannot draw the rating ${uncertainty}: it is outside 0 to 99; correct it in the data`,
    );
  }
  const groups = categories(rows);
  return figure({
    title: "Need for diversity of the dialogues, as rated",
    data: bars(groups),
    layout: {
      barmode: "stack",
      bargap: 0,
      legend: {
        ...legendRight,
        traceorder: "reversed",
        title: { text: "Category (dialogues)", font: { size: 13 } },
      },
      margin: { l: 70, r: 24, t: 76, b: 64 },
      xaxis: axis("Rating: need for diversity (0–99)", {
        range: [0, 100],
        dtick: 10,
        showgrid: false,
        gridcolor: undefined,
      }),
      yaxis: axis("Dialogues per 5 points (count)", {
        rangemode: "tozero",
        tickformat: "d",
        dtick: tallest(rows) <= 6 ? 1 : undefined, // no half dialogues
      }),
      shapes: BANDS.map(shading),
      annotations: BANDS.map(({ name, from, to }) => ({
        text: `${name} (${inBand(rows, from, to)})`,
        showarrow: false,
        xref: "x",
        yref: "paper",
        x: (from + to) / 2,
        y: 1,
        yanchor: "bottom",
      })),
    },
    alt: describe(rows, groups.map((group) => group.name)),
  });
}

interface Group {
  name: string;
  ratings: number[];
}

/** A bar trace a category, dark to light, every second one hatched. */
function bars(groups: Group[]): Partial<BarData>[] {
  return groups.map(({ name, ratings }, i): Partial<BarData> => ({
    type: "bar",
    name: `${name} (${ratings.length})`,
    x: Array.from({ length: BINS }, (_, bin) => (bin + 0.5) * WIDTH),
    y: binned(ratings),
    width: WIDTH,
    marker: {
      color: RAMP[groups.length === 1 ? 3 : Math.round((i * (MOST - 1)) / (groups.length - 1))],
      line: { color: REFERENCE, width: 1 },
      pattern: i % 2
        ? { shape: "/", fillmode: "overlay", fgcolor: "#ffffff", fgopacity: 0.55, size: 6, solidity: 0.25 }
        : undefined,
    },
    hovertemplate: `%{x}: %{y} (${name})<extra></extra>`,
  }));
}

/** A band's grey behind the bars. */
function shading({ from, to, fill }: (typeof BANDS)[number]): NonNullable<Layout["shapes"]>[number] {
  return {
    type: "rect",
    layer: "below",
    xref: "x",
    yref: "paper",
    x0: from,
    x1: to,
    y0: 0,
    y1: 1,
    fillcolor: fill,
    line: { width: 0 },
  };
}

function describe(rows: readonly RatedRow[], names: string[]): string {
  const ratings = rows.map((row) => row.uncertainty);
  const bands = BANDS.map(({ name, from, to }) => `${inBand(rows, from, to)} ${name} (${from} to ${to - 1})`);
  return `Histogram of ${rows.length} ratings from ${short(Math.min(...ratings))} to ${
    short(Math.max(...ratings))
  }, median ${short(median(ratings))}: ${
    listed(bands)
  }. Categories from the lowest mean rating to the highest: ${names.join(", ")}.`;
}

/** Categories by rising mean rating; those beyond the palette, rarest first, are put together as "other". */
function categories(rows: readonly RatedRow[]): Group[] {
  const of = (name: string) => rows.filter((row) => row.category === name).map((row) => row.uncertainty);
  let groups = distinct(rows.map((row) => row.category)).map((name) => ({ name, ratings: of(name) }));
  if (groups.length > MOST) {
    groups.sort((a, b) => b.ratings.length - a.ratings.length || (a.name < b.name ? -1 : 1));
    const rest = groups.slice(MOST - 1);
    groups = groups.slice(0, MOST - 1);
    groups.push({ name: `${rest.length} others`, ratings: rest.flatMap((group) => group.ratings) });
  }
  const mean = ({ ratings }: Group) => ratings.reduce((a, b) => a + b, 0) / ratings.length;
  return groups.sort((a, b) => mean(a) - mean(b) || (a.name < b.name ? -1 : 1));
}

function binned(ratings: readonly number[]): number[] {
  const counts = new Array<number>(BINS).fill(0);
  for (const rating of ratings) counts[Math.floor(rating / WIDTH)]++;
  return counts;
}

function tallest(rows: readonly RatedRow[]): number {
  return Math.max(...binned(rows.map((row) => row.uncertainty)));
}

function inBand(rows: readonly RatedRow[], from: number, to: number): number {
  return rows.filter((row) => row.uncertainty >= from && row.uncertainty < to).length;
}
