// Imports between the folders of lib go one way, and the native engine stays behind one folder.
import { deepEqual, ok } from "node:assert/strict";
import { join, relative } from "node:path";

const lib = join(import.meta.dirname!, "../lib");
const order = [
  "run",
  "stats",
  "show",
  "data",
  "chat",
  "jit",
  "model",
  "serve",
  "uncertainty",
  "curate",
  "train",
  "evaluate",
  "cluster",
  "plot",
  "scale",
  "study",
];
/** The command line, in and beside this folder, uses everything. */
const top = ["", "cli"];
/** Of the folders above them, these may use only some. */
const only: Record<string, string[]> = { plot: ["run", "show"] };

function files(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory ? files(path) : entry.name.endsWith(".ts") ? [path] : [];
  });
}

/** The specifiers of a module's imports and re-exports, dynamic ones too. */
function specifiers(text: string): string[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)(["'`])([^"'`\n]+)\1/g;
  return [...text.matchAll(pattern)].map((match) => match[2]);
}

/** What is wrong with one import; nothing where it is right. */
function fault(path: string, specifier: string): string | undefined {
  const place = relative(lib, path);
  const from = place.includes("/") ? place.split("/")[0] : "";
  if (/^(npm:)?onnxruntime/.test(specifier) && from !== "jit") {
    return `${place} imports ${specifier}: only lib/jit may`;
  }
  if (!specifier.startsWith(".")) return undefined;
  const target = relative(lib, join(path, "..", specifier));
  const to = target.includes("/") ? target.split("/")[0] : "";
  if (top.includes(from) || from === to) return undefined;
  const allowed = only[from] ?? order.slice(0, order.indexOf(from));
  return allowed.includes(to)
    ? undefined
    : `${place} imports ${target}: lib/${from} may import only ${allowed}`;
}

Deno.test("lib's folders import only those above them, and only lib/jit the engine", () => {
  const faults: string[] = [];
  for (const path of files(lib)) {
    for (const specifier of specifiers(Deno.readTextFileSync(path))) {
      const found = fault(path, specifier);
      if (found) faults.push(found);
    }
  }
  deepEqual(faults, []);
});

Deno.test("every folder of lib has its place in the order", () => {
  const folders = [...Deno.readDirSync(lib)].filter((entry) => entry.isDirectory).map((entry) => entry.name);
  deepEqual(folders.filter((folder) => ![...order, ...top].includes(folder)), []);
});

Deno.test("the import rule finds each kind of fault", () => {
  const text =
    `import x from "../train/a.ts";\nexport * from '../plot/b.ts';\nawait import("onnxruntime-node");\nimport "./c.ts";`;
  deepEqual(specifiers(text), ["../train/a.ts", "../plot/b.ts", "onnxruntime-node", "./c.ts"]);
  const faults = specifiers(text).map((specifier) => fault(join(lib, "model/x.ts"), specifier));
  ok(faults[0] && faults[1] && faults[2]);
  deepEqual(faults[3], undefined);
  ok(fault(join(lib, "plot/x.ts"), "../model/mod.ts"));
  ok(fault(join(lib, "run/x.ts"), "../cli.ts"));
  deepEqual(fault(join(lib, "cli.ts"), "./train/mod.ts"), undefined);
});
