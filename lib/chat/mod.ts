// Asking a judge: an OpenAI-compatible client with limits, retries, a budget, the Batch API, and a ledger of answers so
// that nothing is paid for twice. What is asked, and what an answer means, is known to those who ask.
export { completeAll, inParallel } from "./complete_all.ts";
export {
  estimateCost,
  type EstimateOptions,
  estimateText,
  priceOf,
  type PriceTable,
  readPrices,
} from "./cost.ts";
export { BudgetReached, ChatFailure, type FailureKind } from "./failure.ts";
export { openChat } from "./open_chat.ts";
export type * from "./types.ts";
