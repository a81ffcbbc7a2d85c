// Set-up of tfjs-node where something is missing: reason and remedy in one line, nothing left behind, one at a time.
// That it builds and runs is seen in jit_tfjs_node_test.ts.
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "./folder.ts";

const root = join(import.meta.dirname!, "..");

/** setUpNative() in a process with an empty cache folder and this environment. */
function start(cache: string, env: Record<string, string>): Deno.ChildProcess {
  const code = `import { setUpNative } from "./tools/setup_tfjs_node.ts";
try {
  await setUpNative("${root}", "${root}/.venv/bin/python", "tfjs-node", (_, work) => work());
} catch (error) {
  console.error(String(error));
}`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    cwd: root,
    env: { NO_COLOR: "1", UAL_CACHE: cache, ...env },
    stderr: "piped",
  }).spawn();
}

const errors = async (child: Deno.ChildProcess) => new TextDecoder().decode((await child.output()).stderr);
const left = (cache: string) => [...Deno.readDirSync(join(cache, "tfjs-node"))].map((entry) => entry.name);

/** No package index that answers. */
const offline = {
  PIP_CONFIG_FILE: "/dev/null",
  PIP_INDEX_URL: "http://127.0.0.1:9/simple",
  PIP_EXTRA_INDEX_URL: "",
  PIP_FIND_LINKS: "",
  PIP_RETRIES: "1",
};

Deno.test("setUpNative() names the package that brings g++", () =>
  inFolder(async (cache) => {
    equal(
      await errors(start(cache, { PATH: cache })),
      "InputError: Cannot set up tfjs-node: there is no g++ to build its addon; install it (Debian, Ubuntu: apt install g++)\n",
    );
    deepEqual(left(cache), ["lock"]);
  }));

const compiler = await new Deno.Command("g++", { args: ["--version"], stdout: "null" }).output()
  .then(() => true, () => false);
if (!compiler) console.error("skipped: there is no g++, so that setUpNative() ends before its download");

Deno.test({
  name: "setUpNative() waits for another one, and names a package index that does not answer",
  ignore: !compiler,
  fn: () =>
    inFolder(async (cache) => {
      await Deno.mkdir(join(cache, "tfjs-node/4.0.0-killed.tmp/wheel"), { recursive: true });
      const lock = await Deno.open(join(cache, "tfjs-node/lock"), { write: true, create: true });
      await lock.lock(true);
      const child = start(cache, offline);
      const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
      equal((await reader.read()).value, "set-up: waiting for another one of tfjs-node\n");
      lock.close();
      let rest = "";
      for (let part; !(part = await reader.read()).done;) rest += part.value;
      match(
        rest,
        /^InputError: Cannot download tensorflow-cpu==2\.16\.2: the package registry does not answer; check the network/,
      );
      await child.status;
      deepEqual(left(cache), ["lock"]);
    }),
});

Deno.test("deno task setup names the engines there are, before it does anything", async () => {
  for (
    const [args, reason] of [[["--engine", "x"], "there is none of that name"], [["--engin"], "Unknown"]]
  ) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(root, "tools/setup.ts"), ...args],
      env: { NO_COLOR: "1" },
    }).output();
    equal(code, 2);
    match(new TextDecoder().decode(stderr), new RegExp(`^Cannot set up.*${reason}.*\n$`));
  }
});
