// `ual fetch`: a hub's model into the cache, for later use without a network.
import type { Output } from "../cli.ts";
import { parseHubName } from "../data/hub_access.ts";
import { fetchModel } from "../model/hub.ts";
import { InputError } from "../run/errors.ts";
import type { Flags } from "./flags.ts";

/** Downloads `--model` unless its commit is there, and says where it lies. */
export async function fetchVerb(flags: Flags): Promise<Output> {
  const text = flags.required("model"), model = parseHubName(text);
  if (!model) throw new InputError(`Cannot fetch ${text}: give owner/name or owner/name@revision`);
  const folder = await fetchModel(model, { refresh: true });
  return { json: { model: text, folder }, text: folder };
}
