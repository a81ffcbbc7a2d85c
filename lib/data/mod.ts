// Dialogues: the Example type, reading them from anywhere and writing them, chat templates, and the bundled set.
export * from "./bundled.ts";
export * from "./example.ts";
export type { Format } from "./format.ts";
export * from "./hub_access.ts";
export * from "./hub_dataset.ts";
export { type DataLayout, LAYOUTS } from "./layouts.ts";
export { MIRRORED, mirrorFile, mirrorFolder } from "./mirror.ts";
export * from "./named_template.ts";
export * from "./open_source.ts";
export * from "./source.ts";
export * from "./template.ts";
export * from "./write.ts";
