// `ual serve` in a process of its own: where it says it is, adapters by name, keys and foreign addresses, signals, usage.
import assert from "node:assert/strict";
import { join } from "node:path";
import { initLora } from "../lib/model/lora.ts";
import { openModel, writeAdapter } from "../lib/model/mod.ts";
import { inFolder } from "./folder.ts";
import { until } from "./oracles/tiny_server.ts";
import { ended, tinyTask, tinyUal } from "./oracles/tiny_trainable.ts";

/** A started server: what it printed on stdout first, and what stderr said by the end. */
async function start(folder: string, ...args: string[]) {
  const child = tinyUal(folder, "serve", "--port", "0", "--json", ...args);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(await new Response(child.stderr).text());
    line += value;
  }
  const { url, models } = JSON.parse(line);
  return {
    url: url as string,
    models: models.map(({ id }: { id: string }) => id) as string[],
    kill: (signal: Deno.Signal) => child.kill(signal),
    async end() {
      const rest = await reader.read(), stderr = await new Response(child.stderr).text();
      return { code: (await child.status).code, rest: rest.value, stderr };
    },
  };
}

const ask = (url: string, model: string, more: object = {}, headers: HeadersInit = {}) =>
  fetch(`${url}/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify({ model, messages: [{ role: "user", content: "a" }], max_tokens: 2, ...more }),
  });

const withTiny = (body: (folder: string) => Promise<void>) =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    await body(folder);
  });

Deno.test("ual serve prints one JSON line, serves adapters by name and ends on SIGINT with 0", () =>
  withTiny(async (folder) => {
    Deno.env.set("UAL_CACHE", join(folder, "cache"));
    const model = await openModel(join(folder, "tiny.gguf"));
    Deno.env.delete("UAL_CACHE");
    model.weights.close();
    const lora = { r: 2, alpha: 4, dropout: 0, targets: ["q_proj"] };
    const adapter = { params: initLora(model.config, lora, 1), lora };
    for (const name of ["run/adapter", "other"]) await writeAdapter(join(folder, name), adapter, model.dir);
    const flags = ["run/adapter", "other", "third=other"].flatMap((name) => ["--adapter", name]);
    const server = await start(folder, ...flags);
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    const base = server.models[0];
    assert.deepEqual(server.models, [base, `${base}:run`, `${base}:other`, `${base}:third`]);
    for (const name of server.models) assert.equal((await ask(server.url, name)).status, 200);
    server.kill("SIGINT");
    const { code, rest, stderr } = await server.end();
    assert.deepEqual([code, rest], [0, undefined], stderr);
    assert.match(stderr, /ending/);
    assert.doesNotMatch(stderr, /WARNING/);
  }));

Deno.test("ual serve asks for the key of the environment, warns of foreign addresses, lets SIGTERM finish answers", () =>
  withTiny(async (folder) => {
    Deno.env.set("TINY_KEY", "k");
    const server = await start(folder, "--host", "0.0.0.0", "--api-key-env", "TINY_KEY");
    Deno.env.delete("TINY_KEY");
    const url = server.url.replace("0.0.0.0", "127.0.0.1"), [model] = server.models;
    assert.equal((await ask(url, model)).status, 401);
    const long = ask(url, model, { max_tokens: 200, n: 16, temperature: 0 }, { authorization: "Bearer k" });
    const health = async () => (await fetch(url.replace("/v1", "/health"))).json();
    let answered = false;
    long.then(() => answered = true);
    await until(async () => answered || (await health()).active > 0, "the answer has begun");
    server.kill("SIGTERM");
    const { choices } = await (await long).json();
    assert.equal(choices.length, 16);
    const { code, stderr } = await server.end();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /WARNING: 0\.0\.0\.0 can be reached from other machines, without encryption\n/);
  }));

Deno.test("ual serve refuses what cannot be with exit code 2", () =>
  withTiny(async (folder) => {
    const cases: [string[], RegExp][] = [
      [["--port", "70000"], /--port 70000: give a number from 0 to 65535/],
      [["--host", "no.such.host.invalid"], /Cannot serve on no\.such\.host\.invalid/],
      [["--api-key-env", "NO_SUCH_VARIABLE"], /Cannot take the key from NO_SUCH_VARIABLE/],
      [["--context", "100000"], /context of 100000 tokens: the model was trained for 256/],
      [["--adapter", "nowhere"], /Cannot read .*nowhere\/adapter_config\.json/],
      [["--batch", "0"], /--batch 0/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await ended(tinyUal(folder, "serve", "--port", "0", ...args));
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    }
  }));
