// Opens JupyterLab on the notebooks, with the project's own kernel, on this machine alone. Arguments go to JupyterLab.
import { join } from "node:path";
import { runMain } from "./main.ts";
import { kernelName } from "./notebook_file.ts";
import { root } from "./setup.ts";

/** The environment in which Jupyter finds the project's kernel. */
export function jupyterEnv(): Record<string, string> {
  const paths = [join(root, ".ual/jupyter"), Deno.env.get("JUPYTER_PATH")].filter((path) => path);
  return { JUPYTER_PATH: paths.join(":"), INIT_CWD: join(root, "notebooks") };
}

/** JupyterLab on `folder`, with the project's kernel alone, for this machine alone. */
export function jupyterLab(folder: string, args: string[] = []): { program: string; args: string[] } {
  return {
    program: join(root, ".venv/bin/python"),
    args: [
      "-m",
      "jupyterlab",
      `--ServerApp.root_dir=${folder}`,
      "--ServerApp.ip=127.0.0.1",
      `--MultiKernelManager.default_kernel_name=${kernelName}`,
      `--KernelSpecManager.allowed_kernelspecs=${kernelName}`,
      "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
      ...(Deno.uid() === 0 ? ["--allow-root"] : []),
      ...args,
    ],
  };
}

async function main(): Promise<number> {
  const first = "--LabApp.default_url=/lab/tree/notebooks/00_overview.ipynb";
  const { program, args } = jupyterLab(root, [first, ...Deno.args]);
  const child = new Deno.Command(program, { args, cwd: root, env: jupyterEnv() }).spawn();
  Deno.addSignalListener("SIGINT", () => {}); // JupyterLab asks and ends by itself
  Deno.addSignalListener("SIGTERM", () => child.kill("SIGTERM"));
  return (await child.status).code;
}

if (import.meta.main) await runMain(main);
