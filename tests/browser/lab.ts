// A JupyterLab of its own for a test: scratch folder, free port, token; ended with all its kernels.
import { join } from "node:path";
import { jupyterEnv, jupyterLab } from "../../tools/jupyter.ts";
import { type Notebook, notebookText } from "../../tools/notebook_file.ts";
import { root } from "../../tools/setup.ts";

/** A running JupyterLab. */
export interface Lab {
  /** Where the browser opens the notebook, with the token. */
  url: string;
  /** What the kernels write: UAL_OUT. */
  out: string;
}

/**
 * Runs `body` with a JupyterLab on a scratch folder below .ual (so that kernels find deno.json) that holds `notebook` as
 * notebooks/NAME.ipynb. Its processes are ended at the end, also where `body` fails, and the folder is removed.
 */
export async function withLab(
  name: string,
  notebook: Notebook,
  body: (lab: Lab) => Promise<void>,
): Promise<void> {
  await Deno.mkdir(join(root, ".ual"), { recursive: true });
  const folder = await Deno.makeTempDir({ dir: join(root, ".ual"), prefix: "lab-" });
  try {
    const out = join(folder, "out"), port = freePort(), token = crypto.randomUUID();
    await Deno.mkdir(join(folder, "notebooks"));
    await Deno.writeTextFile(join(folder, "notebooks", `${name}.ipynb`), notebookText(notebook));
    await writeSettings(folder);
    const child = startLab(folder, port, token, { UAL_OUT: out });
    const log = logOf(child);
    try {
      await answering(`http://127.0.0.1:${port}/api?token=${token}`, child, log);
      await body({ url: `http://127.0.0.1:${port}/lab/tree/notebooks/${name}.ipynb?token=${token}`, out });
    } catch (error) {
      console.error(log.text.slice(-3000));
      throw error;
    } finally {
      await endTree(child);
      await log.ended;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Every cell stays in the page, also out of sight; no news, no first-steps notice. */
async function writeSettings(folder: string): Promise<void> {
  const settings: Record<string, unknown> = {
    "notebook-extension/tracker": { windowingMode: "none", autoStartDefaultKernel: true },
    "apputils-extension/notification": { fetchNews: "false", checkForUpdates: false },
    "docmanager-extension/plugin": { autosave: false },
  };
  for (const [name, value] of Object.entries(settings)) {
    const path = join(folder, "settings/@jupyterlab", `${name}.jupyterlab-settings`);
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await Deno.writeTextFile(path, JSON.stringify(value));
  }
}

function startLab(folder: string, port: number, token: string, env: Record<string, string>) {
  const { program, args } = jupyterLab(folder, [
    "--no-browser",
    `--ServerApp.port=${port}`,
    "--ServerApp.port_retries=0",
    `--IdentityProvider.token=${token}`,
  ]);
  const own = Object.fromEntries(
    ["CONFIG", "DATA", "RUNTIME"].map((kind) => [`JUPYTER_${kind}_DIR`, join(folder, kind.toLowerCase())]),
  );
  const lab = { JUPYTERLAB_SETTINGS_DIR: join(folder, "settings"), JUPYTERLAB_WORKSPACES_DIR: folder };
  return new Deno.Command(program, {
    args,
    cwd: folder,
    env: { ...jupyterEnv(), ...own, ...lab, JUPYTER_NO_CONFIG: "1", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

function logOf(child: Deno.ChildProcess): { text: string; ended: Promise<void> } {
  const log = { text: "", ended: Promise.resolve() };
  log.ended = (async () => {
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) log.text += part;
  })();
  return log;
}

/** Waits until the server answers; throws where it ends before or takes more than a minute. */
async function answering(url: string, child: Deno.ChildProcess, log: { text: string }): Promise<void> {
  const ended = child.status.then(({ code }) => {
    throw new Error(`JupyterLab ended with ${code}: ${log.text.slice(-2000)}`);
  });
  ended.catch(() => {});
  const asked = async () => {
    for (const end = performance.now() + 60_000; performance.now() < end;) {
      const reply = await fetch(url).catch(() => undefined);
      await reply?.body?.cancel();
      if (reply?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("JupyterLab does not answer after a minute");
  };
  await Promise.race([asked(), ended]);
}

/** Ends the process and all that came from it: those that ignore SIGTERM for five seconds by SIGKILL. */
async function endTree(child: Deno.ChildProcess): Promise<void> {
  const all = [child.pid, ...await descendants(child.pid)];
  for (const pid of all) signal(pid, "SIGTERM");
  const timer = setTimeout(() => signal(child.pid, "SIGKILL"), 5000);
  await child.status;
  clearTimeout(timer);
  for (const pid of all.slice(1)) signal(pid, "SIGKILL");
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // it has ended already
  }
}

async function descendants(pid: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    const parent = /^.*\) \S (\d+)/.exec(stat)?.[1];
    if (parent) parents.set(Number(name), Number(parent));
  }
  const children = (of: number): number[] =>
    [...parents].filter(([, parent]) => parent === of).flatMap(([one]) => [one, ...children(one)]);
  return children(pid);
}
