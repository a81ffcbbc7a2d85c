// Chat templates by name, besides a model's own: the files of data/templates. Rendering is template.ts.
import { join } from "node:path";
import { InputError, messageOf } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";

/** The names: plain ChatML, and those of the paper's released code, Alpaca and Vicuna. */
export const TEMPLATES = ["chatml", "lima", "alpaca", "vicuna"] as const;

/**
 * The Jinja text of a template: one of TEMPLATES, or a user's file ("./lima" where a file has such a name). Throws
 * InputError where there is neither.
 */
export async function readTemplate(ref: string): Promise<string> {
  const named = (TEMPLATES as readonly string[]).includes(ref);
  const path = named ? join(import.meta.dirname!, "../../data/templates", `${ref}.jinja`) : resolveUser(ref);
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new InputError(
      `Cannot read the chat template ${ref}: ${messageOf(error)}; give a .jinja file, or one of ${
        TEMPLATES.join(", ")
      }`,
    );
  }
}
