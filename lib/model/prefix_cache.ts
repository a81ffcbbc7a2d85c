// Keys and values of prompt beginnings that were read before, in whole pieces of CHUNK tokens: a prompt that begins the
// same takes them instead of computing them. Pieces are read the same way with and without it, so no result changes.
import type { TensorData } from "../jit/mod.ts";
import { CHUNK } from "./text_rows.ts";

/** A piece and what stands before it. */
interface Piece {
  id: number;
  key: string;
  /** As TextRows.read() made them. */
  entries: TensorData;
}

/** Pieces of prompts, the longest unused given up first. For one model and adapter. */
export class PrefixCache {
  /** By key, the last used last. A piece whose predecessor was given up is never found again and ages. */
  private readonly pieces = new Map<string, Piece>();
  private nextId = 1;
  private held = 0;

  /** Holds at most `limit` bytes. */
  constructor(private readonly limit: number) {}

  /** Bytes held. */
  get bytes(): number {
    return this.held;
  }

  /** The entries of the longest known beginning of `prompt`, piece by piece; its last token is never part of it. */
  find(prompt: ArrayLike<number>): TensorData[] {
    const found = this.chain(prompt, Math.floor((prompt.length - 1) / CHUNK));
    this.touch(found);
    return found.map((piece) => piece.entries);
  }

  /** Remembers the entries of the whole piece of `prompt` that begins at `at`, where those before it are known. */
  add(prompt: ArrayLike<number>, at: number, entries: TensorData): void {
    const before = this.chain(prompt, at / CHUNK);
    if (before.length < at / CHUNK) return;
    const key = keyOf(before.at(-1), prompt, at);
    if (this.pieces.has(key)) return;
    const piece = { id: this.nextId++, key, entries };
    this.held += entries.data.byteLength;
    this.touch([...before, piece]);
    while (this.held > this.limit) {
      const [oldest] = this.pieces.values();
      this.pieces.delete(oldest.key);
      this.held -= oldest.entries.data.byteLength;
    }
  }

  /** Gives all up. */
  clear(): void {
    this.pieces.clear();
    this.held = 0;
  }

  /** The first known pieces of `prompt`, `most` at most. */
  private chain(prompt: ArrayLike<number>, most: number): Piece[] {
    const found: Piece[] = [];
    while (found.length < most) {
      const piece = this.pieces.get(keyOf(found.at(-1), prompt, found.length * CHUNK));
      if (!piece) break;
      found.push(piece);
    }
    return found;
  }

  /** Marks pieces as just used, a beginning later than what follows it: it must not be given up before. */
  private touch(chain: Piece[]): void {
    for (const piece of chain.toReversed()) {
      this.pieces.delete(piece.key);
      this.pieces.set(piece.key, piece);
    }
  }
}

/** The tokens of the piece at `at`, after the piece `before`. */
function keyOf(before: Piece | undefined, prompt: ArrayLike<number>, at: number): string {
  return `${before?.id ?? 0}:${Array.from({ length: CHUNK }, (_, i) => prompt[at + i]).join()}`;
}
