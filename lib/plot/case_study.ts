// The figure of a case study (the paper's figure 4): answers of several models to one prompt, side by side, as text.
import type { Layout } from "plotly.js-dist";
import {
  blankAxis,
  distinct,
  type Figure,
  figure,
  needRows,
  plainText,
  REFERENCE,
  styleOf,
} from "./figure.ts";

/** One model's answer to a prompt. */
export interface CaseStudyRow {
  method: string;
  prompt: string;
  answer: string;
  /** What a judge said of it, in a few words. */
  verdict?: string;
}

const WIDTH = 300, LINE = 16, LETTERS = 42, PAD = 14;

/** Boxes of text, a column a model; of several prompts a row each. Throws InputError for an empty table. */
export function caseStudyFigure(
  rows: readonly CaseStudyRow[],
  { most = 26 }: { most?: number } = {},
): Figure {
  needRows(rows, "the case study");
  const prompts = distinct(rows.map((row) => row.prompt)), methods = distinct(rows.map((row) => row.method));
  const blocks = prompts.map((prompt) => {
    const own = methods.map((method) => rows.find((row) => row.prompt === prompt && row.method === method));
    const answers = own.map((row) => wrap(row?.answer ?? "not asked", LETTERS, most));
    return { prompt, own, answers, height: 74 + LINE * Math.max(...answers.map((lines) => lines.length)) };
  });
  const width = WIDTH * methods.length + PAD, height = blocks.reduce((sum, block) => sum + block.height, 0);
  let top = height;
  const placed = blocks.map((block) => ({ ...block, top: top -= block.height, from: top + block.height }));
  return figure({
    title: "Answers to the same prompt",
    data: [{
      type: "scatter",
      mode: "markers",
      x: [0],
      y: [0],
      marker: { opacity: 0 },
      hoverinfo: "skip",
      showlegend: false,
    }],
    layout: {
      width: width + 40,
      height: height + 84,
      margin: { l: 20, r: 20, t: 56, b: 28 },
      xaxis: blankAxis("Model (one column each)", [0, width]),
      yaxis: blankAxis("Text (lines)", [0, height]),
      shapes: placed.flatMap(({ from, height }) =>
        methods.map((method, m) => box(method, methods, { m, from, height }))
      ),
      annotations: placed.flatMap((block) => [
        textAt(
          `<b>${plainText(wrap(block.prompt, Math.floor(LETTERS * methods.length * 0.92), 1)[0])}</b>`,
          PAD,
          block.from - 4,
        ),
        ...block.own.flatMap((row, m) => {
          const x = m * WIDTH + 2 * PAD;
          const verdict = row?.verdict
            ? `  <span style="color:${REFERENCE}">${plainText(row.verdict)}</span>`
            : "";
          return [
            textAt(`<b>${plainText(methods[m])}</b>${verdict}`, x, block.from - 30),
            textAt(block.answers[m].map(plainText).join("<br>"), x, block.from - 52, 12),
          ];
        }),
      ]),
    },
    alt: prompts.map((prompt) =>
      `Prompt: ${prompt} ${
        rows.filter((row) => row.prompt === prompt).map(({ method, answer, verdict }) =>
          `${method}${verdict ? ` (${verdict})` : ""}: "${answer.trim()}".`
        ).join(" ")
      }`
    ).join(" "),
  });
}

function box(
  method: string,
  methods: string[],
  { m, from, height }: { m: number; from: number; height: number },
): NonNullable<Layout["shapes"]>[number] {
  const { color, dash } = styleOf(method, methods);
  return {
    type: "rect",
    x0: m * WIDTH + PAD,
    x1: (m + 1) * WIDTH,
    y0: from - height + 8,
    y1: from - 26,
    line: { color, width: 1.5, dash },
    layer: "below",
  };
}

function textAt(text: string, x: number, y: number, size = 13): NonNullable<Layout["annotations"]>[number] {
  return { text, showarrow: false, align: "left", x, xanchor: "left", y, yanchor: "top", font: { size } };
}

/** Lines of at most `letters`, broken at spaces where there are some; at most `most`, the last then ends in "…". */
function wrap(text: string, letters: number, most: number): string[] {
  const lines = text.trim().split("\n").flatMap((line) => {
    const out = [""];
    for (
      const word of line.split(" ").flatMap((one) => one.match(new RegExp(`.{1,${letters}}`, "gu")) ?? [""])
    ) {
      const last = out[out.length - 1];
      if (last && last.length + 1 + word.length > letters) out.push(word);
      else out[out.length - 1] = last ? `${last} ${word}` : word;
    }
    return out;
  });
  return lines.length <= most
    ? lines
    : [...lines.slice(0, most - 1), `${lines[most - 1].slice(0, letters - 2)} …`];
}
