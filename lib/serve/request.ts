// The body of POST /v1/chat/completions: what is understood, checked by zod, and faults in OpenAI's words.
import { z } from "zod";
import type { Turn } from "../data/example.ts";
import { type ApiError, badRequest } from "./errors.ts";

/** A chat completion as asked for; what was left out has OpenAI's defaults. */
export interface ChatRequest {
  model: string;
  turns: Turn[];
  /** 0 to 2, default 1. */
  temperature: number;
  /** 0 (only the likeliest token) to 1. */
  topP: number;
  /** An extension: draw from so many likeliest tokens; 0 for no limit. */
  topK: number;
  /** max_completion_tokens or max_tokens. */
  maxNew?: number;
  stop: string[];
  seed?: number;
  n: number;
  logprobs: boolean;
  topLogprobs: number;
  stream: boolean;
  includeUsage: boolean;
}

const ROLES = ["system", "developer", "user", "assistant"] as const;

/** Plain text, or a list of parts of type text. */
const content = z.preprocess(
  (value) => typeof value === "string" ? [{ type: "text", text: value }] : value,
  z.array(z.looseObject({ type: z.literal("text"), text: z.string() })).min(1),
);

const message = z.looseObject({ role: z.enum(ROLES), content });

/** Taken and left alone: they change nothing of an answer. */
const ignored = {
  user: z.unknown().optional(),
  metadata: z.unknown().optional(),
  store: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
  prompt_cache_retention: z.unknown().optional(),
  parallel_tool_calls: z.unknown().optional(),
};

/** Known to OpenAI and not built here: refused unless they ask for nothing. */
const unsupported = [
  "tools",
  "tool_choice",
  "functions",
  "function_call",
  "response_format",
  "logit_bias",
  "modalities",
  "audio",
  "prediction",
  "web_search_options",
  "reasoning_effort",
  "verbosity",
];

const number = (least: number, most: number) => z.number().min(least).max(most).nullish();
const whole = (least: number, most = Number.MAX_SAFE_INTEGER) => z.int().min(least).max(most).nullish();

const schema = z.strictObject({
  model: z.string(),
  messages: z.array(message).min(1),
  temperature: number(0, 2),
  top_p: number(0, 1),
  top_k: whole(0),
  max_tokens: whole(1),
  max_completion_tokens: whole(1),
  stop: z.preprocess(
    (value) => typeof value === "string" ? [value] : value,
    z.array(z.string().min(1)).max(4).nullish(),
  ),
  seed: whole(Number.MIN_SAFE_INTEGER),
  n: whole(1, 128),
  logprobs: z.boolean().nullish(),
  top_logprobs: whole(0, 20),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  presence_penalty: number(-2, 2),
  frequency_penalty: number(-2, 2),
  ...ignored,
  ...Object.fromEntries(unsupported.map((name) => [name, z.unknown().optional()])),
});

type Body = z.infer<typeof schema>;

/** Checks a parsed body. Throws ApiError with the first fault. */
export function parseChat(body: unknown): ChatRequest {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw fault(body, parsed.error.issues[0]);
  const { data } = parsed;
  refuse(data);
  return {
    model: data.model,
    turns: data.messages.map(({ role, content }) => ({
      role: role === "developer" ? "system" : role,
      content: content.map((part) => part.text).join(""),
    })),
    temperature: data.temperature ?? 1,
    topP: data.top_p ?? 1,
    topK: data.top_k ?? 0,
    maxNew: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    stop: data.stop ?? [],
    seed: data.seed ?? undefined,
    n: data.n ?? 1,
    logprobs: data.logprobs ?? false,
    topLogprobs: data.top_logprobs ?? 0,
    stream: data.stream ?? false,
    includeUsage: data.stream_options?.include_usage ?? false,
  };
}

/** What is well formed and cannot be had. */
function refuse(data: Body): void {
  for (const name of unsupported) {
    if (asksNothing(name, (data as Record<string, unknown>)[name])) continue;
    throw badRequest(
      `Unsupported parameter: '${name}' is not supported with this model.`,
      name,
      "unsupported_parameter",
    );
  }
  for (const name of ["presence_penalty", "frequency_penalty"] as const) {
    if (!data[name]) continue;
    throw badRequest(
      `Unsupported value: '${name}' does not support ${
        data[name]
      } with this model. Only the default (0) value is supported.`,
      name,
      "unsupported_value",
    );
  }
  if (data.max_tokens != null && data.max_completion_tokens != null) {
    throw badRequest(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      "max_tokens",
      "invalid_parameter_combination",
    );
  }
  if (data.top_logprobs && !data.logprobs) {
    throw badRequest(
      "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
      "top_logprobs",
      "invalid_parameter_combination",
    );
  }
  if (data.stream_options != null && !data.stream) {
    throw badRequest(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "stream_options",
      "invalid_parameter_combination",
    );
  }
}

