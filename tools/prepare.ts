// The part of set-up that needs the npm packages: unpacks the model and the browser into the cache folder.
// Prints the paths that must stay there as one JSON line. Run by setup.ts.
import { join } from "node:path";
import { openModel } from "../lib/model/open_model.ts";
import { chromiumLaunch } from "../lib/plot/chromium.ts";
import { InputError, messageOf } from "../lib/run/errors.ts";

async function main(): Promise<string[]> {
  const model = await openModel();
  model.weights.close();
  const { executablePath } = await chromiumLaunch();
  return [join(model.dir, "model.safetensors"), executablePath];
}

try {
  console.log(JSON.stringify(await main()));
} catch (error) {
  console.error(messageOf(error));
  Deno.exit(error instanceof InputError ? 2 : 1);
}
