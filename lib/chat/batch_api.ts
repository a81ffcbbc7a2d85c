// OpenAI's Batch API: files of requests in, files of answers out. What becomes of the answers: batch.ts.
import { type Asking, withTries } from "./asker.ts";
import type { Pending } from "./batch_files.ts";
import { type Api, type Use, wireBody } from "./client.ts";
import { ChatFailure } from "./failure.ts";
import type { Question } from "./question.ts";
import { errorText, parseReply, type Reply } from "./reply.ts";

/** Seconds that a file's transfer may take. */
const TRANSFER = 900;

/** A batch as the endpoint describes it. */
export type Batch = Awaited<ReturnType<Api["batches"]["retrieve"]>>;

/** What becomes of one request of a batch: a reply or a failure. */
export interface BatchResult {
  key: string;
  reply?: Reply;
  failure?: ChatFailure;
}

/** One line of the file that is uploaded. */
export function requestLine(key: string, question: Question): string {
  const url = "/v1/chat/completions";
  return JSON.stringify({ custom_id: key, method: "POST", url, body: wireBody(question) }) + "\n";
}

/** The calls, each tried as often as others. */
export class BatchApi {
  constructor(
    private readonly asking: Pick<Asking, "client" | "patience" | "seed" | "onRetry">,
    private readonly baseUrl: string,
    private readonly signal?: AbortSignal,
  ) {}

  /**
   * Submits a batch once and returns its id. Where it is not known whether that was done (`unsure`: by an earlier process;
   * or a try that broke off), it looks for the batch's mark first.
   */
  async submit({ mark, questions }: Pending, unsure: boolean): Promise<string> {
    const there = unsure ? await this.#find(mark) : undefined;
    if (there) return there;
    const lines = [...questions].map(([key, question]) => requestLine(key, question));
    const { id: file } = await this.#tried(TRANSFER, (api, signal) => {
      const upload = new File(lines, `${mark}.jsonl`, { type: "application/jsonl" });
      return api.files.create({ file: upload, purpose: "batch" }, { signal });
    });
    let first = true;
    return await withTries({ key: mark, signal: this.signal }, this.asking, async () => {
      const found = first ? undefined : await this.#find(mark);
      first = false;
      return found ?? await this.#create(mark, file);
    });
  }

  async #create(mark: string, file: string): Promise<string> {
    const { id } = await this.#call(this.asking.patience.timeout, (api, signal) =>
      api.batches.create({
        input_file_id: file,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
        metadata: { ual: mark },
      }, { signal }));
    return typeof id === "string" && id ? id : this.#nonsense("a batch without an id");
  }

  /** The id of the batch with this mark, if there is one. */
  #find(mark: string): Promise<string | undefined> {
    return this.#tried(TRANSFER, async (api, signal) => {
      for await (const batch of api.batches.list({ limit: 100 }, { signal })) {
        if (batch.metadata?.ual === mark) return batch.id;
      }
    });
  }

  /** Where a batch stands. */
  async look(id: string): Promise<Batch> {
    const { timeout } = this.asking.patience;
    const batch = await this.#tried(timeout, (api, signal) => api.batches.retrieve(id, { signal }));
    return typeof batch?.status === "string" ? batch : this.#nonsense("no batch");
  }

  /** What became of each request of a batch that has ended; some may be missing. */
  async *results({ output_file_id, error_file_id }: Batch): AsyncGenerator<BatchResult> {
    for (const file of [output_file_id, error_file_id]) {
      if (!file) continue;
      const text = await this.#tried(
        TRANSFER,
        async (api, signal) => this.asking.client.text(await api.files.content(file, { signal })),
      );
      for (const line of text.split("\n")) {
        if (line.trim()) yield resultOf(line, this.baseUrl);
      }
    }
  }

  #tried<T>(timeout: number, use: Use<T>): Promise<T> {
    return withTries({ key: "batch", signal: this.signal }, this.asking, () => this.#call(timeout, use));
  }

  #call<T>(timeout: number, use: Use<T>): Promise<T> {
    return this.asking.client.call({ timeout, signal: this.signal }, use);
  }

  #nonsense(what: string): never {
    throw new ChatFailure("format", `${this.baseUrl} answered with ${what}; does it offer the Batch API?`);
  }
}

/** One line of an output or error file, by OpenAI's layout. */
function resultOf(line: string, from: string): BatchResult {
  let row: {
    custom_id?: unknown;
    response?: { status_code?: number; body?: unknown } | null;
    error?: unknown;
  };
  try {
    row = JSON.parse(line);
  } catch {
    return { key: "", failure: new ChatFailure("format", `${from} put broken JSON into a batch's output`) };
  }
  const { custom_id, response, error } = row, key = String(custom_id ?? "");
  const status = response?.status_code;
  try {
    if (status === 200) return { key, reply: parseReply(JSON.stringify(response!.body ?? null), from) };
  } catch (failure) {
    if (failure instanceof ChatFailure) return { key, failure };
    throw failure;
  }
  const told = errorText(response?.body) ?? errorText({ error }) ?? "no reason given";
  const message = `${from} did not answer a request of a batch${status ? ` (${status})` : ""}: ${told}`;
  return { key, failure: new ChatFailure("batch", `${message}; ask again`, { status }) };
}
