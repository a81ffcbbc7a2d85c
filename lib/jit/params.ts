// Named tensors in plain memory: what feeds a program, what comes out of it, what a file holds.

/** A dense array in row-major order. */
export type TensorData =
  | { dtype: "float32"; shape: number[]; data: Float32Array }
  | { dtype: "int32"; shape: number[]; data: Int32Array };

/** Named tensors. A LoRA adapter is just Params. */
export type Params = Record<string, TensorData>;

/** The number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** A float32 tensor over `data`, or zeros. Throws RangeError where the shape does not fit. */
export function f32(shape: number[], data: ArrayLike<number> = new Float32Array(sizeOf(shape))): TensorData {
  const array = data instanceof Float32Array ? data : Float32Array.from(data);
  checkSize(shape, array.length);
  return { dtype: "float32", shape, data: array };
}

/** An int32 tensor over `data`, or zeros. Throws RangeError where the shape does not fit. */
export function i32(shape: number[], data: ArrayLike<number> = new Int32Array(sizeOf(shape))): TensorData {
  const array = data instanceof Int32Array ? data : Int32Array.from(data);
  checkSize(shape, array.length);
  return { dtype: "int32", shape, data: array };
}

function checkSize(shape: number[], length: number) {
  if (sizeOf(shape) !== length) {
    throw new RangeError(`Cannot shape ${length} values as [${shape}]: it holds ${sizeOf(shape)}`);
  }
}
