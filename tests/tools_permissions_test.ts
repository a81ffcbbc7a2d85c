// Verbs without the engine run in a process that reaches its inputs and outputs and nothing else: seen from inside.
import { deepEqual, equal } from "node:assert/strict";
import { join } from "node:path";
import { type Verb, verbs } from "../lib/cli_verbs.ts";
import { cacheDir } from "../lib/run/files.ts";
import { flagValues, permissionFlags } from "../tools/permissions.ts";
import { inFolder } from "./folder.ts";

const root = join(import.meta.dirname!, "..");

/** Tries each thing that such a process should or should not be able to do; prints what came of it. */
const probe = (dir: string) => `
import { appendLineSync, readJsonl, resolveUser, writeFileAtomic } from "${root}/lib/run/files.ts";
import { writeManifest } from "${root}/lib/run/manifest.ts";
import { z } from "zod";
const tries = {
  input: () => readJsonl(resolveUser("in.jsonl")),
  output: () => writeFileAtomic(resolveUser("out/map.jsonl"), "x"),
  ledger: () => appendLineSync(resolveUser("out/ledger.jsonl"), 1),
  manifest: () => writeManifest(resolveUser("out"), { stage: "x", inputs: {}, settings: {}, code: "" }),
  bundled: () => Deno.readDirSync("${root}/data").next(),
  package: () => z.number().parse(1),
  passwd: () => Deno.readTextFileSync("/etc/passwd"),
  neighbour: () => Deno.readTextFileSync("${dir}/secret.txt"),
  home: () => [...Deno.readDirSync("${dir}")],
  tools: () => Deno.readTextFileSync("${root}/tools/ual.ts"),
  overwrite: () => Deno.writeTextFileSync("${dir}/in.jsonl", ""),
  code: () => Deno.writeTextFileSync("${root}/lib/evil.ts", ""),
  socket: () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
  listen: () => Deno.listen({ port: 0 }),
  fetch: () => fetch("http://127.0.0.1:8008"),
  spawn: () => new Deno.Command("true").outputSync(),
  native: () => Deno.dlopen("libc.so.6", {}),
  environment: () => Deno.env.get("SECRET"),
  worker: () => import("data:text/javascript,1").then(() => Deno.readTextFileSync("/etc/hostname")),
};
const result = {};
for (const [name, attempt] of Object.entries(tries)) {
  try { await attempt(); result[name] = "done"; } catch (e) { result[name] = e.cause?.name ?? e.name; }
}
console.log(JSON.stringify(result));`;

Deno.test("a verb without the engine cannot read, reach or start what it should not", () =>
  inFolder(async (dir) => {
    dir = await Deno.realPath(dir);
    await Deno.writeTextFile(join(dir, "in.jsonl"), "1\n");
    await Deno.writeTextFile(join(dir, "secret.txt"), "secret");
    const script = join(root, ".ual", `probe-${Deno.pid}.ts`);
    await Deno.mkdir(join(root, ".ual"), { recursive: true });
    await Deno.writeTextFile(script, probe(dir));
    const old = Deno.env.get("INIT_CWD");
    try {
      Deno.env.set("INIT_CWD", dir);
      const args = ["--data", "in.jsonl", "--out=out/map.jsonl"];
      const flags = permissionFlags(root, { read: ["data"], write: ["out"] }, args);
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", ...flags, script, ...args],
        env: { INIT_CWD: dir, SECRET: "x" },
      }).output();
      const text = new TextDecoder().decode(stdout);
      deepEqual(text ? JSON.parse(text) : new TextDecoder().decode(stderr), {
        input: "done",
        output: "done",
        ledger: "done",
        manifest: "done",
        bundled: "done",
        package: "done",
        passwd: "NotCapable",
        neighbour: "NotCapable",
        home: "NotCapable",
        tools: "NotCapable",
        overwrite: "NotCapable",
        code: "NotCapable",
        socket: "NotCapable",
        listen: "NotCapable",
        fetch: "NotCapable",
        spawn: "NotCapable",
        native: "NotCapable",
        environment: "NotCapable",
        worker: "NotCapable",
      });
      equal(await Deno.readTextFile(join(dir, "out/map.jsonl")), "x");
    } finally {
      old === undefined ? Deno.env.delete("INIT_CWD") : Deno.env.set("INIT_CWD", old);
      await Deno.remove(script);
    }
  }));

