// Dialogues: the Example type, reading files, chat templates, and the bundled set.
export * from "./bundled.ts";
export * from "./example.ts";
export * from "./source.ts";
export * from "./template.ts";
