// lib/plot/chromium.ts and tar.ts: the packaged browser stands on its own libraries and font; unpacking is whole or not at all.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { chromiumLaunch, chromiumPath } from "../lib/plot/mod.ts";
import { untar } from "../lib/plot/tar.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";

const linux = Deno.build.os === "linux" && Deno.build.arch === "x86_64" && !Deno.env.get("UAL_CHROMIUM");

Deno.test({
  name: "chromiumLaunch() takes NSS from the package, not from the system",
  ignore: !linux,
  fn: async () => {
    const { executablePath, env } = await chromiumLaunch();
    const listing = new Deno.Command(executablePath, {
      env: { ...env, LD_TRACE_LOADED_OBJECTS: "1" },
      clearEnv: true,
    });
    const lines = new TextDecoder().decode((await listing.output()).stdout).split("\n");
    for (const library of ["libnss3.so", "libnspr4.so", "libnssutil3.so", "libexpat.so.1"]) {
      const line = lines.find((one) => one.includes(library)) ?? "";
      assert.ok(line.includes(join(executablePath, "..", "lib")), `${library}: ${line}`);
    }
    assert.ok(!lines.some((line) => line.includes("not found")), lines.join("\n"));
  },
});

Deno.test("chromiumLaunch() gives a browser that knows one font only", async () => {
  const browser = await chromium.launch(await chromiumLaunch());
  try {
    const page = await browser.newPage();
    await page.setContent("<canvas>");
    const widths = await page.$eval("canvas", (canvas) => {
      const context = (canvas as unknown as { getContext(kind: string): CanvasText }).getContext("2d");
      return ["Open Sans", "monospace", "serif", "DejaVu Sans"].map((font) => {
        context.font = `20px "${font}"`;
        return context.measureText("mill wheel").width;
      });
    });
    assert.ok(widths[0] > 50);
    assert.ok(widths.every((width) => Math.abs(width - widths[0]) < 0.5), widths.join());
  } finally {
    await browser.close();
  }
});

interface CanvasText {
  font: string;
  measureText(text: string): { width: number };
}

Deno.test("chromiumLaunch() called by two processes at once unpacks one whole folder", () =>
  inFolder(async (cache) => {
    const url = new URL("../lib/plot/chromium.ts", import.meta.url).href;
    const code = `import { chromiumLaunch } from ${JSON.stringify(url)};
      const { executablePath, env } = await chromiumLaunch();
      console.log(JSON.stringify([executablePath, env.FONTCONFIG_FILE]));`;
    const config = join(import.meta.dirname!, "../deno.json");
    const args = [
      "run",
      "-A",
      "--no-check",
      "--config",
      config,
      `data:application/typescript,${encodeURIComponent(code)}`,
    ];
    const env = { UAL_CACHE: cache, UAL_CHROMIUM: "/own/chromium" }; // only the font is unpacked then
    const runs = await Promise.all(
      [1, 2].map(() => new Deno.Command(Deno.execPath(), { args, env }).output()),
    );
    for (const { success, stdout, stderr } of runs) {
      assert.ok(success, new TextDecoder().decode(stderr));
      const [executable, fonts] = JSON.parse(new TextDecoder().decode(stdout));
      assert.equal(executable, "/own/chromium");
      assert.match(await Deno.readTextFile(fonts), new RegExp(`<dir>${cache}/fonts-[\\d.]+/fonts</dir>`));
    }
    const entries = (await Array.fromAsync(Deno.readDir(cache))).map((entry) => entry.name);
    assert.equal(entries.length, 1, entries.join());
    const fonts = join(cache, entries[0], "fonts/Open_Sans");
    const sizes = await Promise.all(
      ["Regular", "Bold", "Italic"].map(async (face) =>
        (await Deno.stat(join(fonts, `OpenSans-${face}.ttf`))).size
      ),
    );
    assert.ok(sizes.every((size) => size > 100_000), sizes.join());
  }));

Deno.test("chromiumPath() follows UAL_CHROMIUM", async () => {
  const before = Deno.env.get("UAL_CHROMIUM");
  Deno.env.set("UAL_CHROMIUM", "/somewhere/chrome");
  try {
    assert.equal(await chromiumPath(), "/somewhere/chrome");
  } finally {
    if (before === undefined) Deno.env.delete("UAL_CHROMIUM");
    else Deno.env.set("UAL_CHROMIUM", before);
  }
});

Deno.test("chromiumLaunch() says where it cannot unpack", () =>
  inFolder(async (folder) => {
    const before = Deno.env.get("UAL_CACHE");
    await Deno.writeTextFile(join(folder, "file"), "");
    Deno.env.set("UAL_CACHE", join(folder, "file/cache"));
    try {
      await assert.rejects(
        chromiumLaunch(),
        (e) => e instanceof InputError && /^Cannot write .*file\/cache/.test(e.message),
      );
    } finally {
      if (before === undefined) Deno.env.delete("UAL_CACHE");
      else Deno.env.set("UAL_CACHE", before);
    }
  }));

/** An archive by GNU or BSD tar, an independent writer. */
async function tarOf(folder: string, names: string[]): Promise<Uint8Array> {
  const args = ["--format=ustar", "-cf", "-", ...names];
  const { success, stdout } = await new Deno.Command("tar", { args, cwd: folder }).output();
  assert.ok(success);
  return stdout;
}

Deno.test("untar() reads what tar wrote: names, modes, bytes", () =>
  inFolder(async (folder) => {
    const long = `${"deep/".repeat(25)}file.bin`; // over 100 characters: goes into the prefix field
    await Deno.mkdir(join(folder, long, ".."), { recursive: true });
    const bytes = crypto.getRandomValues(new Uint8Array(1500));
    await Deno.writeFile(join(folder, long), bytes);
    await Deno.writeTextFile(join(folder, "empty"), "");
    await Deno.writeTextFile(join(folder, "run"), "#!");
    await Deno.chmod(join(folder, "run"), 0o755);
    await Deno.chmod(join(folder, "empty"), 0o640);
    const files = [...untar(await tarOf(folder, ["empty", "run", "deep"]))];
    assert.deepEqual(files.map(({ name, mode }) => [name, mode]).slice(0, 2), [["empty", 0o640], [
      "run",
      0o755,
    ]]);
    assert.equal(files[2].name, long);
    assert.deepEqual(files[2].bytes, bytes);
    assert.equal(files.length, 3);
  }));

Deno.test("untar() refuses links, escapes, damage and a cut archive", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "a"), "x".repeat(600));
    await Deno.symlink("a", join(folder, "link"));
    const whole = await tarOf(folder, ["a"]);
    const damaged = whole.slice();
    damaged[1] ^= 1;
    assert.throws(() => [...untar(damaged)], /sums to/);
    assert.throws(() => [...untar(whole.subarray(0, 1024))], /pass the archive's end/);
    assert.throws(() => [...untar(renamed(whole, "../a"))], /leads out/);
    assert.throws(() => [...untar(renamed(whole, "/a"))], /leads out/);
    const link = await tarOf(folder, ["link"]);
    assert.throws(() => [...untar(link)], /neither file nor folder/);
  }));

/** The archive with its first entry under another name and the checksum made to fit. */
function renamed(tar: Uint8Array, name: string): Uint8Array {
  const copy = tar.slice();
  copy.fill(0, 0, 100);
  copy.set(new TextEncoder().encode(name));
  copy.fill(32, 148, 156);
  const sum = copy.subarray(0, 512).reduce((a, b) => a + b, 0);
  copy.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0") + "\0 "), 148);
  return copy;
}
