// The README's annotated tree, one line a file, made from the first sentence of each file's header comment.
// deno run -A tools/readme_tree.ts prints it; with --write it replaces the block after <!-- tree --> in README.md.
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { root } from "./setup.ts";

const folders = ["notebooks", "lib", "data", "tests", "bench", "tools"];
const block = /(<!-- tree -->\s*```[a-z]*\n)([\s\S]*?)(^```)/m;

/** Path → comment of each line of a README's tree. Throws InputError where it has none. */
export function readTree(readme: string): Map<string, string> {
  const text = block.exec(readme)?.[2];
  if (text === undefined) {
    throw new InputError("Cannot read the README's tree: no fenced block after <!-- tree -->; add one");
  }
  const lines = new Map<string, string>();
  const stack: string[] = [];
  for (const line of text.split("\n").filter((line) => line.trim())) {
    const [, indent, name, comment] = /^( *)(\S+)\s*(.*)$/.exec(line)!;
    stack.length = indent.length / 2;
    const path = stack.join("") + name;
    if (name.endsWith("/")) stack.push(name);
    lines.set(path, comment);
  }
  return lines;
}

/** The files and folders that the tree must show: of tests only what lies at its top. Folders end with a slash. */
export function filesOnDisk(base = root): string[] {
  const walk = (path: string, deep: boolean): string[] => {
    const entries = [...Deno.readDirSync(join(base, path))].filter((entry) =>
      !/^[._]|\.partial\.ipynb$/.test(entry.name)
    );
    entries.sort((a, b) => Number(a.isDirectory) - Number(b.isDirectory) || (a.name < b.name ? -1 : 1));
    return entries.flatMap((entry) => {
      const name = path + entry.name;
      if (!entry.isDirectory) return [name];
      const inside = walk(`${name}/`, deep);
      return inside.length ? [`${name}/`, ...(deep ? inside : [])] : [];
    });
  };
  return folders.flatMap((folder) => {
    const inside = walk(`${folder}/`, folder !== "tests");
    return inside.length ? [`${folder}/`, ...inside] : [];
  });
}

/** The tree's text. Files that cannot carry a comment, and folders, keep the one they have in `before`. */
export function treeText(before: Map<string, string>): string {
  const rows = filesOnDisk().map((path) => {
    const parts = path.split("/").filter((part) => part);
    const name = "  ".repeat(parts.length - 1) + parts.at(-1) + (path.endsWith("/") ? "/" : "");
    return { name, comment: (path.endsWith("/") ? undefined : headline(path)) ?? before.get(path) ?? "" };
  });
  const width = Math.max(...rows.map((row) => row.name.length)) + 2;
  return rows.map((row) => (row.name.padEnd(width) + row.comment).trimEnd()).join("\n") + "\n";
}

/** What a file says of itself in its first sentence. */
function headline(path: string): string | undefined {
  const text = Deno.readTextFileSync(join(root, path));
  if (path.endsWith(".ipynb")) {
    const cell = JSON.parse(text).cells.find((cell: { cell_type: string }) => cell.cell_type === "markdown");
    return firstSentence([cell?.source ?? ""].flat().join("").replace(/^#+\s*/, "").split("\n")[0]);
  }
  if (path.endsWith(".md")) {
    const title = /^#+\s*(.*)/m.exec(text)?.[1];
    return title && firstSentence(title); // a prompt has none
  }
  const marked = /^(?:"""|\/\*)([\s\S]*?)(?:"""|\*\/)/; // Python's and CSS's
  const header = /^(?:#!.*\n)?((?:(?:\/\/|#) ?.*\n)+)/.exec(text)?.[1] ?? marked.exec(text)?.[1];
  return header && firstSentence(header.replace(/^(\/\/|#) ?/gm, ""));
}

/** The first sentence, or as many of its clauses as fit; no bracket is left open. */
function firstSentence(text: string): string {
  const sentence = text.trim().replace(/\s+/g, " ").split(/(?<!\bet al)\.(?: |$)/)[0];
  if (sentence.length <= 100) return sentence;
  const ends = [...sentence.matchAll(/[:;,] /g)].map((match) => match.index).filter((end) => end <= 100);
  const end = ends.at(-1) ?? 0;
  if (end <= 30) return sentence.slice(0, sentence.lastIndexOf(" ", 100)) + " …";
  return sentence.slice(0, end).replace(/ \([^)]*$/, "");
}

if (import.meta.main) {
  const path = join(root, "README.md");
  const readme = await Deno.readTextFile(path).catch(() => "");
  const text = treeText(block.test(readme) ? readTree(readme) : new Map());
  if (Deno.args[0] !== "--write") console.log(text);
  else await Deno.writeTextFile(path, readme.replace(block, (_, start, _old, end) => start + text + end));
}
