// The bundled dialogues of the category format: conversions made again by a program, and their lines of code run.
// Sums and counts are in data_answers_test.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import katex from "katex";
import { answers, requests, words } from "./bundled.ts";
import { inFolder } from "./folder.ts";

/** The text between the first two quotation marks, or after the first ": ". */
const quoted = (text: string) => text.split('"')[1];
const after = (text: string, mark = ": ") => text.slice(text.indexOf(mark) + mark.length);

/** What stands in backticks in an answer, fenced or not, in order. */
const code = (id: string, turn = 0) =>
  [...answers(id)[turn].matchAll(/```\w*\n([^`]*)\n```|`([^`]+)`/g)].map(([, fenced, inline]) =>
    fenced ?? inline
  );

Deno.test("exact answers are what a program makes of the request", () => {
  const roman = (n: number) =>
    [["M", 1000], ["CM", 900], ["D", 500], ["CD", 400], ["C", 100], ["XC", 90], ["L", 50], ["XL", 40], [
      "X",
      10,
    ]]
      .reduce((text, [letters, value]) => {
        const count = Math.floor(n / Number(value));
        n -= count * Number(value);
        return text + String(letters).repeat(count);
      }, "") + ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"][n];
  assert.ok(answers("format-roman-1987")[0].startsWith(`${roman(1987)} `));
  assert.ok(answers("format-binary-45")[0].endsWith(`${(45).toString(2)}.`));
  assert.equal(answers("format-binary-45")[1], (45).toString(16).toUpperCase());
  const contact = JSON.parse(answers("format-contact-json")[0]);
  assert.deepEqual(Object.keys(contact), ["name", "phone", "city"]);
  for (const value of Object.values(contact)) {
    assert.ok(requests("format-contact-json")[0].includes(String(value)));
  }
  const csv = requests("format-csv-to-table")[0].split("\n").slice(1).map((line) => line.split(","));
  const table = answers("format-csv-to-table")[0].split("\n").map((line) => line.slice(2, -2).split(" | "));
  assert.deepEqual(table.filter((_, i) => i !== 1), csv);
  const names = requests("format-sort-names")[0].split(": ")[1].split(", ");
  assert.equal(answers("format-sort-names")[0], names.sort().join(", "));
  const addresses = requests("format-extract-emails")[0].match(/[\w.]+@[\w.]+\w/g);
  assert.deepEqual(answers("format-extract-emails")[0].split("\n"), addresses);
});

Deno.test("texts are turned into the form that was asked for", () => {
  const items = after(requests("format-html-list")[0]).split(", ").map((item) => `  <li>${item}</li>\n`);
  assert.deepEqual(code("format-html-list"), [`<ul>\n${items.join("")}</ul>`]);
  const camel = after(requests("format-snake-case-names")[0]).split(", ");
  const snake = camel.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  assert.equal(answers("format-snake-case-names")[0], snake.join("\n"));
  const [author, title, press, year] = after(requests("format-citation-hartwig")[0]).split(", ");
  const [given, family] = author.split(" ");
  const sentence = title[0] + title.slice(1).toLowerCase();
  assert.deepEqual(answers("format-citation-hartwig"), [
    `${family}, ${given[0]}. (${year}). *${sentence}*. ${press}.`,
    `${family}, ${given}. *${title}*. ${press}, ${year}.`,
    `APA: (${family}, ${year}, p. 48)\nMLA: (${family} 48)`,
  ]);
  const log = requests("format-log-to-csv")[0].split("\n").slice(1).map((line) => {
    const [, date, time, level, message] = line.match(/^(\S+) (\S+) (\S+) (.*)$/)!;
    return [date, time, level, message.includes(",") ? `"${message}"` : message].join(",");
  });
  assert.equal(answers("format-log-to-csv")[0], ["date,time,level,message", ...log].join("\n"));
  const unpointed = (text: string) => words(text.replaceAll("'", ""));
  const picnic = after(requests("format-punctuate-picnic")[0]);
  assert.deepEqual(unpointed(answers("format-punctuate-picnic")[0]), unpointed(picnic));
  const person: Record<string, string> = { my: "her", myself: "herself", me: "her", mine: "hers", I: "she" };
  const third = quoted(requests("format-third-person-mara")[0])
    .replace("I", "Mara").replace(/\b(my|myself|me|mine|I)\b/g, (word) => person[word]);
  assert.equal(answers("format-third-person-mara")[0], `"${third}"`);
  const notes = requests("format-notes-to-table")[0];
  const [head, , ...rows] = answers("format-notes-to-table")[0].split("\n").map((l) =>
    l.slice(2, -2).split(" | ")
  );
  assert.ok(notes.includes(`columns ${head.join(", ")}.`));
  assert.deepEqual(rows.map(([who]) => who), ["Karim", "Jun", "Bea"]);
  for (const cell of rows.flat()) assert.ok(after(notes, "\n\n").includes(cell), cell);
});

