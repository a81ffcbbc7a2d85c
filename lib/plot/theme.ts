// The dark look of a figure: each colour of the light one has its counterpart, wherever it stands (layout, traces, texts).
import type { Figure } from "./figure.ts";

/** What a figure stands on. */
export type Theme = "light" | "dark";

/** White and ink for text on coloured areas: the same in both looks, since those areas keep their colours. */
export const WHITE_ON_COLOR = "#fffffe", INK_ON_COLOR = "#222223";

/** What white becomes. */
export const DARK_GROUND = "#161616";

/** The lightest grey, which black becomes. */
const LIGHTEST = 0xee, DARKEST = 0x16;

/** Least contrast with the ground of what is not grey (WCAG 2.2: 3 for marks, 4.5 for text). */
const CONTRAST = 4.5;

/** Colours that are the same in both looks: text on coloured areas, and the scale of the correlations (cividis). */
const KEPT = new Set([
  WHITE_ON_COLOR,
  INK_ON_COLOR,
  ...["#00224e", "#1a386f", "#43516c", "#61676f", "#7e7c77", "#9c9275", "#bfae6b", "#e2cb53", "#fee838"],
]);

/** A colour as figures write it: six digits, two more for its opacity. */
export const COLOR = /#[0-9a-f]{6}(?:[0-9a-f]{2})?(?![0-9a-z])/gi;

/** The figure in a look. Pure; the light figure is itself. */
export function themed(figure: Figure, theme: Theme): Figure {
  if (theme === "light") return figure;
  return JSON.parse(JSON.stringify(figure).replace(COLOR, darkOf));
}

/** The colours in a figure's JSON that differ in the dark look, with their counterparts: what a page needs to change looks. */
export function darkColors(json: string): Record<string, string> {
  const found = [...new Set(json.match(COLOR) ?? [])].sort();
  return Object.fromEntries(
    found.map((color) => [color, darkOf(color)]).filter(([light, dark]) => light !== dark),
  );
}

/** The counterpart of a colour: greys change places with each other, other colours are lightened until they stand out. */
export function darkOf(color: string): string {
  const base = color.slice(0, 7).toLowerCase(), alpha = color.slice(7);
  if (KEPT.has(base)) return color;
  const rgb = channels(base);
  if (Math.max(...rgb) - Math.min(...rgb) < 12) {
    const grey = Math.round(DARKEST + (255 - mean(rgb)) / 255 * (LIGHTEST - DARKEST));
    return hex([grey, grey, grey]) + alpha;
  }
  let lighter = rgb;
  for (let step = 1; step <= 20 && contrast(hex(lighter), DARK_GROUND) < CONTRAST; step++) {
    lighter = rgb.map((value) => Math.round(value + (255 - value) * step / 20));
  }
  return hex(lighter) === base ? color : hex(lighter) + alpha;
}

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const channels = (color: string) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
const hex = (rgb: number[]) => "#" + rgb.map((value) => value.toString(16).padStart(2, "0")).join("");

/** The contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance). */
export function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [r, g, b] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
