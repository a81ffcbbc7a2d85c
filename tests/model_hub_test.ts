// Downloads from a hub on loopback: one commit, resumed where they broke off, checked by hash, and offline afterwards.
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseHubName } from "../lib/data/hub_access.ts";
import { convertGguf, fetchModel, openModel, openShards } from "../lib/model/mod.ts";
import { inFolder } from "./folder.ts";
import { besideHub, type LoopbackHub } from "./oracles/loopback_hub.ts";
import { tinyGguf } from "./oracles/tiny_llama.ts";

const root = join(import.meta.dirname!, "..");
const name = { owner: "org", name: "tiny", revision: "main" };

/** Runs `body` with a hub that has the tiny model and a folder for what is downloaded. */
const withHub = (body: (hub: LoopbackHub, folder: string) => Promise<void>) =>
  inFolder(async (folder) => {
    await Deno.writeFile(join(folder, "tiny.gguf"), tinyGguf());
    await convertGguf(join(folder, "tiny.gguf"), join(folder, "tiny"));
    const files: Record<string, Uint8Array> = {
      "pytorch_model.bin": new Uint8Array(9),
      "README.md": new Uint8Array(3),
    };
    for await (const { name } of Deno.readDir(join(folder, "tiny"))) {
      if (name !== "source.json") files[name] = await Deno.readFile(join(folder, "tiny", name));
    }
    await besideHub(files, (hub) => body(hub, join(folder, "hub")));
  });

const options = ({ endpoint }: LoopbackHub, folder: string) => ({ endpoint, folder, token: "" });

Deno.test("parseHubName() knows a hub's names from paths", () => {
  assert.deepEqual(parseHubName("org/tiny"), name);
  assert.deepEqual(parseHubName("org/tiny@v1.0/x"), { ...name, revision: "v1.0/x" });
  for (
    const text of [
      "tiny",
      "/org/tiny",
      "./org/tiny",
      "../tiny",
      "org/tiny/x",
      "org/tiny@",
      "org /tiny",
      "a/b.gguf/c",
    ]
  ) {
    assert.equal(parseHubName(text), undefined, text);
  }
});

Deno.test("fetchModel() downloads a commit's configuration, tokenizer and weights, once", () =>
  withHub(async (hub, folder) => {
    const dir = await fetchModel(name, options(hub, folder));
    assert.equal(dir, join(folder, "org", hub.commit, "tiny"));
    for (const file of ["config.json", "tokenizer.json", "model.safetensors"]) {
      assert.deepEqual(await Deno.readFile(join(dir, file)), Uint8Array.from(hub.files[file]));
    }
    const names = (await Array.fromAsync(Deno.readDir(dir), (entry) => entry.name)).filter((n) =>
      n !== ".lock"
    );
    assert.ok(
      !names.includes("pytorch_model.bin") && !names.includes("README.md") &&
        !names.some((n) => n.endsWith(".part")),
    );
    const record = JSON.parse(await Deno.readTextFile(join(dir, "source.json")));
    assert.deepEqual([record.repo, record.revision, record.commit], ["org/tiny", "main", hub.commit]);
    assert.match(record.files["model.safetensors"].sha256, /^[0-9a-f]{64}$/);
    const model = await openModel(dir);
    model.weights.close();
    assert.equal(model.name, "tiny");
    hub.requests.length = 0;
    assert.equal(await fetchModel(name, options(hub, folder)), dir);
    assert.deepEqual(hub.requests, []);
    await fetchModel({ ...name, revision: "v1" }, options(hub, folder)); // another name of the same commit
    assert.deepEqual(hub.requests.map(({ path }) => path), ["/api/models/org/tiny/revision/v1"]);
    await fetchModel(name, { ...options(hub, folder), refresh: true });
    assert.equal(hub.requests.length, 2);
  }));

