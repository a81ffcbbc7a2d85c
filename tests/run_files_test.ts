// Whole-file replacement, ledgers, hashes: also with a full disk, odd targets and broken input.
import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import * as files from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map((e) => e.name).sort();

Deno.test("writeFileAtomic() replaces a file, makes folders, keeps mode and link, leaves nothing else", () =>
  inFolder(async (dir) => {
    const path = join(dir, "a/b/x.txt");
    await files.writeFileAtomic(path, "one");
    await Deno.chmod(path, 0o640);
    await Deno.symlink(path, join(dir, "link"));
    await files.writeFileAtomic(join(dir, "link"), new Uint8Array([0x74, 0x77, 0x6f]));
    equal(await Deno.readTextFile(path), "two");
    equal((await Deno.stat(path)).mode! & 0o777, 0o640);
    ok((await Deno.lstat(join(dir, "link"))).isSymlink);
    deepEqual(names(join(dir, "a/b")), ["x.txt"]);
  }));

Deno.test("replaceFile() leaves the old file and no trace where writing fails", () =>
  inFolder(async (dir) => {
    const path = join(dir, "x");
    await files.writeFileAtomic(path, "old");
    await rejects(
      files.replaceFile(path, (file) => {
        files.writeAll(file, new TextEncoder().encode("half of the ne"));
        throw new RangeError("broken source");
      }),
      RangeError,
    );
    equal(await Deno.readTextFile(path), "old");
    deepEqual(names(dir), ["x"]);
    await rejects(files.writeFileAtomic(dir, "x"), /Cannot write .*: it is a folder; give a file's path/);
    await rejects(files.writeFileAtomic(join(path, "y"), "x"), InputError);
  }));

Deno.test({
  name: "writeFileAtomic() says when the disk is full, and never replaces a device",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await rejects(files.writeFileAtomic("/dev/full", "x"), {
      name: "InputError",
      message: /^Cannot write \/dev\/full: no space left on device; free some/,
    });
    ok((await Deno.stat("/dev/full")).isCharDevice);
  },
});

Deno.test({
  name: "writeFileAtomic() and appendLineSync() take back what did not fit",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (dir) => {
      const module = new URL("../lib/run/files.ts", import.meta.url).href;
      await Deno.writeTextFile(join(dir, "old"), "old");
      await Deno.writeTextFile(join(dir, "ledger"), "1\n");
      const code = `const f = await import("${module}"); const big = "x".repeat(200000);
        for (const go of [() => f.writeFileAtomic("old", big), async () => f.appendLineSync("ledger", big)])
          await go().catch((e) => console.log(e.name, e.message));`;
      const { stdout } = await new Deno.Command("bash", {
        // a limit of 64 blocks stands for the full disk: write() gives EFBIG once part is written
        args: ["-c", `trap '' XFSZ; ulimit -f 64; exec "$0" eval --no-lock '${code}'`, Deno.execPath()],
        cwd: dir,
        env: { DENO_DIR: join(dir, "cache") },
      }).output();
      const text = new TextDecoder().decode(stdout);
      match(text, /InputError Cannot write old: .*file size/);
      match(text, /InputError Cannot write ledger: .*file size/);
      equal(await Deno.readTextFile(join(dir, "old")), "old");
      equal(await Deno.readTextFile(join(dir, "ledger")), "1\n");
      deepEqual(names(dir).filter((n) => n !== "cache"), ["ledger", "old"]);
    }),
});

Deno.test("appendLineSync() and dropTornLine() keep whole lines", () =>
  inFolder(async (dir) => {
    const path = join(dir, "ledger.jsonl");
    files.appendLineSync(path, { step: 1 });
    files.appendLineSync(path, { step: 2, text: "ü\n" });
    await Deno.writeTextFile(path, '{"step":3,"lo', { append: true });
    equal(await files.dropTornLine(path), 13);
    equal(await files.dropTornLine(path), 0);
    equal(await files.dropTornLine(join(dir, "none")), 0);
    files.appendLineSync(path, { step: 3 });
    deepEqual((await files.readJsonl(path)).map((r) => [r.line, (r.value as { step: number }).step]), [
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  }));

Deno.test("readJsonl() passes over blank lines, a byte order mark and carriage returns", () =>
  inFolder(async (dir) => {
    const path = join(dir, "x.jsonl");
    await Deno.writeTextFile(path, '\ufeff{"a":1}\r\n\r\n[2]');
    deepEqual(await files.readJsonl(path), [{ line: 1, value: { a: 1 } }, { line: 3, value: [2] }]);
  }));

Deno.test("readJsonl() names file and line of bad input", () =>
  inFolder(async (dir) => {
    const path = join(dir, "x.jsonl");
    const fails = async (content: string | number[], message: RegExp) => {
      await Deno.writeFile(
        path,
        typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content),
      );
      await rejects(files.readJsonl(path), { name: "InputError", message });
    };
    await fails(
      '{"a":1}\n{"a":\n',
      /Cannot read .*x\.jsonl:2: not valid JSON .*each line must hold one JSON value/,
    );
    await fails([0x31, 10, 0x22, 0xff, 0x22, 10], /x\.jsonl:2: not valid UTF-8/);
    await fails("", /x\.jsonl: it is empty/);
    await fails("\n \n", /x\.jsonl: it is empty/);
    await rejects(
      files.readJsonl(join(dir, "none")),
      /Cannot read .*none: no such file or folder; check the path/,
    );
    await rejects(files.readJsonl(dir), /it is a folder/);
  }));

Deno.test("sha256File() and sha256Hex() agree with the published digest of abc", () =>
  inFolder(async (dir) => {
    const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-2, B.1
    equal(files.sha256Hex("abc"), abc);
    const path = join(dir, "x");
    await Deno.writeTextFile(path, "abc");
    equal(await files.sha256File(path), abc);
    const big = new Uint8Array(3_000_001).map((_, i) => i * 7);
    await Deno.writeFile(path, big);
    equal(await files.sha256File(path), files.sha256Hex(big));
    await rejects(files.sha256File(join(dir, "none")), InputError);
  }));

Deno.test("resolveUser() and cacheDir() follow the environment", () => {
  const old = ["INIT_CWD", "UAL_CACHE", "XDG_CACHE_HOME"].map((k) => [k, Deno.env.get(k)] as const);
  try {
    Deno.env.set("INIT_CWD", "/some/where");
    equal(files.resolveUser("a/../b"), "/some/where/b");
    equal(files.resolveUser("/c"), "/c");
    Deno.env.set("UAL_CACHE", "here");
    equal(files.cacheDir(), "/some/where/here");
    Deno.env.delete("UAL_CACHE");
    Deno.env.set("XDG_CACHE_HOME", "/x");
    equal(files.cacheDir(), "/x/ual");
    Deno.env.delete("XDG_CACHE_HOME");
    match(files.cacheDir(), /\.cache[/\\]ual$/);
  } finally {
    for (const [k, v] of old) v === undefined ? Deno.env.delete(k) : Deno.env.set(k, v);
  }
});

Deno.test("writeError() lets a programmer's error through", () => {
  const error = new TypeError("x");
  equal(files.writeError("p", error), error);
  throws(() => files.appendLineSync("/nowhere/at/all", 1), InputError);
});
