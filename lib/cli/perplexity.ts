// `ual perplexity`: how likely a model finds a data file's answers.
import type { Output } from "../cli.ts";
import { perplexity as perplexityOf, sampleNll } from "../evaluate/mod.ts";
import { score } from "../model/mod.ts";
import { Progress } from "../run/progress.ts";
import type { Flags } from "./flags.ts";
import { adapterOf, baseOf, jitOf, modelOf, sequencesOf } from "./model.ts";

/** Scores `--data`; nll in nats, summed over each sample's supervised tokens. */
export async function perplexity(flags: Flags): Promise<Output> {
  const { model, template } = await modelOf(flags);
  const adapter = await adapterOf(flags, model);
  const { sequences, truncated, dropped } = await sequencesOf(flags, model, template);
  const progress = new Progress("perplexity", sequences.length);
  let batches = 0;
  const scores = await score(baseOf(model), sequences, {
    ...jitOf(flags),
    adapter,
    onBatch: (done, total) => {
      batches = total;
      void progress.update(Math.round(done / total * sequences.length));
    },
  });
  await progress.finish(`${batches} batches`);
  const samples = sampleNll(scores);
  const total = perplexityOf(samples);
  const rows = samples.map((s, i) => ({
    ...s,
    perplexity: Math.exp(s.nll / s.tokens),
    ...(flags.flag("tokens")
      ? { token_ids: Array.from(scores[i].targets), token_nll: Array.from(scores[i].nll) }
      : {}),
  }));
  return {
    json: {
      model: model.name,
      nll: total.nll,
      tokens: total.tokens,
      perplexity: total.perplexity,
      interval: [total.low, total.high],
      truncated,
      dropped,
      samples: rows,
    },
    text: [
      ...rows.map((r) =>
        `${r.id}\tnll ${r.nll.toFixed(4)}\ttokens ${r.tokens}\tperplexity ${r.perplexity.toFixed(3)}`
      ),
      `total\tnll ${total.nll.toFixed(4)}\ttokens ${total.tokens}\tperplexity ${
        total.perplexity.toFixed(4)
      } ` +
      `(95% interval ${total.low.toFixed(3)} to ${total.high.toFixed(3)})`,
    ].join("\n"),
  };
}
