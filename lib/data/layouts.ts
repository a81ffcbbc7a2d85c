// The layouts of public instruction data → dialogues: told by a row's fields, or named. Our own layout is source.ts; what
// holds rows (JSONL, parquet …) does not matter here.
import type { Scores, Turn } from "./example.ts";
import { fault, shown } from "./row.ts";
import { type Draft, exampleOf } from "./source.ts";

/** The known layouts. */
export const LAYOUTS = ["ours", "lima", "alpaca", "dolly", "sharegpt", "ultrachat", "deita", "qa"] as const;
/** One of LAYOUTS. */
export type DataLayout = typeof LAYOUTS[number];

type Fields = Record<string, unknown>;

/** Every field that some layout reads. */
export const FIELDS: ReadonlySet<string> = new Set([
  ..."messages prompt response id prompt_id uncertainty category reason source scores system".split(" "),
  ..."instruction input output context history conversations data question answer query".split(" "),
  ..."complexity_score complexity_scores quality_score quality_scores".split(" "),
]);

/** The layout that a row's fields are of, or undefined. */
export function detectLayout(row: Fields): DataLayout | undefined {
  const has = (name: string) => row[name] !== undefined;
  if (has("messages")) return has("prompt_id") ? "ultrachat" : "ours";
  if (Array.isArray(row.data)) return "ultrachat";
  if (Array.isArray(row.conversations)) {
    if (row.conversations.some((turn) => typeof turn === "string")) return "lima";
    return SCORE_FIELDS.some((names) => names.some(has)) ? "deita" : "sharegpt";
  }
  if (has("instruction")) {
    if (has("response") || has("context") || (has("category") && has("output"))) return "dolly";
    if (has("output")) return has("history") ? "lima" : "alpaca";
  }
  if ((has("question") && has("answer")) || (has("query") && has("response"))) return "qa";
  return has("prompt") || has("response") ? "ours" : undefined;
}

/** What each layout looks like, for messages. */
const FORMS: Record<DataLayout, string> = {
  ours:
    '{"messages":[{"role":"user","content":"…"},{"role":"assistant","content":"…"}]} or {"prompt":"…","response":"…"}',
  lima: '{"conversations":["…","…"]} or {"instruction":"…","output":"…","history":[["…","…"]]}',
  alpaca: '{"instruction":"…","input":"…","output":"…"}',
  dolly: '{"instruction":"…","context":"…","response":"…","category":"…"}',
  sharegpt: '{"conversations":[{"from":"human","value":"…"},{"from":"gpt","value":"…"}]}',
  ultrachat:
    '{"messages":[{"role":"user","content":"…"},{"role":"assistant","content":"…"}]} or {"data":["…","…"]}',
  deita:
    '{"conversations":[{"from":"human","value":"…"},{"from":"gpt","value":"…"}],"complexity_scores":[3],"quality_scores":[4]}',
  qa: '{"question":"…","answer":"…"} or {"query":"…","response":"…"}',
};

/** The dialogue of a row in `layout`. Throws RowFault with the field and what to write. */
export function draftOf(value: unknown, layout: DataLayout): Draft {
  if (layout === "ours") return exampleOf(value);
  const row = fieldsOf(value), remedy = `write ${FORMS[layout]}`;
  const turns = READERS[layout](row, remedy);
  if (turns.at(-1)!.role !== "assistant") {
    fault(`its last turn is the ${turns.at(-1)!.role}'s`, "end each dialogue with the assistant's answer");
  }
  return { ...aboutOf(row, layout), turns };
}

/** A row's fields. Throws RowFault for what is no object. */
export function fieldsOf(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  return fault(
    `it is ${shown(value)}, not a JSON object`,
    "give an object with the fields of a known layout",
  );
}

/** The remedy for rows of no known layout. */
export const ANY_FORM: string = `write ${FORMS.ours}, or a row of another known layout (${
  LAYOUTS.slice(1).join(", ")
})`;

type Reader = (row: Fields, remedy: string) => Turn[];

const pair = (user: string, assistant: string): Turn[] => [
  { role: "user", content: user },
  { role: "assistant", content: assistant },
];

const READERS: Record<Exclude<DataLayout, "ours">, Reader> = {
  lima: (row, remedy) =>
    row.conversations === undefined ? instructed(row, remedy) : alternating(row, "conversations", remedy),
  alpaca: instructed,
  dolly: instructed,
  sharegpt: conversation,
  deita: conversation,
  ultrachat: (row, remedy) =>
    row.messages === undefined
      ? alternating(row, "data", remedy)
      : exampleOf({ messages: row.messages }).turns,
  qa: (row, remedy) =>
    row.question === undefined
      ? pair(text(row.query, "query", remedy), text(row.response, "response", remedy))
      : pair(text(row.question, "question", remedy), text(row.answer, "answer", remedy)),
};

