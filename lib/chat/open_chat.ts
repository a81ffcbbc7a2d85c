// Opens an endpoint with its ledger, limits and budget.
import type { Chat, ChatOptions, Endpoint } from "./types.ts";

/**
 * Opens `endpoint`. Throws InputError for a missing key, a base URL or option that makes no sense, a budget without a
 * price, and a ledger that another process holds; ChatFailure where the endpoint must be asked for its weights'
 * fingerprint and does not answer.
 */
export declare function openChat(endpoint: Endpoint, options?: ChatOptions): Promise<Chat>;
