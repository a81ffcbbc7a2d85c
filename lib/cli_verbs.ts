// What each verb of the command line may touch. Read by the launcher (tools/ual.ts) before anything of the verb is
// loaded, so it imports nothing.

/** The places a verb needs. A flag's value is a path; a flag that was not given adds nothing. */
export interface Verb {
  /** Loads onnxruntime, a native addon: runs with all permissions. The others run with narrow ones. */
  engine?: boolean;
  /** Flags that name an input file or folder. */
  read?: string[];
  /** Flags that name an output file; its folder is opened for writing. */
  write?: string[];
  /** Flags that name an output folder. */
  writeFolder?: string[];
}

/** All verbs by name. */
export const verbs: Record<string, Verb> = {
  map: { read: ["data"], write: ["out"] },
  data: { read: ["data"] },
  figures: { read: ["run"], writeFolder: ["out"] },
  train: { engine: true },
  perplexity: { engine: true },
  generate: { engine: true },
};
