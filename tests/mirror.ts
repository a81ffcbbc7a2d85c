// Real data and stored peer outputs that stay outside the project (licences). Tests that need them are skipped where they are absent.
import { join, resolve } from "node:path";

/** The folder of `name` ("data", "parity") in the local mirror, or undefined (said once on stderr) where it is absent. */
export function mirror(name: "data" | "parity"): string | undefined {
  const data = Deno.env.get("UAL_MIRROR") ?? resolve(import.meta.dirname!, "../../shared/data");
  const path = name === "data" ? data : join(data, "..", name);
  try {
    return Deno.realPathSync(path);
  } catch {
    console.error(`skipped: no local mirror of ${name} (set UAL_MIRROR to its data folder)`);
    return undefined;
  }
}
