// A headless Chromium out of an npm package, with its libraries and font: image export and browser tests need nothing of the
// system's. Unpacks once into the cache. Drawing with it is export.ts.
import { createReadStream } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";
import { InputError } from "../run/errors.ts";
import { cacheDir, writeError } from "../run/files.ts";
import { untar } from "./tar.ts";

/** What a launcher such as playwright's `chromium.launch()` takes. */
export interface ChromiumLaunch {
  executablePath: string;
  /** The whole environment of the browser's process: the caller's, with the library and font folders set. */
  env: Record<string, string>;
  args: string[];
}

/** No sandbox (containers run as root), nothing in the background, no network of its own, text that does not depend on the machine. */
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--disable-lcd-text",
  "--font-render-hinting=none",
  "--force-color-profile=srgb",
  "--no-first-run",
  "--no-pings",
];

/**
 * The path of the Chromium: $UAL_CHROMIUM where set, else the npm package's, unpacked on the first call (a few seconds, 230 MB).
 * Throws InputError where the package's build does not fit the machine or the cache cannot be written.
 */
export async function chromiumPath(): Promise<string> {
  const own = Deno.env.get("UAL_CHROMIUM");
  return own || join(await chromiumFolder(), "chromium");
}

/** All that is needed to launch the Chromium of chromiumPath(): path, environment, flags. Throws as chromiumPath(). */
export async function chromiumLaunch(): Promise<ChromiumLaunch> {
  const executablePath = await chromiumPath();
  const fonts = await fontsFolder();
  const env = { ...Deno.env.toObject(), FONTCONFIG_PATH: fonts, FONTCONFIG_FILE: join(fonts, "fonts.conf") };
  if (Deno.env.get("UAL_CHROMIUM")) return { executablePath, env, args: ARGS };
  const libraries = [join(dirname(executablePath), "lib"), dirname(executablePath)];
  const before = Deno.env.get("LD_LIBRARY_PATH");
  const path = [...libraries, ...(before ? [before] : [])].join(":");
  return { executablePath, env: { ...env, LD_LIBRARY_PATH: path }, args: ARGS };
}

/** The folder of the unpacked package: chromium, lib/ (NSS and the like), SwiftShader's libraries with its Vulkan driver. */
export function chromiumFolder(): Promise<string> {
  const { os, arch } = Deno.build;
  if (os !== "linux" || arch !== "x86_64") {
    throw new InputError(
      `Cannot use the packaged Chromium on ${os} ${arch}: it is built for linux x86_64; set UAL_CHROMIUM to a Chromium's path`,
    );
  }
  return unpackOnce("chromium", async (archives, folder) => {
    await inflate(join(archives, "chromium.br"), join(folder, "chromium"));
    await Deno.chmod(join(folder, "chromium"), 0o755);
    for (const name of ["al2023.tar.br", "swiftshader.tar.br"]) {
      await inflateTar(join(archives, name), folder);
    }
  });
}

/** Open Sans and a fontconfig that knows no other folder: the same glyphs on every machine. */
function fontsFolder(): Promise<string> {
  return unpackOnce("fonts", async (archives, folder, place) => {
    await inflateTar(join(archives, "fonts.tar.br"), folder);
    await Deno.writeTextFile(join(folder, "fonts.conf"), fontsConf(place));
  });
}

function fontsConf(folder: string): string {
  const escaped = folder.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${escaped}/fonts</dir>
  <cachedir>${escaped}/cache</cachedir>
</fontconfig>
`;
}

/** One unpacking at a time and name within a process. */
const running = new Map<string, Promise<string>>();

/**
 * The folder `name`-<the package's version> of the cache, filled by `fill(archives, folder, final place)` if it is not there:
 * in a temporary folder that is renamed when complete, so that a killed or concurrent call leaves no half of it.
 */
function unpackOnce(
  name: string,
  fill: (archives: string, folder: string, place: string) => Promise<void>,
): Promise<string> {
  const job = running.get(name) ?? unpack(name, fill).finally(() => running.delete(name));
  running.set(name, job);
  return job;
}

async function unpack(
  name: string,
  fill: (archives: string, folder: string, place: string) => Promise<void>,
): Promise<string> {
  const home = join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "..");
  const { version } = JSON.parse(await Deno.readTextFile(join(home, "package.json")));
  const place = join(cacheDir(), `${name}-${version}`);
  if (await exists(place)) return place;
  let folder: string | undefined;
  try {
    await Deno.mkdir(cacheDir(), { recursive: true });
    folder = await Deno.makeTempDir({ dir: cacheDir(), prefix: `.${name}-` });
    await Deno.chmod(folder, 0o755);
    await fill(join(home, "bin"), folder, place);
    await Deno.rename(folder, place);
  } catch (error) {
    if (folder) await Deno.remove(folder, { recursive: true }).catch(() => {});
    if (await exists(place)) return place; // another process was first
    throw writeError(place, error);
  }
  return place;
}

async function inflateTar(archive: string, folder: string) {
  const parts: Uint8Array[] = [];
  for await (const part of createReadStream(archive).pipe(createBrotliDecompress())) parts.push(part);
  for (
    const { name, mode, bytes } of untar(new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()))
  ) {
    const path = join(folder, name);
    await Deno.mkdir(dirname(path), { recursive: true });
    await writeSynced(path, [bytes]);
    await Deno.chmod(path, mode);
  }
}

function inflate(archive: string, path: string): Promise<void> {
  return writeSynced(path, createReadStream(archive).pipe(createBrotliDecompress({ chunkSize: 1 << 20 })));
}

async function writeSynced(path: string, parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  using file = await Deno.open(path, { write: true, createNew: true });
  for await (const part of parts) {
    for (let done = 0; done < part.length;) done += await file.write(part.subarray(done));
  }
  await file.sync();
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
