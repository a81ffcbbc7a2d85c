// The file of embeddings, {"id", "embedding": […]} a line: from the verb with the engine that makes them to those without it.
import { z } from "zod";
import { InputError } from "../run/errors.ts";
import { readJsonl, writeFileAtomic } from "../run/files.ts";

/** Writes embeddings to `path`, numbers to six digits. */
export async function writeEmbeddings(
  path: string,
  embeddings: ReadonlyMap<string, ArrayLike<number>>,
): Promise<void> {
  const lines = [...embeddings].map(([id, vector]) => {
    const embedding = Array.from(vector, (x) => Number(x.toPrecision(6)));
    return JSON.stringify({ id, embedding }) + "\n";
  });
  await writeFileAtomic(path, lines.join(""));
}

const line = z.object({ id: z.string().min(1), embedding: z.array(z.number()).min(1) });

/** The embeddings in a file, by id. Throws InputError with path:line for a line of another form or a repeated id. */
export async function readEmbeddings(path: string): Promise<Map<string, Float64Array>> {
  const found = new Map<string, Float64Array>();
  for (const { line: at, value } of await readJsonl(path)) {
    const { data, error } = line.safeParse(value);
    const why = error
      ? `${error.issues[0].path.join(".")}: ${error.issues[0].message}`
      : `the id ${data!.id} is there twice`;
    if (error || found.has(data!.id)) {
      throw new InputError(
        `Cannot read ${path}:${at}: ${why}; a line must be {"id": "…", "embedding": [numbers]}`,
      );
    }
    found.set(data!.id, Float64Array.from(data!.embedding));
  }
  return found;
}
