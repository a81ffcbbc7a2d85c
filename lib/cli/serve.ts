// `ual serve`: a model and its adapters behind OpenAI's chat-completions API, until the process is asked to end.
import { basename, dirname } from "node:path";
import { type Adapter, type Model, readAdapter } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import { isLoopback } from "../serve/http.ts";
import { serve } from "../serve/mod.ts";
import type { Flags } from "./flags.ts";
import { modelOf, threadsOf } from "./model.ts";

/** Serves until SIGINT or SIGTERM; prints where once it is ready. */
export async function serveVerb(flags: Flags): Promise<void> {
  const host = flags.required("host"), apiKey = keyOf(flags), port = portOf(flags);
  const { model, template } = await modelOf(flags);
  try {
    await using server = await serve(model, {
      template,
      adapters: await adaptersOf(flags, model),
      threads: threadsOf(flags),
      host,
      port,
      apiKey,
      batch: flags.whole("batch"),
      int8: flags.text("weights") === "int8",
      context: flags.text("context") === undefined ? undefined : flags.whole("context", 2),
      maxNew: flags.whole("max-new"),
      queue: flags.whole("queue", 0),
      prefixCache: flags.whole("prefix-cache", 0) * 1e6,
    });
    if (!isLoopback(host)) warn(host, apiKey !== undefined);
    const names = server.models.map(({ id }) => id);
    console.log(
      flags.json ? JSON.stringify({ url: server.url, models: server.models }) : [
        `${server.url} answers OpenAI clients; Ctrl-C ends it`,
        ...names.map((name) => `  model ${name}`),
      ].join("\n"),
    );
    await askedToEnd();
    console.error("serve: ending; answers under way have 5 s");
  } finally {
    model.weights.close();
  }
}

function warn(host: string, key: boolean): void {
  console.error(
    `serve: WARNING: ${host} can be reached from other machines, without encryption` +
      (key ? "" : " and without a key; --api-key-env NAME asks for one"),
  );
}

function portOf(flags: Flags): number {
  flags.number("port", { least: 0, most: 65535 });
  return flags.whole("port", 0);
}

function keyOf(flags: Flags): string | undefined {
  const name = flags.text("api-key-env");
  if (name === undefined) return undefined;
  const key = Deno.env.get(name);
  if (key) return key;
  throw new InputError(`Cannot take the key from ${name}: the environment has no such variable; set it`);
}

/** The adapters of `--adapter`, named as given or by their folder; one called "adapter" by the folder around it. */
async function adaptersOf(flags: Flags, model: Model): Promise<Record<string, Adapter>> {
  const adapters: Record<string, Adapter> = {};
  for (const text of flags.list("adapter")) {
    const [, given, path] = /^(?:([\w.-]+)=)?(.+)$/s.exec(text)!;
    const dir = resolveUser(path), own = basename(dir);
    const name = given ?? (own === "adapter" ? basename(dirname(dir)) : own);
    if (Object.hasOwn(adapters, name)) {
      throw new InputError(`Cannot offer two adapters as ${name}: name one of them, --adapter NAME=${path}`);
    }
    adapters[name] = await readAdapter(dir, model.config);
  }
  return adapters;
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function askedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => {
        if (asked) Deno.exit(1);
        asked = true;
        resolve();
      });
    }
  });
}
