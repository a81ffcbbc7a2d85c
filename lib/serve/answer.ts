// A choice's text as its tokens come: what is certain of it leaves at once, with the log-probabilities of its tokens. Half
// characters, and what may yet become a stop string, wait. A whole answer is the sum of its pieces, streamed or not.
import type { TokenLogprob } from "./logprobs.ts";

/** A piece of an answer. */
export interface Piece {
  content: string;
  logprobs: TokenLogprob[];
}

/** How an answer is made. */
export interface AnswerOptions {
  /** Ids to text, special tokens left out. */
  decode: (ids: number[]) => string;
  /** Strings that end it; not part of it. */
  stop: string[];
  /** Takes each piece that is not empty. */
  onPiece: (piece: Piece) => void;
}

/** An answer in the making. */
export class Answer {
  private readonly ids: number[] = [];
  /** The ids before `read` have given their text; those from `from` on are decoded with it, as a decoder may look back. */
  private from = 0;
  private read = 0;
  private text = "";
  private sent = 0;
  /** Log-probabilities that have not left, each with where its token's text begins. */
  private waiting: { start: number; logprob: TokenLogprob }[] = [];

  constructor(private readonly options: AnswerOptions) {}

  /** Adds a token; true where a stop string has ended the answer. */
  push(id: number, logprob?: TokenLogprob): boolean {
    if (logprob) this.waiting.push({ start: this.text.length, logprob });
    this.ids.push(id);
    const { decode, stop } = this.options;
    const before = decode(this.ids.slice(this.from, this.read)), now = decode(this.ids.slice(this.from));
    if (now.endsWith("\uFFFD")) return false; // perhaps the first bytes of a character
    const searched = this.text.length;
    this.text += now.slice(before.length);
    this.from = this.read;
    this.read = this.ids.length;
    const end = firstOf(this.text, stop, searched);
    this.send(end ?? this.text.length - heldBack(this.text, stop), end !== undefined);
    return end !== undefined;
  }

  /** Sends what is left when no more tokens come; not to be called after a stop string. */
  end(): void {
    const { decode, stop } = this.options;
    const before = decode(this.ids.slice(this.from, this.read)), now = decode(this.ids.slice(this.from));
    const searched = this.text.length;
    this.text += now.slice(before.length);
    this.send(firstOf(this.text, stop, searched) ?? this.text.length, false, true);
  }

  /** Sends the text up to `end`, with the tokens that begin before it; `cut`: what is behind it is given up. */
  private send(end: number, cut: boolean, last = false): void {
    const content = this.text.slice(this.sent, end);
    const ready = this.waiting.filter(({ start }) => last || start < end);
    this.waiting = cut || last ? [] : this.waiting.slice(ready.length);
    this.sent = Math.max(this.sent, end);
    if (content || ready.length) {
      this.options.onPiece({ content, logprobs: ready.map(({ logprob }) => logprob) });
    }
  }
}

/** Where the first of `strings` in `text` begins, that ends after `searched`; undefined where there is none. */
function firstOf(text: string, strings: string[], searched: number): number | undefined {
  const found = strings.map((s) => text.indexOf(s, Math.max(0, searched - s.length + 1))).filter((at) =>
    at >= 0
  );
  return found.length ? Math.min(...found) : undefined;
}

/** The length of the longest end of `text` that begins one of `strings`. */
function heldBack(text: string, strings: string[]): number {
  let most = 0;
  for (const s of strings) {
    for (let n = Math.min(s.length - 1, text.length); n > most; n--) {
      if (text.endsWith(s.slice(0, n))) most = n;
    }
  }
  return most;
}
