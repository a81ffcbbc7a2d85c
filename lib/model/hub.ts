// Models from a hub by name: which files of a repository make a model. Names, downloads and their checks are data/hub.ts;
// opening what was downloaded is open_model.ts.
import { fetchFiles } from "../data/hub.ts";
import type { HubFile, HubName, HubOptions } from "../data/hub_access.ts";
import { InputError } from "../run/errors.ts";
import { INDEX } from "./shards.ts";

/**
 * The folder of a hub's model, downloaded where it is not there: configuration, tokenizer and safetensors weights of one
 * commit. Throws InputError where the hub refuses, has no such model or no such weights, does not answer, or sends bytes
 * of another hash.
 */
export async function fetchModel(model: HubName, options: HubOptions = {}): Promise<string> {
  const select = (files: HubFile[]) => filesOf(files, `${model.owner}/${model.name}`);
  return (await fetchFiles(model, { kind: "model", select }, options)).dir;
}

const SMALL = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

/** What of a repository makes a model. */
function filesOf(files: HubFile[], repo: string): HubFile[] {
  const named = new Map(files.map((entry) => [entry.path, entry]));
  const whole = named.get("model.safetensors");
  const shards = files.filter(({ path }) => path === INDEX || /^model-\d+-of-\d+\.safetensors$/.test(path));
  const weights = whole ? [whole] : shards;
  const missing = ["config.json", "tokenizer.json"].filter((name) => !named.has(name));
  if (!weights.some(({ path }) => path.endsWith(".safetensors"))) missing.push("model.safetensors");
  else if (!whole && !named.has(INDEX)) missing.push(INDEX);
  if (missing.length) {
    throw new InputError(
      `Cannot use ${repo}: it has no ${
        missing.join(", no ")
      }; take a model in Hugging Face's layout with safetensors weights`,
    );
  }
  return [...SMALL.flatMap((name) => named.get(name) ?? []), ...weights];
}