/** Whether a parameter's value leaves all as it is without it. */
function asksNothing(name: string, value: unknown): boolean {
  if (value === undefined || value === null || value === "none") return true;
  if (name === "tool_choice") return value === "auto";
  if (Array.isArray(value)) return value.every((item) => name === "modalities" && item === "text");
  if (typeof value !== "object") return false;
  return Object.entries(value).every(([key, item]) =>
    name === "response_format" && key === "type" && item === "text"
  );
}

type Issue = z.core.$ZodIssue;

/** A fault in OpenAI's words. */
function fault(body: unknown, issue: Issue): ApiError {
  const path = pathText(issue.path), value = at(body, issue.path);
  if (issue.code === "unrecognized_keys") {
    const plural = issue.keys.length > 1 ? "s" : "";
    return badRequest(
      `Unrecognized request argument${plural} supplied: ${issue.keys.join(", ")}`,
      null,
      null,
    );
  }
  if (path === "") {
    return badRequest(`Invalid body: expected an object, but got ${kindOf(value)} instead.`, null, null);
  }
  if (value === undefined) {
    if (path === "model") return badRequest("you must provide a model parameter", null, null);
    return badRequest(`Missing required parameter: '${path}'.`, path, "missing_required_parameter");
  }
  if (issue.code === "too_small" || issue.code === "too_big") return outOfRange(path, value, issue);
  if (issue.code === "invalid_value") {
    const values = issue.values.map((v) => `'${String(v)}'`).join(", ");
    const shown = typeof value === "string" ? `'${shortened(value)}'` : kindOf(value);
    return badRequest(`Invalid value: ${shown}. Supported values are: ${values}.`, path, "invalid_value");
  }
  const expected = issue.code === "invalid_type" ? expectedKind(path, issue.expected) : "another value";
  return badRequest(
    `Invalid type for '${path}': expected ${expected}, but got ${kindOf(value)} instead.`,
    path,
    "invalid_type",
  );
}

function outOfRange(
  path: string,
  value: unknown,
  issue: Issue & { code: "too_small" | "too_big" },
): ApiError {
  const small = issue.code === "too_small";
  const bound = issue.code === "too_small" ? issue.minimum : issue.maximum;
  if (Array.isArray(value)) {
    if (value.length === 0) {
      return badRequest(
        `Invalid '${path}': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
        path,
        "empty_array",
      );
    }
    return badRequest(
      `Invalid '${path}': array too long. Expected an array with maximum length ${bound}, but got an array with length ${value.length} instead.`,
      path,
      "array_above_max_length",
    );
  }
  if (typeof value === "string") {
    return badRequest(
      `Invalid '${path}': empty string. Expected a string with minimum length 1, but got an empty string instead.`,
      path,
      "empty_string",
    );
  }
  const kind = Number.isInteger(value) ? "integer" : "decimal";
  return badRequest(
    `Invalid '${path}': ${kind} ${small ? "below minimum" : "above maximum"} value. Expected a value ${
      small ? ">=" : "<="
    } ${bound}, but got ${value} instead.`,
    path,
    `${kind}_${small ? "below_min" : "above_max"}_value`,
  );
}

const KINDS: Record<string, string> = {
  string: "a string",
  number: "a decimal",
  int: "an integer",
  boolean: "a boolean",
  array: "an array",
  object: "an object",
};

function expectedKind(path: string, expected: string): string {
  if (path.endsWith(".content")) return "one of a string or array of objects";
  if (path === "stop") return "one of a string or array of strings";
  return KINDS[expected] ?? `a value of type ${expected}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a decimal number";
  return KINDS[typeof value] ?? `a value of type ${typeof value}`;
}

const shortened = (text: string) => text.length > 60 ? text.slice(0, 60) + "…" : text;

const pathText = (path: PropertyKey[]) =>
  path.reduce<string>(
    (text, key) => typeof key === "number" ? `${text}[${key}]` : `${text}${text && "."}${String(key)}`,
    "",
  );

/** The value at `path` in the body as sent; a string content counts as its one part. */
function at(body: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    body,
  );
}
