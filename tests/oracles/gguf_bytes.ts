// A GGUF file byte by byte, right or wrong as a test wants it. Written from ggml's docs/gguf.md, not from our reader.

/** [type number, value]; a string, a list of strings or int32s, or the bytes of any other value. */
export type Field = string | string[] | number[] | boolean | { f32: number } | { u32: number } | {
  type: number;
  bytes: Uint8Array;
};

/** A row of the tensor table; `dims` are ggml's, fastest first; `offset` counts from the start of the data. */
export interface Row {
  name: string;
  dims: (number | bigint)[];
  type: number;
  offset: number | bigint;
}

/** What may be told wrongly. */
export interface Lies {
  magic?: string;
  version?: number;
  tensorCount?: bigint;
  valueCount?: bigint;
}

/** The whole file. `fields` may repeat a key: a list of pairs. */
export function ggufBytes(
  fields: [string, Field][],
  rows: Row[],
  data: Uint8Array = new Uint8Array(0),
  lies: Lies = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  const put = (bytes: Uint8Array) => parts.push(bytes);
  const u32 = (n: number) => put(new Uint8Array(Uint32Array.of(n).buffer));
  const u64 = (n: number | bigint) => put(new Uint8Array(BigUint64Array.of(BigInt(n)).buffer));
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const string = (text: string) => {
    u64(utf8(text).length);
    put(utf8(text));
  };
  put(utf8(lies.magic ?? "GGUF"));
  u32(lies.version ?? 3);
  u64(lies.tensorCount ?? rows.length);
  u64(lies.valueCount ?? fields.length);
  for (const [key, value] of fields) {
    string(key);
    if (typeof value === "string") {
      u32(8);
      string(value);
    } else if (typeof value === "boolean") {
      u32(7);
      put(Uint8Array.of(Number(value)));
    } else if (Array.isArray(value)) {
      u32(9);
      u32(typeof value[0] === "string" ? 8 : 5);
      u64(value.length);
      for (const item of value) {
        if (typeof item === "string") string(item);
        else put(new Uint8Array(Int32Array.of(item).buffer));
      }
    } else if ("f32" in value) {
      u32(6);
      put(new Uint8Array(Float32Array.of(value.f32).buffer));
    } else if ("u32" in value) {
      u32(4);
      u32(value.u32);
    } else {
      u32(value.type);
      put(value.bytes);
    }
  }
  for (const { name, dims, type, offset } of rows) {
    string(name);
    u32(dims.length);
    dims.forEach(u64);
    u32(type);
    u64(offset);
  }
  const head = parts.reduce((sum, part) => sum + part.length, 0);
  const file = new Uint8Array(Math.ceil(head / 32) * 32 + data.length);
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  file.set(data, file.length - data.length);
  return file;
}

/** F32 tensors one after the other, each starting at a multiple of 32 bytes; shapes are row-major. */
export function f32Rows(tensors: [string, number[], Float32Array][]): { rows: Row[]; data: Uint8Array } {
  let at = 0;
  const rows = tensors.map(([name, shape, values]) => {
    const offset = at;
    at = Math.ceil((at + values.byteLength) / 32) * 32;
    return { name, dims: shape.toReversed(), type: 0, offset };
  });
  const data = new Uint8Array(at);
  tensors.forEach(([, , values], i) => data.set(new Uint8Array(values.buffer), rows[i].offset));
  return { rows, data };
}
