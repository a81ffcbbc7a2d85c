// The library's front door: what the notebooks use, room by room. Rooms can also be imported alone (deno.json, exports).
export * from "./chat/mod.ts";
export * from "./cluster/mod.ts";
export * from "./curate/mod.ts";
export * from "./data/mod.ts";
export * from "./evaluate/mod.ts";
export * from "./model/mod.ts";
export * from "./plot/mod.ts";
export { Progress, type ProgressState } from "./run/progress.ts";
export { InputError } from "./run/errors.ts";
export { stream } from "./run/seed.ts";
export * from "./serve/mod.ts";
export * from "./show/mod.ts";
export * from "./stats/mod.ts";
export * from "./study/mod.ts";
export * from "./train/mod.ts";
export * from "./uncertainty/mod.ts";
