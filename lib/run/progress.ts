// Progress of a long stage: counts steps, measures the recent speed, guesses the time left. Display is the caller's:
// a line on stderr (printProgress), a bar in a notebook (lib/show).

/** Where a stage stands. Times in seconds. */
export interface ProgressState {
  /** What is being done. */
  title: string;
  /** Complete steps. */
  done: number;
  /** All steps. */
  total: number;
  /** Over the recent steps; absent before the second step or where no tokens are counted. */
  tokensPerSecond?: number;
  /** At the speed of the recent steps; absent before the second step. */
  secondsLeft?: number;
  /** A word on the current state, such as the loss. */
  note?: string;
  /** Whether the stage has ended, complete or not. */
  finished: boolean;
}

/** Receives each new state. */
export type Render = (state: ProgressState) => unknown;

const window = 20;

/** Counts the steps of one stage and hands each state to `render`. */
export class Progress {
  /** Where the stage stands now. */
  readonly state: ProgressState;
  #recent: { time: number; tokens: number; done: number }[];
  #tokens = 0;

  /** `now` gives milliseconds (for tests); `from` steps were done before. */
  constructor(
    title: string,
    total: number,
    private readonly render: Render = printProgress(),
    private readonly now: () => number = () => performance.now(),
    from = 0,
  ) {
    this.state = { title, done: from, total, finished: false };
    this.#recent = [{ time: now(), tokens: 0, done: from }];
  }

  /** Says that `done` steps are complete, the last of which took in `tokens` tokens. */
  async update(done: number, options: { tokens?: number; note?: string } = {}): Promise<void> {
    this.#tokens += options.tokens ?? 0;
    this.#recent.push({ time: this.now(), tokens: this.#tokens, done });
    if (this.#recent.length > window + 1) this.#recent.shift();
    const first = this.#recent[0], last = this.#recent.at(-1)!;
    const seconds = (last.time - first.time) / 1000;
    const steps = done - first.done;
    Object.assign(this.state, { done, note: options.note });
    if (seconds > 0 && steps > 0) {
      this.state.secondsLeft = (this.state.total - done) * seconds / steps;
      if (this.#tokens) this.state.tokensPerSecond = (last.tokens - first.tokens) / seconds;
    }
    await this.render(this.state);
  }

  /** Says that the stage has ended, complete or not. */
  async finish(note?: string): Promise<void> {
    Object.assign(this.state, { note: note ?? this.state.note, finished: true });
    await this.render(this.state);
  }
}

/** The state as one line of plain text. */
export function progressLine(state: ProgressState): string {
  const { title, done, total, tokensPerSecond, secondsLeft, note, finished } = state;
  const parts = [`${title}: ${done}/${total}`];
  if (note) parts.push(note);
  if (tokensPerSecond !== undefined) parts.push(`${Math.round(tokensPerSecond)} tokens/s`);
  if (secondsLeft !== undefined && !finished) parts.push(`${clock(secondsLeft)} left`);
  return parts.join(" · ");
}

/** Seconds as 0:07, 12:34 or 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A renderer for stderr: one line kept up to date on a terminal, a line every `every` seconds elsewhere. */
export function printProgress(every = 10): Render {
  const terminal = Deno.stderr.isTerminal();
  const encoder = new TextEncoder();
  let last = -Infinity;
  return (state) => {
    const line = progressLine(state);
    if (!terminal && !state.finished && performance.now() - last < every * 1000) return;
    last = performance.now();
    const end = !terminal || state.finished ? "\n" : "";
    Deno.stderr.writeSync(encoder.encode((terminal ? "\r\x1b[K" : "") + line + end));
  };
}
