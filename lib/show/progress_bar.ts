// A progress bar in a notebook: live while the stage runs; what stays in the notebook holds no times.
import { clock, printProgress, Progress, type ProgressState, type Render } from "../run/progress.ts";
import { type Bundle, inNotebook, type Live, showLive } from "./show.ts";
import { escapeHtml } from "./text.ts";

/** The progress of a stage of `total` steps, as a bar in a notebook and as lines on stderr elsewhere. */
export function progressBar(title: string, total: number): Progress {
  return new Progress(title, total, inNotebook() ? barRenderer() : printProgress());
}

/** Draws at most every `every` milliseconds, and always the end. */
function barRenderer(every = 250): Render {
  let shown: Live | undefined;
  let last = -Infinity;
  return async (state) => {
    if (!state.finished && performance.now() - last < every) return;
    last = performance.now();
    if (shown) await shown.update(bar(state));
    else shown = await showLive(bar(state));
  };
}

/** A state as HTML and text. A finished one is the same from run to run. */
export function bar(state: ProgressState): Bundle {
  const { title, done, total, note, tokensPerSecond, secondsLeft, finished } = state;
  const parts = [`${done} of ${total} steps`];
  if (note) parts.push(note);
  if (!finished && tokensPerSecond !== undefined) parts.push(`${Math.round(tokensPerSecond)} tokens/s`);
  if (!finished && secondsLeft !== undefined) parts.push(`${clock(secondsLeft)} left`);
  const text = parts.join(" · ");
  return {
    "text/html": `<div><label>${
      escapeHtml(title)
    } <progress value="${done}" max="${total}"></progress></label> ${escapeHtml(text)}</div>`,
    "text/plain": `${title}: ${text}`,
  };
}
