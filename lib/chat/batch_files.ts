// What is known of batches under way, in a folder beside the ledger, so that another process can go on with them: for each
// batch MARK.jsonl, its questions, written before it is submitted, and MARK.json, its id, written after.
import { join } from "node:path";
import { InputError } from "../run/errors.ts";
import { readBytes, readJsonl, writeFileAtomic } from "../run/files.ts";
import { keyOf, type Question } from "./question.ts";

/** A batch that is to be submitted, or was. */
export interface Pending {
  /** Also in the batch's metadata at the endpoint: finds it again where its id was not written any more. */
  mark: string;
  /** The endpoint's; undefined where it is not known whether it was submitted. */
  id?: string;
  /** By key. */
  questions: Map<string, Question>;
}

/** The folder that they are in. */
export const pendingFolder = (ledger: string) => `${ledger}.batches`;
const paths = (ledger: string, mark: string) => ({
  questions: join(pendingFolder(ledger), `${mark}.jsonl`),
  id: join(pendingFolder(ledger), `${mark}.json`),
});

/** The batches under way at an endpoint; another model's have another price. Throws InputError for a file that was changed. */
export async function readPending(
  ledger: string,
  { baseUrl, model }: { baseUrl: string; model: string },
): Promise<Pending[]> {
  const found: Pending[] = [];
  for (const mark of marks(pendingFolder(ledger))) {
    const { questions: path, id } = paths(ledger, mark);
    const rows = (await readJsonl(path)).map(({ line, value }) => {
      const row = value as { key: string; question: Question } | null;
      if (row?.question && row.key === keyOf(row.question)) return row;
      throw new InputError(
        `Cannot read ${path}:${line}: it is no question of a batch; restore the file, or remove it`,
      );
    });
    const [{ question }] = rows;
    if (question.base_url !== baseUrl || question.model !== model) continue;
    found.push({
      mark,
      id: await readId(id),
      questions: new Map(rows.map(({ key, question }) => [key, question])),
    });
  }
  return found;
}

function marks(folder: string): string[] {
  try {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    return names.flatMap((name) => /^([0-9a-f]+)\.jsonl$/.exec(name)?.[1] ?? []).sort();
  } catch {
    return []; // no batch was ever submitted
  }
}

async function readId(path: string): Promise<string | undefined> {
  if (!await Deno.stat(path).catch(() => undefined)) return undefined;
  try {
    const { id } = JSON.parse(new TextDecoder().decode(await readBytes(path)));
    if (typeof id === "string") return id;
  } catch (error) {
    if (error instanceof InputError) throw error;
  }
  throw new InputError(`Cannot read ${path}: it does not name a batch; write {"id": "batch_…"} into it`);
}

/** Writes down what will be submitted, before it is. */
export async function writePending(ledger: string, { mark, questions }: Pending): Promise<void> {
  const lines = [...questions].map(([key, question]) => JSON.stringify({ key, question }) + "\n");
  await writeFileAtomic(paths(ledger, mark).questions, lines.join(""));
}

/** Writes down the id that a batch was given. */
export async function writeId(ledger: string, { mark, id }: Pending): Promise<void> {
  await writeFileAtomic(paths(ledger, mark).id, JSON.stringify({ id }) + "\n");
}

/** Forgets a batch whose answers are in the ledger. */
export async function removePending(ledger: string, { mark }: Pending): Promise<void> {
  const { questions, id } = paths(ledger, mark);
  await Deno.remove(questions); // first: without it the other says nothing
  await Deno.remove(id).catch(() => {});
  await Deno.remove(pendingFolder(ledger)).catch(() => {}); // others are in it
}
