// Python's ast.literal_eval for what judges answer: lists, tuples, dictionaries, texts, numbers.

/** A value; dictionaries as maps, tuples as arrays. */
export type PythonValue =
  | null
  | boolean
  | number
  | string
  | PythonValue[]
  | Map<PythonValue, PythonValue>;

/** Reads one literal with nothing around it but white space. Throws SyntaxError where Python would refuse it, and for what is rarer (sets, bytes, complex numbers, arithmetic). */
export function pythonLiteral(text: string): PythonValue {
  // literal_eval strips blanks and tabs in front of the first line; in front of a later one they are an indentation
  const reader = new Reader(text.replace(/^[ \t]+/, ""));
  reader.blanks();
  if (/[ \t]/.test(text.replace(/^[ \t]+/, "")[reader.at - 1] ?? "")) throw reader.error("it is indented");
  const value = reader.outermost();
  reader.blanks();
  if (reader.at < reader.text.length) throw reader.error("there is more after the value");
  return value;
}

/** Deeper nesting is refused. */
const DEEPEST = 100;

class Reader {
  at = 0;
  constructor(readonly text: string) {}

  error(why: string): SyntaxError {
    return new SyntaxError(`Cannot read a Python value at character ${this.at + 1}: ${why}`);
  }

  /** White space and comments; line ends too, where `lines`. */
  blanks(lines = true): void {
    this.take(lines ? /(?:[ \t\n\r\f]|\\\r?\n|#[^\n]*)*/ : /(?:[ \t\f]|\\\r?\n)*/);
  }

  /** Takes `pattern` at this place. */
  take(pattern: RegExp): string | undefined {
    const sticky = new RegExp(pattern.source, "y");
    sticky.lastIndex = this.at;
    const found = sticky.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  /** The value that all is, or a tuple without brackets, on one line but for what is in brackets. */
  outermost(): PythonValue {
    const first = this.value(0), items = [first];
    this.blanks(false);
    if (this.text[this.at] !== ",") return first;
    while (this.take(/,/)) {
      this.blanks(false);
      if (/^[\n\r#]?$/.test(this.text[this.at] ?? "")) break;
      items.push(this.value(0));
      this.blanks(false);
    }
    return items;
  }

  value(depth: number): PythonValue {
    if (depth > DEEPEST) throw this.error("it is nested too deeply");
    const c = this.text[this.at];
    if (c === "[") return this.items("]", depth).items;
    if (c === "(") {
      const { items, commas } = this.items(")", depth);
      return items.length === 1 && commas === 0 ? items[0] : items;
    }
    if (c === "{") return this.dictionary(depth);
    const word = this.take(/(?:True|False|None)\b/);
    if (word) return word === "None" ? null : word === "True";
    if (/['"rRuU]/.test(c ?? "") && this.startsString()) return this.strings();
    return this.number();
  }

  items(close: string, depth: number): { items: PythonValue[]; commas: number } {
    const items: PythonValue[] = [];
    let commas = 0;
    this.at++;
    while (true) {
      this.blanks();
      if (this.text[this.at] === close) {
        this.at++;
        return { items, commas };
      }
      if (items.length > commas) throw this.error(`"," or "${close}" was expected`);
      items.push(this.value(depth + 1));
      this.blanks();
      if (this.text[this.at] === ",") this.at++, commas++;
    }
  }

  dictionary(depth: number): Map<PythonValue, PythonValue> {
    const found = new Map<PythonValue, PythonValue>();
    this.at++;
    for (let wanted = true;;) {
      this.blanks();
      if (this.text[this.at] === "}") {
        this.at++;
        return found;
      }
      if (!wanted) throw this.error('"," or "}" was expected');
      const key = this.value(depth + 1);
      if (typeof key === "object" && key !== null) throw this.error("a list or dictionary is no key");
      this.blanks();
      if (!this.take(/:/)) throw this.error('":" was expected');
      this.blanks();
      found.set(key, this.value(depth + 1));
      this.blanks();
      wanted = this.take(/,/) !== undefined;
    }
  }

  number(): number {
    const digits = String.raw`\d(?:_?\d)*`;
    const found = this.take(
      new RegExp(
        String.raw`[+-]?\s*(?:0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|` +
          String.raw`(?:${digits}(?:\.(?:${digits})?)?|\.${digits})(?:[eE][+-]?${digits})?)(?![\w.])`,
      ),
    );
    if (found === undefined || /^[+-]?\s*0[\d_]*[1-9]\d*$/.test(found)) {
      throw this.error("no value stands here");
    }
    const clean = found.replace(/[_\s]/g, ""), negative = clean.startsWith("-");
    const size = Number(clean.replace(/^[+-]/, ""));
    return negative ? -size : size;
  }

  startsString(): boolean {
    return /^(?:[rRuU]?)['"]/.test(this.text.slice(this.at, this.at + 2));
  }

  /** Texts side by side are one. */
  strings(): string {
    let all = "";
    do {
      all += this.string();
      this.blanks();
    } while (this.startsString());
    return all;
  }

  string(): string {
    const raw = /[rR]/.test(this.take(/[rRuU]/) ?? ""), long = this.take(/"""|'''/);
    const quote = long ?? this.text[this.at++];
    let value = "";
    while (true) {
      if (this.text.startsWith(quote, this.at)) {
        this.at += quote.length;
        return value;
      }
      const c = this.text[this.at];
      if (c === undefined || c === "\n" && !long) throw this.error("a text does not end");
      if (c !== "\\") value += c, this.at++;
      else value += raw ? this.text.slice(this.at, this.at += 2) : this.escape();
    }
  }

  escape(): string {
    const plain: Record<string, string> = {
      "\n": "",
      "\\": "\\",
      "'": "'",
      '"': '"',
      a: "\x07",
      b: "\b",
      f: "\f",
      n: "\n",
      r: "\r",
      t: "\t",
      v: "\v",
    };
    const next = this.text[this.at + 1] ?? "";
    if (Object.hasOwn(plain, next)) {
      this.at += 2;
      return plain[next];
    }
    const octal = this.take(/\\[0-7]{1,3}/);
    if (octal) return String.fromCharCode(parseInt(octal.slice(1), 8));
    const hex = this.take(/\\x[\da-fA-F]{2}|\\u[\da-fA-F]{4}|\\U[\da-fA-F]{8}/);
    if (!hex && /[xuUN]/.test(next)) throw this.error("an escape is broken");
    if (!hex) return this.text[this.at++]; // an unknown one keeps its backslash
    const code = parseInt(hex.slice(2), 16);
    if (code > 0x10ffff) throw this.error("an escape is no character");
    return String.fromCodePoint(code);
  }
}
