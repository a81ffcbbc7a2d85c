// The README's annotated tree names every file there is, and no other, each with a comment.
import { deepEqual } from "node:assert/strict";
import { filesOnDisk, readTree } from "../tools/readme_tree.ts";

Deno.test("README's tree has one commented line for each file (deno run -A tools/readme_tree.ts --write)", async () => {
  const tree = readTree(await Deno.readTextFile(new URL("../README.md", import.meta.url)));
  deepEqual([...tree.keys()].sort(), filesOnDisk().sort());
  deepEqual([...tree].filter(([, comment]) => !comment).map(([path]) => path), [], "lines without a comment");
});

Deno.test("readTree() puts files into their folders", () => {
  const readme =
    "# x\n\n<!-- tree -->\n```\nlib/      all\n  run/    ground\n    a.ts  one: two\n  b.ts    three\ntools/\n  c.ts\n```\n";
  deepEqual([...readTree(readme)], [
    ["lib/", "all"],
    ["lib/run/", "ground"],
    ["lib/run/a.ts", "one: two"],
    ["lib/b.ts", "three"],
    ["tools/", ""],
    ["tools/c.ts", ""],
  ]);
});