/** instruction with input or context, output or response; optional earlier exchanges and a system's words. */
function instructed(row: Fields, remedy: string): Turn[] {
  const instruction = text(row.instruction, "instruction", remedy);
  const answer = row.response === undefined ? "output" : "response";
  const extra = optional(row.input, "input", remedy) || optional(row.context, "context", remedy);
  const system = optional(row.system, "system", remedy);
  const history = row.history ?? [];
  if (!Array.isArray(history)) fault(`history is ${shown(history)}`, remedy);
  return [
    ...(system ? [{ role: "system" as const, content: system }] : []),
    ...(history as unknown[]).flatMap((exchange, i) => {
      if (!Array.isArray(exchange) || exchange.length !== 2) {
        fault(`history.${i} is ${shown(exchange)}`, remedy);
      }
      const [user, assistant] = exchange as unknown[];
      return pair(text(user, `history.${i}.0`, remedy), text(assistant, `history.${i}.1`, remedy));
    }),
    ...pair(extra ? `${instruction}\n\n${extra}` : instruction, text(row[answer], answer, remedy)),
  ];
}

/** Texts that user and assistant say in turn. */
function alternating(row: Fields, field: string, remedy: string): Turn[] {
  return list(row[field], field, remedy).map((content, i) => ({
    role: i % 2 ? "assistant" : "user",
    content: text(content, `${field}.${i}`, remedy),
  }));
}

/** ShareGPT's names of who speaks. */
const SPEAKERS: Record<string, Turn["role"]> = {
  human: "user",
  user: "user",
  gpt: "assistant",
  assistant: "assistant",
  chatgpt: "assistant",
  bing: "assistant",
  bard: "assistant",
  system: "system",
};

function conversation(row: Fields, remedy: string): Turn[] {
  return list(row.conversations, "conversations", remedy).map((turn, i) => {
    const { from, value } = typeof turn === "object" && turn !== null ? turn as Fields : {} as Fields;
    const place = `conversations.${i}`;
    const role = typeof from === "string" && Object.hasOwn(SPEAKERS, from) ? SPEAKERS[from] : undefined;
    if (!role) fault(`${place}.from is ${shown(from)}`, `use one of ${Object.keys(SPEAKERS).join(", ")}`);
    return { role, content: text(value, `${place}.value`, remedy) };
  });
}

const SCORE_FIELDS = [["complexity_scores", "complexity_score"], ["quality_scores", "quality_score"]];

/** Id, category, source, uncertainty and scores, where a row has them. */
function aboutOf(row: Fields, layout: DataLayout): Omit<Draft, "turns"> {
  const about: Omit<Draft, "turns"> = {};
  const id = row.id ?? row.prompt_id;
  if (typeof id === "string" ? id !== "" : Number.isSafeInteger(id)) {
    about.id = text(String(id), "id", "give a text without halves of surrogate pairs");
  } else if (id !== undefined && id !== null && id !== "") {
    fault(`id is ${shown(id)}`, "give a text, or leave id out");
  }
  for (const name of ["category", "source"] as const) {
    const value = optional(row[name], name, `give a text, or leave ${name} out`);
    if (value) about[name] = value;
  }
  const rating = row.uncertainty;
  if (rating !== undefined && rating !== null) {
    if (typeof rating !== "number" || !(rating >= 0 && rating <= 99)) {
      fault(`uncertainty is ${shown(rating)}`, "give a number from 0 to 99, or leave it out");
    }
    about.uncertainty = rating as number;
  }
  if (layout === "deita") about.scores = scoresOf(row);
  return about;
}

/** Scores an exchange, under the names in use; a single number stands for a dialogue of one sum. */
function scoresOf(row: Fields): Scores {
  const [complexity, quality] = SCORE_FIELDS.map((names) => {
    const name = names.find((name) => row[name] !== undefined) ?? names[0];
    const values = [row[name]].flat();
    if (values.length === 0 || !values.every((v) => typeof v === "number" && Number.isFinite(v))) {
      fault(`${name} is ${shown(row[name])}`, "give a number, or a list of numbers");
    }
    return values as number[];
  });
  return { complexity, quality };
}

function list(value: unknown, field: string, remedy: string): unknown[] {
  return Array.isArray(value) && value.length > 0 ? value : fault(`${field} is ${shown(value)}`, remedy);
}

/** A text. Throws RowFault for anything else. */
function text(value: unknown, field: string, remedy: string): string {
  if (typeof value !== "string") return fault(`${field} is ${shown(value)}`, remedy);
  return value.isWellFormed()
    ? value
    : fault(`${field} is ${shown(value)} (holds half of a surrogate pair)`, "save the text as UTF-8");
}

/** A text that may be missing, null or empty. */
const optional = (value: unknown, field: string, remedy: string) =>
  value === undefined || value === null ? "" : text(value, field, remedy);
