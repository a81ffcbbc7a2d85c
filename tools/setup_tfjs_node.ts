// Set-up of the engine tfjs-node: its npm package's own C++ sources, built against the TensorFlow library of a PyPI wheel.
// The package's install script downloads both from elsewhere; it is not run. Not part of the normal set-up.
import { basename, dirname, join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { cacheDir, sha256Hex, writeFileAtomic } from "../lib/run/files.ts";
import { run } from "./command.ts";
import { checkDisk } from "./disk.ts";
import type { Step } from "./setup_python.ts";

/**
 * An engine's parts: which npm package's addon is built, and against which wheel. (tfjs-node-gpu has the same sources:
 * another wheel, and the CUDA wheels that it names, unpacked beside its tensorflow/.)
 */
interface Recipe {
  /** The npm package, pinned in deno.json. */
  npm: string;
  /** A wheel for Linux x86-64 with TensorFlow's C library and its headers. */
  wheel: string;
  sha256: string;
}

/**
 * The newest TensorFlow whose round() of an int32 tensor is right: from 2.17.1 on it gives 0. The two libraries hold no
 * CPython code, so one Python version's wheel serves all.
 */
const recipes: Record<string, Recipe> = {
  "tfjs-node": {
    npm: "@tensorflow/tfjs-node",
    wheel: "tensorflow-cpu==2.16.2",
    sha256: "c855cb6bf05d32dd5928086b03a5f6b4189b63c22b95e017703cbee4291023ca",
  },
};

/** The engines for `deno task setup --engine NAME`. */
export const nativeEngines: string[] = Object.keys(recipes);

const libraries = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];
const compilerFlags = ["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8"];

/** Where an engine's built parts lie, and where its npm package looks for the addon. */
interface Places {
  /** In the cache folder, one a version. */
  built: string;
  /** What `built` holds, absolute paths; the last one is a stamp, written last. */
  files: string[];
  /** In node_modules, a link to the first of `files`. */
  link: string;
  /** The npm package's folder. */
  source: string;
}

function placesOf(root: string, engine: string): Places {
  const { npm, wheel, sha256 } = recipes[engine];
  const source = Deno.realPathSync(join(root, "node_modules", npm));
  const { version } = JSON.parse(Deno.readTextFileSync(join(source, "package.json")));
  const key = sha256Hex(JSON.stringify([version, wheel, sha256, libraries, compilerFlags])).slice(0, 8);
  const built = join(cacheDir(), engine, `${version}-${wheel.replace("==", "-")}-${key}`);
  const names = ["tfjs_binding.node", ...libraries.map((name) => `tensorflow/${name}`), "complete"];
  const link = join(source, "lib/napi-v8/tfjs_binding.node");
  return { built, files: names.map((name) => join(built, name)), link, source };
}

const isBuilt = ({ files }: Places) => files.every(exists);

/** Whether `engine` is built and its npm package finds it. */
export function nativeIsSetUp(root: string, engine: string): boolean {
  try {
    const places = placesOf(root, engine);
    return Deno.readLinkSync(places.link) === places.files[0] && isBuilt(places);
  } catch {
    return false;
  }
}

/**
 * Builds `engine` in the cache folder unless it is there, and links it into node_modules; about 20 s and 214 MB of
 * download. `python` has pip. Throws InputError with the remedy where the compiler, the network or disk space is missing.
 */
export async function setUpNative(root: string, python: string, engine: string, step: Step): Promise<void> {
  if (nativeIsSetUp(root, engine)) return;
  const places = placesOf(root, engine), folder = dirname(places.built);
  await Deno.mkdir(folder, { recursive: true });
  using _lock = await waitForLock(join(folder, "lock"));
  if (isBuilt(places)) return await link(places);
  await checkMachine(root);
  checkDisk(folder, 1.6); // GB; 0.45 of them stay
  for await (const { name } of Deno.readDir(folder)) { // what a killed set-up left
    if (name.endsWith(".tmp")) await Deno.remove(join(folder, name), { recursive: true });
  }
  await Deno.remove(places.built, { recursive: true }).catch(() => {});
  await build(root, python, engine, places, step);
  await link(places);
  await step(`${engine}'s first operation`, () => tryOut(root));
  await writeFileAtomic(places.files.at(-1)!, recipes[engine].wheel + "\n");
}

/** Throws InputError where nothing can be built here; before the download. */
async function checkMachine(root: string): Promise<void> {
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") {
    throw new InputError(
      `Cannot set up tfjs-node on ${Deno.build.target}: it is built for Linux x86-64 with glibc only; use the engine onnxruntime`,
    );
  }
  try {
    await run("g++", ["--version"], { cwd: root, what: "run g++" });
  } catch (error) {
    if (!(error instanceof InputError) || !/there is no/.test(error.message)) throw error;
    throw new InputError(
      "Cannot set up tfjs-node: there is no g++ to build its addon; install it (Debian, Ubuntu: apt install g++)",
    );
  }
}

