// Exercises: right and wrong answers, and that every exercise stands in a notebook with an attempt and a checked solution.
import * as assert from "node:assert/strict";
import { join } from "node:path";
import { check, checked, EXERCISES } from "../lib/study/exercises.ts";
import { InputError } from "../lib/run/errors.ts";

const notebooks = join(import.meta.dirname!, "../notebooks");

interface Cell {
  cell_type: string;
  id: string;
  metadata: { tags?: string[]; jupyter?: { source_hidden?: boolean } };
  source: string | string[];
}

const sourceOf = ({ source }: Cell) => Array.isArray(source) ? source.join("") : source;

async function allCells(): Promise<Cell[]> {
  const files = [...Deno.readDirSync(notebooks)].filter(({ name }) => name.endsWith(".ipynb"));
  const read = files.map(async ({ name }) =>
    JSON.parse(await Deno.readTextFile(join(notebooks, name))).cells as Cell[]
  );
  return (await Promise.all(read)).flat();
}

Deno.test("checked() takes the right number and a near one, and refuses others without telling it", async () => {
  for (const [id, { truth, tolerance }] of Object.entries(EXERCISES)) {
    const right = await truth(), allowed = tolerance ?? 0.005 * Math.abs(right);
    assert.ok(Number.isFinite(right), id);
    assert.equal((await checked(id, right)).state, "right", id);
    assert.equal((await checked(id, right + 0.9 * allowed)).state, "right", id);
    const wrong = await checked(id, right + 1.1 * allowed);
    assert.equal(wrong.state, "wrong", id);
    assert.match(wrong.text, /^Not yet/);
    assert.ok(
      !wrong.text.includes(String(Number(right.toPrecision(4)))) || right === 1,
      `${id} tells its answer`,
    );
  }
});

Deno.test("checked() says what an answer lacks", async () => {
  assert.match((await checked("overview/flat", undefined)).text, /^Not answered yet\. Hint: /);
  assert.match((await checked("overview/flat", "0.8")).text, /^Not yet: the answer is a number/);
  assert.equal((await checked("overview/flat", NaN)).state, "wrong");
  await assert.rejects(() => checked("overview/none", 1), InputError);
});

Deno.test("check() throws for a solution that is wrong, and not for an attempt", async () => {
  await assert.rejects(
    () => check("overview/flat", 0.7, { solution: true }),
    /solution of overview\/flat is wrong/,
  );
  await assert.rejects(() => check("overview/flat", undefined, { solution: true }), Error);
});

Deno.test("check() is called for every exercise: an attempt, then a hidden solution", async () => {
  const cells = await allCells();
  for (const id of Object.keys(EXERCISES)) {
    const own = cells.filter((cell) => cell.cell_type === "code" && sourceOf(cell).includes(`check("${id}"`));
    assert.equal(own.length, 2, id);
    const [attempt, solution] = own;
    assert.match(sourceOf(attempt), /undefined/, id);
    assert.ok(!attempt.metadata.tags?.includes("solution"), id);
    assert.ok(solution.metadata.tags?.includes("solution"), id);
    assert.equal(solution.metadata.jupyter?.source_hidden, true, id);
    assert.match(sourceOf(solution), /\{ solution: true \}/, id);
  }
});
