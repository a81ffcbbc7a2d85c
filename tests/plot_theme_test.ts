// The dark look of every figure: contrast, the same marks, nothing else changed; colours that colour-blind readers tell apart.
import assert from "node:assert/strict";
import { contrast, DARK_GROUND, darkColors, darkOf, themed } from "../lib/plot/theme.ts";
import { styleOf } from "../lib/plot/figure.ts";
import { correlationsFigure } from "../lib/plot/correlations.ts";
import { figures } from "./plot_tables.ts";

const COLOR = /#[0-9a-f]{6}(?:[0-9a-f]{2})?(?![0-9a-z])/gi;
const METHODS = ["base", "SFT", "LS", "UAL", "PPL-UAL", "Entropy-UAL"];

for (const [name, figure] of Object.entries(figures())) {
  Deno.test(`themed() gives figure ${name} a dark look and changes nothing but colours`, () => {
    const dark = themed(figure, "dark"),
      blank = (value: unknown) => JSON.stringify(value).replace(COLOR, "#");
    assert.equal(blank(dark), blank(figure));
    assert.equal(dark.layout.paper_bgcolor, DARK_GROUND);
    assert.equal(themed(figure, "light"), figure);
    const ink = dark.layout.font!.color as string;
    assert.ok(contrast(ink, DARK_GROUND) > 7, ink);
    const title = String((dark.layout.title as { text: string }).text);
    for (const color of title.match(COLOR) ?? []) assert.ok(contrast(color, DARK_GROUND) >= 4.5, color);
  });
}

Deno.test("darkOf() lifts every method's colour to a contrast of 4.5, and swaps greys", () => {
  for (const method of METHODS) {
    const color = darkOf(styleOf(method, METHODS).color);
    assert.ok(contrast(color, DARK_GROUND) >= 4.4, `${method}: ${color}`);
  }
  assert.equal(darkOf("#ffffff"), DARK_GROUND);
  assert.equal(darkOf("#000000"), "#eeeeee");
  assert.equal(darkOf("#0072B212").slice(7), "12");
  assert.deepEqual(Object.keys(darkColors('["#000000", "#E69F00", "#0072b2", "no"]')), [
    "#000000",
    "#0072b2",
  ]);
});

Deno.test("contrast() is WCAG's: 21 for black on white, 4.54 for #767676", () => {
  assert.equal(contrast("#000000", "#ffffff"), 21);
  assert.ok(Math.abs(contrast("#767676", "#ffffff") - 4.54) < 0.01);
});

/** Machado, Oliveira and Fernandes 2009: linear RGB as people without one kind of cone see it. */
const BLIND: Record<string, number[][]> = {
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [
    -0.003882,
    -0.048116,
    1.051998,
  ]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [
    -0.01182,
    0.04294,
    0.968881,
  ]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [
    0.004733,
    0.691367,
    0.3039,
  ]],
};

/** CIE Lab of a colour seen so. */
function lab(color: string, matrix: number[][]): number[] {
  const linear = [1, 3, 5].map((at) => {
    const share = parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const [r, g, b] = matrix.map((row) => Math.max(0, row.reduce((sum, w, i) => sum + w * linear[i], 0)));
  const xyz = [
    (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
    0.2126 * r + 0.7152 * g + 0.0722 * b,
    (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
  ].map((v) => v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116);
  return [116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])];
}

Deno.test("the methods' colours differ for colour-blind readers, in both looks, or else their marks and lines do", () => {
  for (const [kind, matrix] of Object.entries(BLIND)) {
    for (const look of [(color: string) => color, darkOf]) {
      for (const [i, a] of METHODS.entries()) {
        for (const b of METHODS.slice(0, i)) {
          const [one, other] = [a, b].map((method) => styleOf(method, METHODS));
          const [p, q] = [one, other].map(({ color }) => lab(look(color), matrix));
          const distance = Math.hypot(...p.map((value, k) => value - q[k]));
          assert.notEqual(one.symbol, other.symbol, `${a} and ${b}`);
          if (["SFT", "LS", "UAL"].includes(a) && ["SFT", "LS", "UAL"].includes(b)) {
            assert.ok(distance > 25, `${a} and ${b}, ${kind}: ${distance.toFixed(0)}`);
          }
        }
      }
    }
  }
});

Deno.test("correlationsFigure() has text that can be read on its cell, in both looks", () => {
  for (const look of ["light", "dark"] as const) {
    for (let value = -1; value <= 1.001; value += 0.05) {
      const row = { a: "a", b: "b", value, low: value, high: value, samples: 9 };
      const { data, layout } = themed(correlationsFigure([row]), look);
      const scale = (data[0] as unknown as { colorscale: [number, string][] }).colorscale;
      const [end, middle] = [scale[value < 0 ? 0 : 2][1], scale[1][1]];
      const part = (color: string, i: number) => parseInt(color.slice(1 + 2 * i, 3 + 2 * i), 16);
      const mixed = [0, 1, 2].map((i) =>
        Math.round(part(middle, i) + Math.min(1, Math.abs(value)) * (part(end, i) - part(middle, i)))
      );
      const cell = "#" + mixed.map((one) => one.toString(16).padStart(2, "0")).join("");
      const ink = String(layout.annotations![0].font!.color), found = contrast(ink, cell);
      assert.ok(found >= (value < -0.7 ? 3.8 : 4.5), `${look}, ${value.toFixed(2)}: ${found.toFixed(2)}`);
    }
  }
});
