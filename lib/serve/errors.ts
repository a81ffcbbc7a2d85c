// Errors as OpenAI's API words them: {"error": {"message", "type", "param", "code"}} with a status.

/** A refusal or failure that the client is told of. */
export class ApiError extends Error {
  /** Set so that messages show it. */
  override name = "ApiError";
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Record<string, string>;

  constructor(
    readonly status: number,
    message: string,
    { type = "invalid_request_error", param = null, code = null, headers = {} }: {
      type?: string;
      param?: string | null;
      code?: string | null;
      headers?: Record<string, string>;
    } = {},
  ) {
    super(message);
    this.type = type;
    this.param = param;
    this.code = code;
    this.headers = headers;
  }

  /** The body of its response. */
  get body(): { error: { message: string; type: string; param: string | null; code: string | null } } {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }
}

/** The body is not JSON. */
export const notJson = (): ApiError =>
  new ApiError(
    400,
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library " +
      "correctly. The API expects a JSON payload, but what was sent was not valid JSON.)",
  );

/** A bad value of `param`. */
export const badRequest = (message: string, param: string | null, code: string | null): ApiError =>
  new ApiError(400, message, { param, code });

/** No such model. */
export const noModel = (id: string): ApiError =>
  new ApiError(404, `The model \`${id}\` does not exist or you do not have access to it.`, {
    code: "model_not_found",
  });

/** No such route. */
export const noRoute = (method: string, path: string): ApiError =>
  new ApiError(404, `Invalid URL (${method} ${path})`);

/** The route is there, but not for this method. */
export const badMethod = (allowed: string): ApiError =>
  new ApiError(405, `Only ${allowed} requests are accepted.`, {
    code: "method_not_supported",
    headers: { allow: allowed },
  });

/** More than the server reads. */
export const tooLarge = (bytes: number): ApiError =>
  new ApiError(413, `Request body is too large: at most ${bytes} bytes are accepted.`, {
    code: "request_too_large",
    headers: { connection: "close" },
  });

/** The key is missing or wrong. */
export function badKey(given: string | undefined): ApiError {
  const message = given === undefined
    ? "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth " +
      "(i.e. Authorization: Bearer YOUR_KEY)."
    : "Incorrect API key provided.";
  const code = given === undefined ? null : "invalid_api_key";
  return new ApiError(401, message, { code, headers: { "www-authenticate": "Bearer" } });
}

/** So many texts are under way or waiting that no more are taken. */
export const queueFull = (load: number): ApiError =>
  new ApiError(429, `Rate limit reached: ${load} answers are under way or waiting. Please try again in 1s.`, {
    type: "requests",
    code: "rate_limit_exceeded",
    headers: { "retry-after": "1" },
  });

/** The server is about to end. */
export const closing = (): ApiError =>
  new ApiError(503, "The server is shutting down.", {
    type: "server_error",
    code: "service_unavailable",
    headers: { connection: "close" },
  });

/** Something failed that is not the client's fault. */
export const failed = (): ApiError =>
  new ApiError(500, "The server had an error while processing your request. Sorry about that!", {
    type: "server_error",
  });
