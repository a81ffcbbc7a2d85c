// The local mirror: a folder with public data sets as files, for machines without a hub. Where it is, and which file a name
// such as "lima" means. Nothing of it is part of the project.
import { join, relative, resolve } from "node:path";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import type { DataLayout } from "./layouts.ts";

/** The data sets by name: file and layout. */
export const MIRRORED: Record<string, { path: string; layout: DataLayout }> = {
  lima: { path: "lima/lima.json", layout: "lima" },
  alpaca: { path: "alpaca/alpagasus_random_9k.json", layout: "alpaca" },
  dolly: { path: "dolly/alpagasus_dolly_3k.json", layout: "dolly" },
  gsm8k: { path: "gsm8k/train.jsonl", layout: "qa" },
};

/** The mirror's folder: UAL_MIRROR, else ../shared/data beside the project. Throws InputError where there is none. */
export function mirrorFolder(): string {
  const own = Deno.env.get("UAL_MIRROR");
  const folder = own ? resolveUser(own) : resolve(import.meta.dirname!, "../../../shared/data");
  try {
    return Deno.realPathSync(folder);
  } catch {
    throw new InputError(`Cannot use the local mirror: there is no ${folder}; set UAL_MIRROR to its folder`);
  }
}

/** Whether there is a mirror. */
export function hasMirror(): boolean {
  try {
    return mirrorFolder() !== "";
  } catch {
    return false;
  }
}

/**
 * The file that `name` means: one of MIRRORED's names, or a path inside the mirror. Throws InputError where there is no
 * mirror, no such file, or the path leaves it.
 */
export function mirrorFile(name: string): { path: string; layout?: DataLayout } {
  const folder = mirrorFolder();
  const known = Object.hasOwn(MIRRORED, name) ? MIRRORED[name] : { path: name };
  const path = join(folder, known.path);
  const names = Object.keys(MIRRORED).join(", ");
  let real: string;
  try {
    real = Deno.realPathSync(path);
  } catch {
    throw new InputError(
      `Cannot read mirror:${name}: there is no ${path}; use ${names} or a path in the mirror`,
    );
  }
  if (relative(folder, real).startsWith("..")) {
    throw new InputError(
      `Cannot read mirror:${name}: it is outside the mirror; use ${names} or a path inside`,
    );
  }
  return { ...known, path: real };
}