Deno.test("fetchModel() goes on where a download broke off", () =>
  withHub(async (hub, folder) => {
    hub.breakAfter = 4000;
    const size = hub.files["model.safetensors"].length;
    assert.ok(size > 12_000, `${size} bytes`);
    let dir: string | undefined, tries = 0;
    while (!dir && tries++ < 200) {
      try {
        dir = await fetchModel(name, options(hub, folder));
      } catch (error) {
        assert.match((error as Error).message, /^Cannot download org\/tiny: the hub does not answer/);
      }
    }
    assert.ok(dir, "it never ended");
    assert.deepEqual(
      await Deno.readFile(join(dir, "model.safetensors")),
      Uint8Array.from(hub.files["model.safetensors"]),
    );
    const starts = hub.requests.filter(({ path, range }) =>
      path === "/cdn/model.safetensors" && range !== "bytes=0-0"
    )
      .map(({ range }) => Number(/bytes=(\d+)-/.exec(range ?? "bytes=0-")![1]));
    assert.ok(
      starts.length > 1 && starts.every((start, i) => i === 0 || start > starts[i - 1]),
      `ranges from ${starts}`,
    );
  }));

Deno.test("fetchModel() keeps what came before an answer that ended early or was refused halfway", () =>
  withHub(async (hub, folder) => {
    const dir = join(folder, "org", hub.commit, "tiny"), size = hub.files["model.safetensors"].length;
    hub.endAfter = size - 1;
    await assert.rejects(
      fetchModel(name, options(hub, folder)),
      new RegExp(`the hub ended model.safetensors after ${size - 1} of ${size} bytes; try again`),
    );
    hub.endAfter = undefined;
    for (const [status, words] of [[403, /refuses access \(403\)/], [503, /answered 503/]] as const) {
      hub.status = status;
      await assert.rejects(fetchModel(name, options(hub, folder)), words);
    }
    assert.equal((await Deno.stat(join(dir, "model.safetensors.part"))).size, size - 1);
    hub.status = undefined, hub.requests.length = 0;
    await fetchModel(name, options(hub, folder));
    const ranges = hub.requests.filter(({ path }) => path.startsWith("/cdn/")).map(({ range }) => range);
    assert.deepEqual(ranges, ["bytes=0-0", `bytes=${size - 1}-${size - 1}`]);
  }));

Deno.test("fetchModel() takes weights in shards with their index, and no other weights", () =>
  withHub(async (hub, folder) => {
    const { "model.safetensors": _, ...rest } = hub.files;
    const shards = join(root, "tests/parity/transformers/families/qwen2_window_shards");
    const parts: Record<string, Uint8Array> = {};
    for await (const { name } of Deno.readDir(shards)) parts[name] = await Deno.readFile(join(shards, name));
    hub.files = { ...rest, ...parts, "consolidated.safetensors": new Uint8Array(5) };
    const dir = await fetchModel(name, options(hub, folder));
    using weights = await openShards(join(dir, "model.safetensors.index.json"));
    assert.ok(weights.tensors.size > 30);
    const names = await Array.fromAsync(Deno.readDir(dir), (entry) => entry.name);
    assert.ok(
      Object.keys(parts).every((part) => names.includes(part)) && !names.includes("consolidated.safetensors"),
    );
    await Deno.remove(folder, { recursive: true });
    const { "model.safetensors.index.json": _index, ...loose } = hub.files;
    hub.files = loose;
    await assert.rejects(fetchModel(name, options(hub, folder)), /it has no model.safetensors.index.json/);
  }));

Deno.test("fetchModel() says where it cannot write", () =>
  withHub(async (hub, folder) => {
    await Deno.writeTextFile(folder, "a file");
    await assert.rejects(fetchModel(name, options(hub, folder)), (error: Error) =>
      error.name === "InputError" && /^Cannot (use|write) .*/.test(error.message));
  }));

Deno.test("fetchModel() keeps nothing of bytes with another hash, large or small", () =>
  withHub(async (hub, folder) => {
    for (const file of ["model.safetensors", "config.json"]) {
      hub.spoil = file;
      await assert.rejects(
        fetchModel(name, options(hub, folder)),
        new RegExp(`Cannot use ${file} of org/tiny: .*not`),
      );
      const dir = join(folder, "org", hub.commit, "tiny");
      const names = await Array.fromAsync(Deno.readDir(dir), (entry) => entry.name);
      assert.ok(!names.includes(`${file}.part`) && !names.includes("source.json"), String(names));
      await Deno.remove(folder, { recursive: true });
    }
    hub.spoil = undefined;
    await fetchModel(name, options(hub, folder));
  }));

