// Groups of named things, as programs take and give them: flat names and back, and whether what is fed fits.
import { type Params, sizeOf, type TensorData } from "./params.ts";

/** `{group: {name}}` as a graph's inputs are called, `group/name`. */
export function flatten<T>(groups: Record<string, Record<string, T>>): Record<string, T> {
  const flat: Record<string, T> = {};
  for (const [group, members] of Object.entries(groups)) {
    for (const [name, member] of Object.entries(members)) flat[`${group}/${name}`] = member;
  }
  return flat;
}

/** `group/name` back into groups, at the first slash. */
export function nest(flat: Record<string, TensorData>): Record<string, TensorData | Params> {
  const out: Record<string, TensorData | Params> = {};
  for (const [full, data] of Object.entries(flat)) {
    const cut = full.indexOf("/");
    if (cut < 0) out[full] = data;
    else ((out[full.slice(0, cut)] ??= {}) as Params)[full.slice(cut + 1)] = data;
  }
  return out;
}

/** Throws TypeError where `feeds` lacks an input of `wanted`, has one that is not there, or one of another shape or type. */
export function checkFeeds(
  feeds: Record<string, TensorData | undefined>,
  wanted: Record<string, { shape: number[]; dtype: string }>,
): asserts feeds is Record<string, TensorData> {
  const unknown = Object.keys(feeds).filter((name) => !(name in wanted));
  if (unknown.length) {
    throw new TypeError(`Cannot feed ${unknown.join(", ")}: the program has no such input`);
  }
  for (const [name, { shape, dtype }] of Object.entries(wanted)) {
    const fed = feeds[name];
    if (!fed) {
      throw new TypeError(`Cannot run the program: input ${name} is missing; feed ${dtype}[${shape}]`);
    }
    const fits = fed.dtype === dtype && String(fed.shape) === String(shape);
    if (fits && fed.data.length === sizeOf(shape)) continue;
    throw new TypeError(
      `Cannot feed ${name}: got ${fed.dtype}[${fed.shape}] with ${fed.data.length} values, ` +
        `the program was compiled for ${dtype}[${shape}]; compile it again for the new shape`,
    );
  }
}

/** The same names with `f` of what they name. */
export function mapValues<A, B>(
  record: Record<string, A>,
  f: (value: A, name: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));
}
