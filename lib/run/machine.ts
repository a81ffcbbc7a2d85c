// What a run was made with and on: versions, hardware, memory, git, a hash of our own code.
// Only facts; where they are written is manifest.ts. What the process may not look at is left out, never an error.
import { createHash } from "node:crypto";
import * as os from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname!, "../..");

/** The versions that can change a result: Deno, the pinned npm packages of deno.json that compute, and our own. */
export function versions(): Record<string, string> {
  const config = JSON.parse(Deno.readTextFileSync(join(root, "deno.json")));
  const pinned = (name: string) => String(config.imports[name]).split("@").at(-1)!;
  return {
    deno: Deno.version.deno,
    "onnxruntime-node": pinned("onnxruntime-node"),
    tfjs: pinned("@tensorflow/tfjs"),
    ual: config.version,
  };
}

/** The machine, without its name. */
export interface Hardware {
  /** The processor's model. */
  cpu?: string;
  /** Logical cores. */
  cores: number;
  /** Bytes. */
  memory?: number;
  /** Average over 1, 5 and 15 minutes. */
  load?: number[];
  /** System and architecture. */
  os: string;
}

/** The machine this runs on. */
export function hardware(): Hardware {
  return {
    cpu: allowed(() => os.cpus()[0]?.model.trim()),
    cores: navigator.hardwareConcurrency,
    memory: allowed(() => os.totalmem()),
    load: allowed(() => os.loadavg().map((x) => Math.round(x * 100) / 100)),
    os: `${Deno.build.os} ${Deno.build.arch}`,
  };
}

/** The most memory this process has held, in bytes: VmHWM on Linux, elsewhere what it holds now. */
export function peakMemory(): number {
  const status = allowed(() => Deno.readTextFileSync("/proc/self/status"));
  const kilobytes = status && /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return kilobytes ? Number(kilobytes) * 1024 : Deno.memoryUsage().rss;
}

/** The commit of the project and whether files differ from it. */
export interface GitState {
  /** The full hash. */
  commit: string;
  /** Whether any file differs from it, new ones included. */
  dirty: boolean;
}

/**
 * The git state of `folder`, or undefined where there is none. A process that may not start git reads what its
 * launcher left in UAL_GIT ("<commit> clean" or "<commit> dirty").
 */
export function gitState(folder: string = root): GitState | undefined {
  const told = allowed(() => Deno.env.get("UAL_GIT"))?.split(" ");
  if (told?.[0]) return { commit: told[0], dirty: told[1] === "dirty" };
  const git = (...args: string[]) => {
    const out = allowed(() =>
      new Deno.Command("git", { args: ["-C", folder, ...args], stderr: "null" }).outputSync()
    );
    return out?.success ? new TextDecoder().decode(out.stdout).trim() : undefined;
  };
  const commit = git("rev-parse", "HEAD");
  return commit ? { commit, dirty: git("status", "--porcelain") !== "" } : undefined;
}

/** One hash over the TypeScript files of these folders of lib and the lock file: changes when the code can behave differently. */
export function hashLib(folders: string[]): string {
  const hash = createHash("sha256").update(Deno.readFileSync(join(root, "deno.lock")));
  for (const folder of [...folders].sort()) {
    for (const path of sources(join("lib", folder))) {
      hash.update(`\n${path}\n`).update(Deno.readFileSync(join(root, path)));
    }
  }
  return hash.digest("hex");
}

function sources(folder: string): string[] {
  const entries = [...Deno.readDirSync(join(root, folder))].sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory) return sources(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

function allowed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