Deno.test("fetchModel() says what a hub refuses or has not", () =>
  withHub(async (hub, folder) => {
    const refused = (words: RegExp, change = {}, model = name) =>
      assert.rejects(fetchModel(model, { ...options(hub, folder), ...change }), (error: Error) => {
        assert.equal(error.name, "InputError");
        assert.match(error.message, words);
        assert.ok(!error.message.includes("hf_"), "a token is shown");
        return true;
      });
    await refused(/no revision v9 of it \(404\)/, {}, { ...name, revision: "v9" });
    await refused(/no such model.* \(404\)/, {}, { ...name, name: "other" });
    hub.token = "hf_right";
    await refused(/refuses access \(401\); check the name, and set HF_TOKEN/);
    await refused(/accept the model's licence/, { token: "hf_wrong" });
    await assert.rejects(fetchModel(name, { ...options(hub, folder), token: "secret" }), (error: Error) =>
      /HF_TOKEN is no token/.test(error.message) && !error.message.includes("secret"));
    await refused(/does not answer/, { endpoint: "http://127.0.0.1:1" });
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)).catch(() => []), []); // nothing was begun
    await fetchModel(name, { ...options(hub, folder), token: "hf_right" });
    assert.ok(
      hub.requests.filter(({ path }) =>
        path.startsWith("/cdn/")
      ).length > 0,
    );
    await Deno.remove(folder, { recursive: true });
    const { "model.safetensors": _, ...rest } = hub.files;
    hub.files = rest;
    await refused(/Cannot use org\/tiny: it has no model.safetensors/, { token: "hf_right" });
  }));

Deno.test("ual takes a hub's model by its name, and again without the hub; the token is written nowhere", () =>
  withHub(async (hub, folder) => {
    hub.token = "hf_secretsecret";
    await Deno.writeTextFile(join(folder, "../d.jsonl"), '{"prompt": "a", "response": "b a"}\n');
    const ual = async (endpoint: string, ...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", join(root, "tools/ual.ts"), ...args],
        cwd: root,
        env: {
          INIT_CWD: join(folder, ".."),
          UAL_CACHE: folder,
          HF_ENDPOINT: endpoint,
          HF_TOKEN: hub.token!,
          NO_COLOR: "1",
        },
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { code, text: text(stdout) + text(stderr), stdout: text(stdout) };
    };
    const fetched = await ual(hub.endpoint, "fetch", "org/tiny", "--json");
    assert.equal(fetched.code, 0, fetched.text);
    assert.equal(JSON.parse(fetched.stdout).folder, join(folder, "hub/org", hub.commit, "tiny"));
    const scored = await ual(
      "http://127.0.0.1:1",
      "perplexity",
      "d.jsonl",
      "--context",
      "64",
      "--model",
      "org/tiny",
      "--json",
      "--template",
      join(root, "data/templates/chatml.jinja"),
    );
    assert.equal(scored.code, 0, scored.text);
    const trained = await ual(
      "http://127.0.0.1:1",
      "train",
      "d.jsonl",
      ..."--out run --steps 1 --smoothing none --context 64 --model org/tiny --json --template".split(" "),
      join(root, "data/templates/chatml.jinja"),
    );
    assert.equal(trained.code, 0, trained.text);
    const json = async (path: string) => JSON.parse(await Deno.readTextFile(join(folder, "../run", path)));
    assert.equal((await json("manifest.json")).inputs.source, `org/tiny@${hub.commit}`);
    assert.equal((await json("adapter/adapter_config.json")).base_model_name_or_path, "org/tiny");
    for (const { text } of [fetched, scored, trained]) assert.ok(!text.includes("hf_secret"));
    const list = await new Deno.Command("grep", { args: ["-rl", "hf_secret", join(folder, "..")] }).output();
    assert.equal(list.code, 1, "a file holds the token");
    const wrong = await ual(hub.endpoint, "fetch", "no/../name");
    assert.equal(wrong.code, 2);
    assert.match(wrong.text, /Cannot fetch no\/..\/name: give owner\/name/);
  }));