Deno.test("codes, measures, times and tallies are converted right", () => {
  const nato =
    "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa " +
    "Quebec Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu";
  const digits = "Zero One Two Three Four Five Six Seven Eight Nine".split(" ");
  const spell = (c: string) => digits[Number(c)] ?? nato.split(" ").find((word) => word.startsWith(c));
  const booking = requests("format-spell-booking-code")[0].match(/[A-Z0-9]{6}/)![0];
  assert.equal(answers("format-spell-booking-code")[0], [...booking].map(spell).join(", "));
  const metric = quoted(requests("format-metric-measures")[0]).replace(
    /(\d+) (in|lb)\b/g,
    (_, n, unit) => unit === "in" ? `${Math.round(n * 2.54)} cm` : `${Math.round(n * 0.45359237)} kg`,
  );
  assert.equal(answers("format-metric-measures")[0], `"${metric}"`);
  const moment = new Date(1_700_000_000_000);
  const weekday = moment.toLocaleDateString("en-GB", { weekday: "long", timeZone: "UTC" });
  const [date, time] = moment.toISOString().split(/[T.]/);
  assert.equal(answers("format-unix-timestamp")[0], `${date} ${time}, a ${weekday}.`);
  const clock = (seconds: string) =>
    new Date(Number(seconds) * 1000).toISOString().slice(11, 19).replace(/^0/, "");
  for (const [i, request] of requests("format-seconds-to-clock").entries()) {
    assert.equal(answers("format-seconds-to-clock")[i], request.match(/\d+/g)!.map(clock).join(", "));
  }
  const dishes = requests("format-dish-tally")[0].split("\n")[1].split(", ").map((guest) =>
    guest.split(" ")[1]
  );
  const tally = [...new Set(dishes)].map((dish) => [dish, dishes.filter((d) => d === dish).length] as const);
  const lines = tally.sort(([, a], [, b]) => b - a).map(([dish, count]) => `${dish}: ${count}`);
  assert.equal(answers("format-dish-tally")[0], lines.join("\n"));
  const { searchParams } = new URL(requests("format-decode-url")[0].match(/https:\S+/)![0]);
  const [q, city] = ["q", "city"].map((name) => searchParams.get(name));
  assert.ok(answers("format-decode-url")[0].startsWith(`They searched for "${q}" in the city "${city}".`));
  assert.equal(decodeURIComponent("%C3%A9|%20|%26|%C3%BC"), "é| |&|ü");
  assert.ok(
    answers("format-decode-url")[0].includes("%C3%A9 is é, %20 a space, %26 an ampersand and %C3%BC ü."),
  );
});

/** The days of 2025 on which a line of crontab runs, and its time: ["06:15", "2025-01-01", …]. */
function runs(line: string): string[] {
  const [minute, hour, ...days] = line.split(" ").slice(0, 5);
  const [day, month, weekday] = days.map((field) => (value: number) =>
    field.split(",").some((part) => {
      const [low, high = low] = part.split("-").map(Number);
      return part === "*" || (value >= low && value <= high);
    })
  );
  const year = Array.from({ length: 365 }, (_, i) => new Date(Date.UTC(2025, 0, 1 + i)));
  const on = year.filter((d) => day(d.getUTCDate()) && month(d.getUTCMonth() + 1) && weekday(d.getUTCDay()));
  return [`${hour.padStart(2, "0")}:${minute}`, ...on.map((d) => d.toISOString().slice(0, 10))];
}

Deno.test("patterns and formulas in answers do what was asked", () => {
  const pattern = new RegExp(code("format-regex-five-digits")[0]);
  assert.deepEqual(["12345", "1234", "123456", "1234a", " 12345"].map((s) => pattern.test(s)), [
    true,
    ...Array(4).fill(false),
  ]);
  const [backup, summer] = [0, 1].map((turn) => runs(code("format-cron-backup", turn)[0]));
  assert.deepEqual([backup[0], backup.length - 1], ["06:15", 261]);
  for (const day of backup.slice(1)) assert.match(new Date(day).toUTCString(), /^(Mon|Tue|Wed|Thu|Fri)/);
  assert.deepEqual([summer[0], summer.length - 1], ["06:15", 31 + 31]);
  for (const day of summer.slice(1)) assert.match(day, /^2025-(01|07)-/);
  const [from, to] = requests("format-spreadsheet-rent")[0].match(/rows (\d+) to (\d+)/)!.slice(1);
  assert.equal(code("format-spreadsheet-rent")[0], `=SUMIF(A${from}:A${to}, "rent", B${from}:B${to})`);
  const headers = after(requests("format-column-headers")[0]).split(", ");
  const names = answers("format-column-headers")[0].split("\n\n")[0].split("\n");
  assert.equal(names.length, headers.length);
  for (const name of names) assert.match(name, /^[a-z]+(_[a-z]+)*$/);
  const options = { output: "mathml", throwOnError: true } as const;
  const formula = katex.renderToString(code("format-latex-quadratic")[0], options);
  assert.match(formula, /<mi>x<\/mi><mo>=<\/mo><mfrac>.*<mo>±<\/mo><msqrt>.*<\/mfrac>/);
});

