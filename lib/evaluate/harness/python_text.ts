// Texts as Python sees them: lengths in code points, strip() and capitalize() by Unicode. For prompts that must be the
// harness's to the character.

/** len(text). */
export function codePoints(text: string): number {
  let n = 0;
  for (let i = 0; i < text.length; i++, n++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00 && text.charCodeAt(i + 1) >>> 10 === 0x37) i++; // a pair is one
  }
  return n;
}

/** What str.isspace() is true for: unlike trim(), the separators U+001C to U+001F and U+0085, and not U+FEFF. */
const SPACE = "[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const FRONT = new RegExp(`^${SPACE}`), BACK = new RegExp(`^${SPACE}$`);

/** str.strip(). */
export function strip(text: string): string {
  return rstrip(text).replace(FRONT, "");
}

/** str.rstrip(). */
export function rstrip(text: string): string {
  let end = text.length;
  while (end > 0 && BACK.test(text[end - 1])) end--;
  return text.slice(0, end);
}

/** str.capitalize(): the first character in title case, all others in lower case. */
export function capitalize(text: string): string {
  if (text === "") return "";
  const first = String.fromCodePoint(text.codePointAt(0)!);
  // lowered as a whole, since a final sigma hangs on what precedes it
  return titleCase(first) + text.toLowerCase().slice(first.toLowerCase().length);
}

/** The title case of one character (Unicode's UnicodeData and SpecialCasing), where it is not its upper case. */
function titleCase(character: string): string {
  const code = character.codePointAt(0)!;
  const within = (from: number, to: number) => code >= from && code <= to;
  if (within(0x10d0, 0x10ff)) return character; // Georgian has no title case
  if (within(0x1c4, 0x1cc)) return String.fromCodePoint(0x1c5 + 3 * Math.floor((code - 0x1c4) / 3)); // ǅ ǈ ǋ
  if (within(0x1f1, 0x1f3)) return "\u01f2"; // ǲ
  if (within(0x1f80, 0x1faf)) return String.fromCodePoint(code | 8); // Greek with iota beside it
  if ([0x1fb3, 0x1fc3, 0x1ff3].includes(code)) return String.fromCodePoint(code + 9);
  if ([0x1fbc, 0x1fcc, 0x1ffc].includes(code)) return character;
  const [head, ...rest] = character.toUpperCase();
  if (code === 0x149) return head + rest.join(""); // ŉ
  return head + rest.join("").replaceAll("\u0399", "\u0345").toLowerCase();
}
