// The figure of a silhouette through the model's layers: a line with a band a model.
import type { Data } from "plotly.js-dist";
import { axis, distinct, type Figure, figure, legendAbove, listed, needRows, styleOf } from "./figure.ts";
import { band, curveOf, isNumber, type Maybe, minus } from "./panels.ts";

/** The mean silhouette of one model at one layer. */
export interface LayerRow {
  method: string;
  /** 0: the embeddings, l: after the l-th layer, "final": after the last norm. */
  layer: number | "final";
  /** −1 to 1. */
  value: number;
  low?: Maybe;
  high?: Maybe;
}

/** Layers at equal distances, in the order of the rows. Throws InputError for an empty table. */
export function layersFigure(
  rows: readonly LayerRow[],
  { interval = "95% interval", measure = "Silhouette in the full space (−1 to 1)" }: {
    interval?: string;
    measure?: string;
  } = {},
): Figure {
  needRows(rows, "the layers");
  const methods = distinct(rows.map((row) => row.method)),
    layers = distinct(rows.map((row) => String(row.layer)));
  const of = (method: string) => rows.filter((row) => row.method === method);
  const x = (own: LayerRow[]) => own.map((row) => layers.indexOf(String(row.layer)));
  const ends = (own: LayerRow[]) => ({ low: own.map((row) => row.low), high: own.map((row) => row.high) });
  // The models' intervals nearly coincide: one band, of the first model, shows them.
  const shade = band(x(of(methods[0])), ends(of(methods[0])), styleOf(methods[0], methods));
  return figure({
    title: "How well tokens are told apart, layer by layer",
    note: shade
      ? `Band: ${interval} of ${methods[0]}, tokens drawn; point at a line for the others'.`
      : undefined,
    data: [
      ...(shade ? [{ ...shade, name: methods[0], legendgroup: methods[0] } as Data] : []),
      ...methods.map((method): Data => ({
        ...curveOf(styleOf(method, methods)),
        name: method,
        legendgroup: method,
        x: x(of(method)),
        y: of(method).map((row) => row.value),
        text: of(method).map((row) => `layer ${row.layer}: ${valueText(row)}`),
        hovertemplate: `${method}, %{text}<extra></extra>`,
      } as Data)),
    ],
    layout: {
      width: 720,
      height: 440,
      legend: legendAbove,
      margin: { l: 78, r: 24, t: 84 + 22 * Math.ceil(methods.length / 5), b: 64 },
      xaxis: axis("Layer (number; 0: embeddings, final: after the last norm)", {
        tickmode: "array",
        tickvals: layers.map((_, i) => i),
        ticktext: layers,
      }),
      yaxis: axis(measure, { nticks: 6 }),
    },
    alt: `${measure} of ${listed(methods)} by layer. ${
      methods.map((method) =>
        `${method}: ${of(method).map((row) => `${valueText(row)} at ${row.layer}`).join(", ")}.`
      )
        .join(" ")
    }`,
  });
}

const number = (value: number) => minus(value.toFixed(3));

function valueText({ value, low, high }: LayerRow): string {
  return isNumber(low) && isNumber(high)
    ? `${number(value)} (${number(low)} to ${number(high)})`
    : number(value);
}