Deno.test("the JavaScript and SQL in answers give what was asked", () => {
  const unique = new Function("numbers", `return ${code("format-js-unique-sorted")[0]}`);
  const numbers = [10, 9, 100, 9, 10, 2];
  assert.deepEqual(unique(numbers), [2, 9, 10, 100]);
  assert.deepEqual(numbers, [10, 9, 100, 9, 10, 2], "the old array stays as it was");
  assert.deepEqual([9, 10].sort(), [10, 9], "without the comparison function, as the answer says");
  using db = new DatabaseSync(":memory:");
  db.exec(`CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER, placed_on TEXT, amount REAL);
    INSERT INTO customers VALUES (1, 'Zoe'), (2, 'Ida'), (3, 'Ben'), (4, 'Al'), (5, 'Eve'), (6, 'Max'), (7, 'Uma');
    INSERT INTO orders(customer_id, amount) VALUES (2, 5), (2, 6), (4, 9), (5, 1), (6, 2), (7, 3), (NULL, 4);`);
  const column = (sql: string, name: string) => db.prepare(sql).all().map((row) => row[name]);
  assert.deepEqual(column(code("format-sql-never-ordered")[0], "name"), ["Ben", "Zoe"]);
  const missing = (test: string) =>
    column(`SELECT name FROM customers AS c WHERE ${test} ORDER BY name`, "name");
  assert.deepEqual(missing("NOT EXISTS (SELECT * FROM orders WHERE customer_id = c.id)"), ["Ben", "Zoe"]);
  assert.deepEqual(missing("id NOT IN (SELECT customer_id FROM orders)"), []);
  assert.deepEqual(column(code("format-sql-top-customers")[0], "total"), [11, 9, 4, 3, 2]);
});

const found = async (program: string) =>
  await new Deno.Command(program, { args: ["--version"], stdout: "null" }).output().then(
    (o) => o.success,
    () => false,
  );

Deno.test({
  name: "the Python lines in answers give what was asked (python3)",
  ignore: !await found("python3"),
  fn: async () => {
    const strict = code("format-python-two-lists-dict", 1)[0];
    const [fullmatch] = code("format-regex-five-digits").filter((line) => line.startsWith("re."));
    const script = `import json, re
s, keys, values = "one two  three", ["a", "b"], [1, 2]
out = [${code("format-python-reverse-words")[0]}, ${code("format-python-two-lists-dict")[0]}, ${strict}]
values = [1, 2, 3]
out.append(${code("format-python-two-lists-dict")[0]})
try:
    out.append(${strict})
except ValueError:
    out.append("ValueError")
for s in ["12345", "12345\\n"]:
    out.append(bool(${fullmatch}))
    out.append(bool(re.match("${code("format-regex-five-digits")[0]}", s)))
print(json.dumps(out))`;
    const { stdout, stderr } = await new Deno.Command("python3", { args: ["-c", script] }).output();
    assert.equal(new TextDecoder().decode(stderr), "");
    const pair = { a: 1, b: 2 };
    assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), [
      ...["three two one", pair, pair, pair, "ValueError"],
      ...[true, true, false, true],
    ]);
  },
});

Deno.test({
  name: "the shell and git lines in answers give what was asked (GNU date, git)",
  ignore: Deno.build.os !== "linux" || !await found("git"),
  fn: () =>
    inFolder(async (dir) => {
      const env = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null", LC_ALL: "C" };
      const bash = async (script: string) => {
        const output = await new Deno.Command("bash", { args: ["-ec", script], cwd: dir, env }).output();
        assert.ok(output.success, new TextDecoder().decode(output.stderr));
        return new TextDecoder().decode(output.stdout).trim();
      };
      await Deno.writeTextFile(join(dir, "a.log"), "ERROR 1\nfine\nERROR 2\n");
      await Deno.writeTextFile(join(dir, "b.log"), "ERROR 3\n");
      assert.equal(await bash(code("format-bash-count-lines")[0]), "4");
      assert.equal(await bash(code("format-bash-count-lines", 1)[0]), "3");
      const [linuxDate] = code("format-unix-timestamp", 1);
      assert.equal(await bash(linuxDate), "Tue Nov 14 22:13:20 UTC 2023");
      const [reset, amend] = code("format-undo-last-commit");
      const me = "git config user.name a; git config user.email a@example.org";
      await bash(
        `git init -q; ${me}; git commit -q --allow-empty -m first; git add a.log; git commit -q -m second`,
      );
      await bash(reset);
      assert.equal(await bash("git log --format=%s; git status --short"), "first\nA  a.log\n?? b.log");
      await bash(`git commit -q -m again; git add b.log; ${amend} -q --no-edit`);
      assert.equal(
        await bash("git log --format=%s --name-only; git status --short"),
        "again\n\na.log\nb.log\nfirst",
      );
      await bash(reset.replace("--soft", "-q"));
      assert.equal(await bash("git log --format=%s; git status --short"), "first\n?? a.log\n?? b.log");
      assert.match(await Deno.readTextFile(join(dir, "a.log")), /ERROR 2/);
    }),
});
