// Where a preset's files lie.
import { join } from "node:path";
import { resolveUser } from "../run/files.ts";
import type { Preset } from "./presets.ts";

/** Where a preset's files lie: `run` (stages and tables) and `figures`. UAL_OUT names another place for both. */
export function studyFolders({ name }: Preset): { run: string; figures: string } {
  const out = Deno.env.get("UAL_OUT"), root = join(import.meta.dirname!, "../..");
  return out
    ? { run: join(resolveUser(out), "runs", name), figures: join(resolveUser(out), "figures", name) }
    : { run: join(root, ".ual/runs", name), figures: join(root, "figures", name) };
}