Deno.test("permissionFlags() opens nothing for flags that were not given, and follows links of those that were", () =>
  inFolder(async (dir) => {
    dir = await Deno.realPath(dir);
    const none = permissionFlags(root, { read: ["data"], write: ["out"] }, []);
    deepEqual(none.filter((flag) => flag.startsWith("--allow-write")), []);
    await Deno.mkdir(join(dir, "a,b"));
    await Deno.symlink(join(dir, "a,b"), join(dir, "link"));
    const flags = permissionFlags(root, { writeFolder: ["out"] }, [
      "figures",
      "--out",
      join(dir, "link/new"),
    ]);
    equal(
      flags.find((flag) => flag.startsWith("--allow-write")),
      `--allow-write=${dir}/link/new,${dir}/a,,b/new`,
    );
  }));

Deno.test("flagValues() finds both spellings, repeated and positional ones, and no others", () => {
  const verb: Verb = {
    positional: "data",
    flags: { data: { value: "FILE", help: "" }, mean: { value: "X", help: "" }, json: { help: "" } },
    write: ["out"],
  };
  const args = ["--mean", "0.1", "a", "--json", "b", "--out", "c", "--out=d=e", "--outer", "f", "--out"];
  const { data, out, mean } = flagValues(verb, args);
  deepEqual([data, out, mean], [["a", "b", "f"], ["c", "d=e"], ["0.1"]]);
});

Deno.test("the verbs without the engine are known; of them fetch alone may use the network, the hub's token and the cache", () => {
  const narrow = Object.entries(verbs).filter(([, verb]) => !verb.engine).map(([name]) => name);
  deepEqual(narrow.sort(), [
    "agree",
    "data",
    "data inspect",
    "data mix",
    "data select",
    "fetch",
    "figures",
    "ledger ls",
    "ledger show",
    "ledger verify",
    "map",
    "stop",
    "watch",
  ]);
  for (const name of narrow) {
    const flags = permissionFlags(root, verbs[name], ["owner/name"]), fetches = name === "fetch";
    equal(flags.includes("--allow-net"), fetches, name);
    equal(flags.some((flag) => flag.startsWith("--allow-env=") && flag.includes("HF_TOKEN")), fetches, name);
    equal(flags.includes(`--allow-write=${join(cacheDir(), "hub")}`), fetches, name);
  }
});

Deno.test("verbs of data reach the network and the cache for a hub's data set alone, the mirror for the mirror's", () =>
  inFolder(async (dir) => {
    dir = await Deno.realPath(dir);
    const old = Deno.env.get("UAL_MIRROR");
    try {
      Deno.env.set("UAL_MIRROR", join(dir, "mirror"));
      const opened = (name: string, ...args: string[]) => {
        const flags = permissionFlags(root, verbs[name], args);
        const read = flags.find((flag) => flag.startsWith("--allow-read="))!;
        return {
          net: flags.includes("--allow-net"),
          token: flags.some((flag) => flag.startsWith("--allow-env=") && flag.includes("HF_TOKEN")),
          cache: flags.some((flag) =>
            flag.startsWith("--allow-write=") && flag.includes(join(cacheDir(), "hub"))
          ),
          mirror: read.includes(join(dir, "mirror")),
          file: read.includes(join(dir, "d.jsonl")),
        };
      };
      const none = { net: false, token: false, cache: false, mirror: false, file: false };
      const hub = { ...none, net: true, token: true, cache: true };
      const file = join(dir, "d.jsonl");
      deepEqual(opened("data", file), { ...none, file: true });
      deepEqual(opened("data", "hf:owner/name"), hub);
      deepEqual(opened("data inspect", "--data=mirror:lima"), { ...none, mirror: true });
      deepEqual(opened("data select", file, "--out", join(dir, "o")), { ...none, file: true });
      deepEqual(opened("data select", file, "--decontaminate", "arc"), { ...none, file: true, mirror: true });
      deepEqual(opened("data mix", file, "hf:owner/name"), { ...hub, file: true });
    } finally {
      old === undefined ? Deno.env.delete("UAL_MIRROR") : Deno.env.set("UAL_MIRROR", old);
    }
  }));
