// lib/serve/request.ts: what a body means, and faults in OpenAI's words.
import assert from "node:assert/strict";
import { ApiError } from "../lib/serve/errors.ts";
import { parseChat } from "../lib/serve/request.ts";

const messages = [{ role: "user", content: "Hi" }];
const least = { model: "m", messages };

Deno.test("parseChat() fills in OpenAI's defaults", () => {
  assert.deepEqual(parseChat(least), {
    model: "m",
    turns: messages,
    temperature: 1,
    topP: 1,
    topK: 0,
    maxNew: undefined,
    stop: [],
    seed: undefined,
    n: 1,
    logprobs: false,
    topLogprobs: 0,
    stream: false,
    includeUsage: false,
  });
});

Deno.test("parseChat() reads all that is understood, and null as nothing", () => {
  const parsed = parseChat({
    model: "m",
    messages: [
      { role: "developer", content: [{ type: "text", text: "Be " }, { type: "text", text: "brief." }] },
      { role: "user", content: "Hi", name: "ann" },
      { role: "assistant", content: "Yes?", refusal: null, annotations: [] },
      { role: "user", content: "" },
    ],
    temperature: 0,
    top_p: 0,
    top_k: 5,
    max_completion_tokens: 7,
    stop: "x",
    seed: -3,
    n: 2,
    logprobs: true,
    top_logprobs: 20,
    stream: true,
    stream_options: { include_usage: true, include_obfuscation: false },
    presence_penalty: 0,
    frequency_penalty: null,
    max_tokens: null,
    user: "u",
    metadata: {},
    store: false,
    tools: [],
    tool_choice: "none",
    response_format: { type: "text" },
    logit_bias: {},
  });
  assert.deepEqual(parsed, {
    model: "m",
    turns: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Yes?" },
      { role: "user", content: "" },
    ],
    temperature: 0,
    topP: 0,
    topK: 5,
    maxNew: 7,
    stop: ["x"],
    seed: -3,
    n: 2,
    logprobs: true,
    topLogprobs: 20,
    stream: true,
    includeUsage: true,
  });
});

const refused: [Record<string, unknown> | unknown[] | string, string, string | null, string | null][] = [
  [{ messages }, "you must provide a model parameter", null, null],
  [{ model: "m" }, "Missing required parameter: 'messages'.", "messages", "missing_required_parameter"],
  [
    { model: "m", messages: [] },
    "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    "messages",
    "empty_array",
  ],
  [
    { ...least, temperature: 3 },
    "Invalid 'temperature': integer above maximum value. Expected a value <= 2, but got 3 instead.",
    "temperature",
    "integer_above_max_value",
  ],
  [
    { ...least, temperature: -0.5 },
    "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -0.5 instead.",
    "temperature",
    "decimal_below_min_value",
  ],
  [
    { ...least, temperature: "hot" },
    "Invalid type for 'temperature': expected a decimal, but got a string instead.",
    "temperature",
    "invalid_type",
  ],
  [
    { ...least, max_tokens: 1.5 },
    "Invalid type for 'max_tokens': expected an integer, but got a decimal number instead.",
    "max_tokens",
    "invalid_type",
  ],
  [
    { ...least, max_tokens: 0 },
    "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    "max_tokens",
    "integer_below_min_value",
  ],
  [
    { ...least, stop: ["a", "b", "c", "d", "e"] },
    "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
    "stop",
    "array_above_max_length",
  ],
  [
    { ...least, stop: 7 },
    "Invalid type for 'stop': expected one of a string or array of strings, but got an integer instead.",
    "stop",
    "invalid_type",
  ],
  [
    { ...least, messages: [{ role: "user" }] },
    "Missing required parameter: 'messages[0].content'.",
    "messages[0].content",
    "missing_required_parameter",
  ],
  [
    { ...least, messages: [messages[0], { role: "user", content: null }] },
    "Invalid type for 'messages[1].content': expected one of a string or array of objects, but got null instead.",
    "messages[1].content",
    "invalid_type",
  ],
  [
    { ...least, messages: [{ role: "tool", content: "x" }] },
    "Invalid value: 'tool'. Supported values are: 'system', 'developer', 'user', 'assistant'.",
    "messages[0].role",
    "invalid_value",
  ],
  [
    { ...least, messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
    "Invalid value: 'image_url'. Supported values are: 'text'.",
    "messages[0].content[0].type",
    "invalid_value",
  ],
  [
    { ...least, messages: [{ role: "user", content: [{ type: "text" }] }] },
    "Missing required parameter: 'messages[0].content[0].text'.",
    "messages[0].content[0].text",
    "missing_required_parameter",
  ],
  [{ ...least, temprature: 1 }, "Unrecognized request argument supplied: temprature", null, null],
  [{ ...least, a: 1, b: 2 }, "Unrecognized request arguments supplied: a, b", null, null],
  [
    { ...least, tools: [{ type: "function" }] },
    "Unsupported parameter: 'tools' is not supported with this model.",
    "tools",
    "unsupported_parameter",
  ],
  [
    { ...least, response_format: { type: "json_object" } },
    "Unsupported parameter: 'response_format' is not supported with this model.",
    "response_format",
    "unsupported_parameter",
  ],
  [
    { ...least, presence_penalty: 0.5 },
    "Unsupported value: 'presence_penalty' does not support 0.5 with this model. Only the default (0) value is supported.",
    "presence_penalty",
    "unsupported_value",
  ],
  [
    { ...least, max_tokens: 1, max_completion_tokens: 1 },
    "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
    "max_tokens",
    "invalid_parameter_combination",
  ],
  [
    { ...least, top_logprobs: 2 },
    "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
    "top_logprobs",
    "invalid_parameter_combination",
  ],
  [
    { ...least, logprobs: true, top_logprobs: 21 },
    "Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20, but got 21 instead.",
    "top_logprobs",
    "integer_above_max_value",
  ],
  [
    { ...least, stream_options: { include_usage: true } },
    "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    "stream_options",
    "invalid_parameter_combination",
  ],
  [[], "Invalid body: expected an object, but got an array instead.", null, null],
  ["text", "Invalid body: expected an object, but got a string instead.", null, null],
];

for (const [body, message, param, code] of refused) {
  Deno.test(`parseChat() refuses in OpenAI's words: ${message}`, () => {
    assert.throws(() => parseChat(body), (error) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.status, 400);
      assert.deepEqual(error.body, { error: { message, type: "invalid_request_error", param, code } });
      return true;
    });
  });
}
