// Models: files (safetensors, GGUF, adapters), the tokenizer, the forward pass, scoring and generation.
export * from "./adapter.ts";
export * from "./base.ts";
export * from "./config.ts";
export * from "./convert_gguf.ts";
export * from "./encode.ts";
export * from "./generate.ts";
export * from "./gguf.ts";
export * from "./lora.ts";
export * from "./open_model.ts";
export * from "./rows.ts";
export * from "./safetensors.ts";
export * from "./score.ts";
export * from "./sequences.ts";
export * from "./tokenizer.ts";
