// The part of YAML that benchmark packages write their tasks in: block mappings and sequences, plain and quoted scalars over
// several lines. Not a YAML library: anchors, flow collections and block scalars are refused, values stay texts.

/** A value: numbers and booleans stay the text that they were written as, tags are passed over, nothing is "". */
export type Yaml = string | Yaml[] | { [key: string]: Yaml };

/** The value of a document. Throws SyntaxError with the line for what this reader does not know. */
export function parseYaml(text: string): Yaml {
  const reader = new Reader(text.replaceAll("\r\n", "\n").split("\n"));
  const value = reader.block(0);
  reader.expectEnd();
  return value;
}

const KEY = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#\-[{&*!|>%@`][^#]*?|-[^\s#][^#]*?):(?=\s|$)\s*/;

class Reader {
  #at = 0;
  constructor(private readonly lines: string[]) {}

  /** The collection or scalar whose first line is indented by `least` or more. */
  block(least: number): Yaml {
    const line = this.#next();
    if (line === undefined || indentOf(line) < least) return "";
    const indent = indentOf(line);
    if (isItem(line)) return this.#sequence(indent);
    if (KEY.test(line.trimStart())) return this.#mapping(indent);
    this.#at++;
    return this.#scalar(line.trimStart(), least - 1);
  }

  expectEnd(): void {
    if (this.#next() !== undefined) this.#fail("is indented as nothing above it");
  }

  #sequence(indent: number): Yaml[] {
    const items: Yaml[] = [];
    for (let line; (line = this.#next()) !== undefined && indentOf(line) === indent && isItem(line);) {
      // what follows the dash is a block of its own, as if it stood on a line alone
      this.lines[this.#at] = line.replace("-", " ");
      items.push(this.block(indent + 1));
    }
    return items;
  }

  #mapping(indent: number): Yaml {
    const fields: { [key: string]: Yaml } = {};
    for (let line; (line = this.#next()) !== undefined && indentOf(line) === indent && !isItem(line);) {
      const text = line.trimStart(), match = KEY.exec(text);
      if (!match) this.#fail("is no key");
      this.#at++;
      const rest = text.slice(match[0].length);
      fields[unquoted(match[1])] = rest === "" || rest.startsWith("#")
        ? this.#nested(indent)
        : this.#scalar(rest, indent);
    }
    return fields;
  }

  /** What stands below a key; a sequence may be indented as the key is. */
  #nested(indent: number): Yaml {
    const line = this.#next();
    if (line !== undefined && indentOf(line) === indent && isItem(line)) return this.#sequence(indent);
    return this.block(indent + 1);
  }

  /** A scalar from `start` on and the lines below it that are indented by more than `indent`. */
  #scalar(start: string, indent: number): string {
    start = start.replace(/^!\S*\s*/, "");
    const quote = start[0];
    if (quote === '"' || quote === "'") return this.#quoted(start, quote);
    if ("[{&*|>%@`".includes(quote)) {
      this.#at--;
      this.#fail(`begins a value with ${quote}, which this reader does not know`);
    }
    const parts = [uncommented(start)];
    for (let line; (line = this.lines[this.#at]) !== undefined; this.#at++) {
      if (line.trim() !== "" && (indentOf(line) <= indent || line.trimStart().startsWith("#"))) break;
      parts.push(uncommented(line));
    }
    return folded(parts).trimEnd();
  }

  #quoted(start: string, quote: string): string {
    const whole = quote === '"' ? /^"((?:[^"\\]|\\[^])*)"\s*(#.*)?$/ : /^'((?:[^']|'')*)'\s*(#.*)?$/;
    for (let text = start;; text += "\n" + this.lines[this.#at++]) {
      const match = whole.exec(text);
      if (match) {
        const inner = folded(match[1].split("\n"), quote === '"');
        return quote === '"' ? unescaped(inner) : inner.replaceAll("''", "'");
      }
      if (this.#at >= this.lines.length) this.#fail(`is after the last, and a ${quote} is still open`);
    }
  }

  /** The next line that says something. */
  #next(): string | undefined {
    while (this.#at < this.lines.length && /^\s*(#.*)?$|^---\s*$/.test(this.lines[this.#at])) this.#at++;
    return this.lines[this.#at];
  }

  #fail(what: string): never {
    throw new SyntaxError(`Cannot read YAML: line ${this.#at + 1} ${what}`);
  }
}

const indentOf = (line: string) => line.length - line.trimStart().length;

const isItem = (line: string) => /^\s*-(\s|$)/.test(line);

const uncommented = (text: string) => text.replace(/(^|\s)#.*$/, "");

const unquoted = (key: string) =>
  key[0] === '"'
    ? unescaped(key.slice(1, -1))
    : key[0] === "'"
    ? key.slice(1, -1).replaceAll("''", "'")
    : key;

/** Lines joined: a line end becomes a space, an empty line a line end; with `escapes`, a backslash at the end takes it away. */
function folded(lines: string[], escapes = false): string {
  let text = lines[0], empty = 0;
  for (const [i, line] of lines.slice(1).entries()) {
    const part = line.trimStart(), last = i === lines.length - 2;
    if (part === "" && !last) {
      empty++;
      continue;
    }
    const open = escapes && /(?<!\\)(\\\\)*\\$/.test(text);
    text = open
      ? text.slice(0, -1) + "\n".repeat(empty) + part
      : text.replace(/[ \t]+$/, "") + (empty ? "\n".repeat(empty) : " ") + part;
    empty = 0;
  }
  return text;
}

const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", 0: "\0", e: "\x1b" };

const unescaped = (text: string) =>
  text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))/g, (_, x, u, long, one) => {
    const code = x ?? u ?? long;
    return code === undefined ? ESCAPES[one] ?? one : String.fromCodePoint(parseInt(code, 16));
  });
