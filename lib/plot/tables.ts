// The tables behind the figures, as files of a run, and the figures drawn from them. Numbers only: no model, no browser.
import { join } from "node:path";
import { InputError } from "../run/errors.ts";
import { readBytes, writeFileAtomic } from "../run/files.ts";
import { agreementFigure, type AgreementOptions, type AgreementRow } from "./agreement.ts";
import { calibration, type CalibrationRow } from "./calibration.ts";
import { caseStudyFigure, type CaseStudyRow } from "./case_study.ts";
import { type CheckpointRow, checkpointsFigure } from "./checkpoints.ts";
import { type ClusterPoint, clustersFigure } from "./clusters.ts";
import { type CorrelationRow, correlationsFigure } from "./correlations.ts";
import { type DifferenceRow, differencesFigure } from "./differences.ts";
import { entropyMixFigure, type EntropyMixRow } from "./entropy_mix.ts";
import type { Figure } from "./figure.ts";
import { heldoutPerplexity, type PerplexityRow } from "./heldout_perplexity.ts";
import { judgedFigure, type JudgedRow } from "./judged.ts";
import { type LayerRow, layersFigure } from "./layers.ts";
import { lossByTercileFigure, type TercileChangeRow } from "./loss_by_tercile.ts";
import { mappingCurve, type MappingCurveOptions, type MappingRow } from "./mapping_curve.ts";
import { mappingMethods, type MethodMappingRow } from "./mapping_methods.ts";
import { type PaperCell, paperTableFigure, type PaperTableOptions } from "./paper_table.ts";
import { radarFigure, type RadarRow } from "./radar.ts";
import { type RatedRow, ratingsHistogram } from "./ratings_histogram.ts";
import { type ScorePoint, scoresFigure } from "./scores.ts";
import { type SilhouetteRow, silhouettesFigure, type SilhouettesOptions } from "./silhouettes.ts";
import { type SmoothingMeanRow, smoothingMeansFigure } from "./smoothing_means.ts";
import { trainingCurves, type TrainingRow } from "./training_curves.ts";

/** Each figure's table, by the figure's name. */
export interface Tables {
  ratings: { rows: RatedRow[] };
  agreement: { rows: AgreementRow[]; options: AgreementOptions };
  correlations: { rows: CorrelationRow[] };
  mapping: { rows: MappingRow[]; options: MappingCurveOptions };
  mappings: { rows: MethodMappingRow[]; options: { mean: number } };
  training: { rows: TrainingRow[] };
  perplexity: { rows: PerplexityRow[] };
  calibration: { rows: CalibrationRow[]; ece: Record<string, number> };
  terciles: { rows: TercileChangeRow[] };
  scores: { rows: ScorePoint[] };
  differences: { rows: DifferenceRow[] };
  radar: { rows: RadarRow[] };
  clusters: { rows: ClusterPoint[] };
  silhouettes: { rows: SilhouetteRow[]; options?: SilhouettesOptions };
  layers: { rows: LayerRow[]; options?: { measure?: string } };
  table2: { rows: PaperCell[]; options: PaperTableOptions };
  table3: { rows: PaperCell[]; options: PaperTableOptions };
  table4: { rows: PaperCell[]; options: PaperTableOptions };
  table5: { rows: PaperCell[]; options: PaperTableOptions };
  case_study: { rows: CaseStudyRow[] };
  checkpoints: { rows: CheckpointRow[] };
  smoothing_means: { rows: SmoothingMeanRow[] };
  judged: { rows: JudgedRow[]; options?: { judge?: string } };
  entropy_mix: { rows: EntropyMixRow[]; options?: { math?: string; preference?: string } };
}

const draw: { [K in keyof Tables]: (table: Tables[K]) => Figure } = {
  ratings: ({ rows }) => ratingsHistogram(rows),
  agreement: ({ rows, options }) => agreementFigure(rows, options),
  correlations: ({ rows }) => correlationsFigure(rows),
  mapping: ({ rows, options }) => mappingCurve(rows, options),
  mappings: ({ rows, options }) => mappingMethods(rows, options),
  training: ({ rows }) => trainingCurves(rows),
  perplexity: ({ rows }) => heldoutPerplexity(rows),
  calibration: ({ rows, ece }) => calibration(rows, ece),
  terciles: ({ rows }) => lossByTercileFigure(rows),
  scores: ({ rows }) => scoresFigure(rows),
  differences: ({ rows }) => differencesFigure(rows),
  radar: ({ rows }) => radarFigure(rows),
  clusters: ({ rows }) => clustersFigure(rows),
  silhouettes: ({ rows, options }) => silhouettesFigure(rows, options),
  layers: ({ rows, options }) => layersFigure(rows, options),
  table2: ({ rows, options }) => paperTableFigure(rows, options),
  table3: ({ rows, options }) => paperTableFigure(rows, options),
  table4: ({ rows, options }) => paperTableFigure(rows, options),
  table5: ({ rows, options }) => paperTableFigure(rows, options),
  case_study: ({ rows }) => caseStudyFigure(rows),
  checkpoints: ({ rows }) => checkpointsFigure(rows),
  smoothing_means: ({ rows }) => smoothingMeansFigure(rows),
  judged: ({ rows, options }) => judgedFigure(rows, options),
  entropy_mix: ({ rows, options }) => entropyMixFigure(rows, options),
};

/** The figure of one table. */
export function drawFigure<K extends keyof Tables>(name: K, table: Tables[K]): Figure {
  return draw[name](table);
}

/** The figures of all tables given, by name. */
export function drawFigures(tables: Partial<Tables>): Record<string, Figure> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, table]) => [name, drawFigure(name as keyof Tables, table as never)]),
  );
}

/** Writes one table as `dir`/name.json. */
export async function writeTable<K extends keyof Tables>(
  dir: string,
  name: K,
  table: Tables[K],
): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  await writeFileAtomic(join(dir, `${name}.json`), JSON.stringify(table) + "\n");
}

/** The tables in `dir`. Throws InputError where there is none or one is not JSON. */
export async function readTables(dir: string): Promise<Partial<Tables>> {
  const tables: Record<string, unknown> = {};
  for (const name of Object.keys(draw)) {
    const path = join(dir, `${name}.json`);
    if (!await exists(path)) continue;
    try {
      tables[name] = JSON.parse(new TextDecoder().decode(await readBytes(path)));
    } catch {
      throw new InputError(
        `Cannot read table ${path}: it is not JSON; run the notebook that writes it again`,
      );
    }
  }
  if (Object.keys(tables).length === 0) {
    throw new InputError(`Cannot draw figures: ${dir} holds no tables; run the notebooks first`);
  }
  return tables as Partial<Tables>;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
