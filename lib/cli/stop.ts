// `ual stop`: asks the process that trains in a folder to end after its current step.
import type { Output } from "../cli.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import { holderOf } from "../run/lock.ts";
import { requestStop } from "../run/stop.ts";
import type { Flags } from "./flags.ts";

/** Sets the stop flag of `--run`. */
export async function stop(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("run")), pid = holderOf(dir);
  if (pid === undefined) {
    throw new InputError(`Cannot stop ${dir}: no process trains in it; check the folder, or it has ended`);
  }
  await requestStop(dir);
  return {
    json: { run: dir, pid },
    text: `asked process ${pid} to stop after its current step; ual train goes on from there`,
  };
}