async function build(
  root: string,
  python: string,
  engine: string,
  places: Places,
  step: Step,
): Promise<void> {
  const { wheel, sha256 } = recipes[engine];
  const temporary = `${places.built}.tmp`,
    unpacked = join(temporary, "wheel"),
    kept = join(temporary, "kept");
  try {
    await Deno.mkdir(join(kept, "tensorflow"), { recursive: true });
    await step(`TensorFlow's library (${wheel}, 214 MB)`, async () => {
      const pinned = join(temporary, "requirements.txt");
      await Deno.writeTextFile(pinned, `${wheel} --hash=sha256:${sha256}\n`);
      const download =
        "-m pip download --quiet --no-input --disable-pip-version-check --no-cache-dir --no-deps";
      const platform = "--only-binary=:all: --implementation cp --python-version 3.11 --abi cp311";
      const args = `${download} ${platform} --platform manylinux_2_17_x86_64 --require-hashes`.split(" ");
      await run(python, [...args, "--requirement", pinned, "--dest", temporary], {
        cwd: root,
        what: `download ${wheel}`,
      });
      await unpack(root, python, temporary, unpacked);
    });
    await step(`${engine}'s addon`, () => compile(root, places.source, unpacked, kept));
    await Deno.rename(kept, places.built);
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
  }
}

/** Of the wheel in `folder`: the two libraries, the headers and the licences. */
async function unpack(root: string, python: string, folder: string, to: string): Promise<void> {
  const code = `import glob, re, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
headers = r"include/(tensorflow/(c|core/platform)|tsl/(c|platform))/.*\\.h"
keep = re.compile(r"tensorflow/(lib\\w+\\.so\\.2|THIRD_PARTY_NOTICES\\.txt|include/LICENSE|" + headers + ")")
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if keep.fullmatch(name)])`;
  await run(python, ["-c", code, folder, to], { cwd: root, what: "unpack TensorFlow's wheel" });
}

/** Builds the addon of the package `source` into `kept`, beside the libraries that it needs. */
async function compile(root: string, source: string, unpacked: string, kept: string): Promise<void> {
  const tensorflow = join(unpacked, "tensorflow");
  const headers = Deno.realPathSync(join(root, "node_modules/node-api-headers/include"));
  const what = "build tfjs-node's addon";
  await run("g++", [
    ...compilerFlags,
    ...[headers, join(tensorflow, "include")].map((folder) => `-I${folder}`),
    ...["tfjs_backend.cc", "tfjs_binding.cc"].map((file) => join(source, "binding", file)),
    ...["-o", join(kept, "tfjs_binding.node")],
    ...libraries.map((file) => join(tensorflow, file)),
    "-Wl,-rpath,$ORIGIN/tensorflow",
  ], { cwd: root, what });
  for (const file of libraries) { // strip, part of g++'s binutils, saves 0.2 GB
    await run("strip", ["-s", join(tensorflow, file), "-o", join(kept, "tensorflow", file)], {
      cwd: root,
      what,
    });
  }
  for (const file of ["include/LICENSE", "THIRD_PARTY_NOTICES.txt"]) {
    await Deno.copyFile(join(tensorflow, file), join(kept, "tensorflow", basename(file)));
  }
}

/** The package looks for its addon in its own folder: a link there, replaced whole. */
async function link({ files: [addon], link }: Places): Promise<void> {
  await Deno.mkdir(dirname(link), { recursive: true });
  await Deno.remove(`${link}.tmp`).catch(() => {});
  await Deno.symlink(addon, `${link}.tmp`);
  await Deno.rename(`${link}.tmp`, link);
}

/** One product on the engine, in a process of its own: a library that this system cannot load is seen now. */
async function tryOut(root: string): Promise<void> {
  const code = `import * as tf from "@tensorflow/tfjs";
import { runEager } from "./lib/jit/eager.ts";
const x = { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
const { y } = await runEager(({ p }) => ({ y: tf.matMul(p.x, p.x) }), { p: { x } }, "tfjs-node");
if (String(y.data) !== "7,10,15,22") throw new Error("internal: tfjs-node multiplies wrongly: " + y.data);`;
  await run(Deno.execPath(), ["run", "-A", "--no-check", "-"], {
    cwd: root,
    input: code,
    what: "run tfjs-node",
  });
}

async function waitForLock(path: string): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { write: true, create: true });
  if (!await file.tryLock(true)) {
    console.error("set-up: waiting for another one of tfjs-node");
    await file.lock(true);
  }
  return file;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}
