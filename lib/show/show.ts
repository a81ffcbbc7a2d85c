// The one way out of a notebook cell: awaited display, so that no output is lost or lands in another cell.
// Not for the command line's results; outside a notebook it prints the plain text.
import { InputError } from "../run/errors.ts";
import { published } from "./published.ts";

/** One output in several MIME types, such as "text/plain" and "text/html"; the reader's program takes the richest it knows. */
export type Bundle = Record<string, unknown>;

/** An output that can change. */
export interface Live {
  /** Replaces the output in place; outside a notebook it does nothing. */
  update(value: unknown): Promise<void>;
}

type Display = (value: unknown, options: Deno.jupyter.DisplayOptions) => Promise<void>;

/** The kernel's display function, or undefined outside a notebook. */
function kernelDisplay(): Display | undefined {
  try {
    return Deno.jupyter.display;
  } catch {
    return undefined; // "only available in `deno jupyter`"
  }
}

// Display ids travel in `transient` and are never stored. They differ between kernels, or else a restarted kernel
// would change outputs of the one before.
const session = crypto.randomUUID();
let displays = 0;
let ids = 0;

/** Whether this runs in a notebook. */
export function inNotebook(): boolean {
  return kernelDisplay() !== undefined;
}

/** An id for an HTML element, from a counter: the same from run to run of a notebook. */
export function elementId(): string {
  return `ual-${++ids}`;
}

/**
 * Displays a MIME bundle, or any other value as text. Await it: an output that is not awaited can be lost.
 * Throws InputError for an output of 8 MB and more, which would break the kernel's stream.
 */
export async function show(value: unknown): Promise<void> {
  await showLive(value);
}

/** As show(), for an output that will change: `const chart = await showLive(first)`, then `await chart.update(next)`. */
export async function showLive(value: unknown): Promise<Live> {
  const display = kernelDisplay();
  if (!display) {
    const bundle = toBundle(value);
    console.log(bundle["text/plain"] ?? `[${Object.keys(bundle).join(", ")}]`);
    return { update: () => Promise.resolve() };
  }
  const display_id = `${session}-${++displays}`;
  const put = async (next: unknown, update: boolean) => {
    const bundle = toBundle(next);
    const bytes = checkedSize(bundle);
    await display(bundle, { raw: true, display_id, update });
    await published(bytes);
  };
  await put(value, false);
  return { update: (next) => put(next, true) };
}

/** A bundle as it is; text as text; anything else as Deno.inspect() prints it. */
export function toBundle(value: unknown): Bundle {
  if (isBundle(value)) return value;
  return { "text/plain": typeof value === "string" ? value : Deno.inspect(value, { colors: false }) };
}

function isBundle(value: unknown): value is Bundle {
  if (typeof value !== "object" || value === null) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => /^[a-z]+\/[\w.+-]+$/.test(key));
}

function checkedSize(bundle: Bundle): number {
  let size = 0;
  for (const part of Object.values(bundle)) {
    size += typeof part === "string" ? part.length : JSON.stringify(part).length;
  }
  if (size < 8e6) return size;
  throw new InputError(
    `Cannot show an output of ${(size / 1e6).toFixed(1)} MB: the limit is 8 MB; show less of it`,
  );
}
