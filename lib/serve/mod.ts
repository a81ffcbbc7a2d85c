// The OpenAI-compatible server on our own models.
export { serve, type ServeOptions, type Server } from "./server.ts";
export type { ModelCard } from "./models.ts";
