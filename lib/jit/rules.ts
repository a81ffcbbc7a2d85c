// The one table of the compiler: what each TensorFlow.js kernel becomes in ONNX. Rules emit; passes/ tidy up.
// Test: every rule against tf.js's cpu backend, values and gradients (tests/jit_rules_test.ts).
import * as tf from "@tensorflow/tfjs";
import type { Attr, DType } from "./graph.ts";
import { type Info, recorder, type Rule } from "./trace.ts";
import { sizeOf } from "./params.ts";

const ONNX_TYPE = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;
const MS = "com.microsoft";

const name = (t: Info) => recorder().nameOf(t);
const wrap = (value: string, shape: number[], dtype: tf.DataType) => recorder().bind(value, shape, dtype);
const broadcast = (a: Info, b: Info) => tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
const axisOf = (axis: number, rank: number) => axis < 0 ? axis + rank : axis;

/** One ONNX node with one output, as a tensor. */
function op(
  kind: string,
  inputs: string[],
  shape: number[],
  dtype: tf.DataType,
  attrs: Record<string, Attr> = {},
  domain = "",
) {
  return wrap(recorder().emit(kind, inputs, shape, dtype as DType, attrs, domain), shape, dtype);
}

/** Operators that exist for whole numbers too; the others take float32 only, as onnxruntime does. */
const WHOLE = ["Abs", "Neg", "Sign", "Relu", "Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"];

function numbers(kind: string, ...tensors: Info[]): string[] {
  return tensors.map((t) => {
    if (t.dtype === "float32" || (t.dtype === "int32" && WHOLE.includes(kind))) return name(t);
    throw new TypeError(`Cannot compile ${kind} of ${t.dtype}: cast it to float32 first`);
  });
}

const unary = (kind: string): Rule => ({ x }) => op(kind, numbers(kind, x), x.shape, x.dtype);
const binary = (kind: string): Rule => ({ a, b }) => op(kind, numbers(kind, a, b), broadcast(a, b), a.dtype);
const compare = (kind: string): Rule => ({ a, b }) => op(kind, [name(a), name(b)], broadcast(a, b), "bool");

function reshape(x: Info, shape: number[]): Info {
  return op("Reshape", [name(x), recorder().shapeConst(shape)], shape, x.dtype, { allowzero: 1 });
}

/** `axes` by the kernel's attribute name; ONNX takes them as an input from opset 18 on. */
const reduce = (kind: string, axes: "axis" | "reductionIndices"): Rule => ({ x }, attrs) => {
  const over = tf.util.parseAxisParam(attrs[axes], x.shape);
  const [out, reduced] = tf.backend_util.computeOutAndReduceShapes(x.shape, over);
  const shape = attrs.keepDims ? tf.backend_util.expandShapeToKeepDim(out, over) : out;
  if (sizeOf(reduced) === 1) return reshape(x, shape);
  return op(kind, [name(x), recorder().shapeConst(over)], shape, x.dtype, {
    keepdims: attrs.keepDims ? 1 : 0,
  });
};

/** onnxruntime's index reductions give int64; tf.js wants int32. */
const argReduce = (kind: string): Rule => ({ x }, { axis }) => {
  const [at] = tf.util.parseAxisParam(axis, x.shape);
  const shape = x.shape.filter((_, i) => i !== at);
  const wide = recorder().emit(kind, [name(x)], shape, "int64", { axis: at, keepdims: 0 });
  return op("Cast", [wide], shape, "int32", { to: ONNX_TYPE.int32 });
};

/** [..., M, K] × [..., K, N]. A batch of one becomes a plain 2-D product, so that weights stay plain operands. */
const batchMatMul: Rule = ({ a, b }, { transposeA, transposeB }) => {
  const r = a.shape.length;
  const M = a.shape[transposeA ? r - 1 : r - 2],
    N = b.shape[transposeB ? b.shape.length - 2 : b.shape.length - 1];
  const batch = tf.backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const attrs = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 };
  if (sizeOf(batch) !== 1) {
    return op("FusedMatMul", [name(a), name(b)], [...batch, M, N], "float32", attrs, MS);
  }
  const flat = (t: Info) => reshape(t, t.shape.slice(-2));
  const product = op("FusedMatMul", [name(flat(a)), name(flat(b))], [M, N], "float32", attrs, MS);
  return reshape(product, [...batch, M, N]);
};

const splitV: Rule = ({ x }, { numOrSizeSplits, axis }) => {
  const at = axisOf(axis, x.shape.length);
  const sizes = tf.backend_util.prepareSplitSize(x as unknown as tf.Tensor, numOrSizeSplits, at);
  const outs = sizes.map((n) => ({
    shape: x.shape.map((s, i) => i === at ? n : s),
    dtype: x.dtype as DType,
  }));
  const made = recorder().emitMany("Split", [name(x), recorder().shapeConst(sizes)], outs, { axis: at });
  return made.map((value, i) => wrap(value, outs[i].shape, x.dtype));
};

const concat: Rule = (inputs, { axis }) => {
  const all = Object.values(inputs) as Info[];
  const at = axisOf(axis, all[0].shape.length);
  const shape = [...all[0].shape];
  shape[at] = all.reduce((sum, t) => sum + t.shape[at], 0);
  return op("Concat", all.map(name), shape, all[0].dtype, { axis: at });
};

const slice: Rule = ({ x }, attrs) => {
  const [begin, size] = tf.slice_util.parseSliceParams(x as unknown as tf.Tensor, attrs.begin, attrs.size);
  const list = (values: number[]) => recorder().shapeConst(values);
  const ends = begin.map((b, i) => b + size[i]);
  return op("Slice", [name(x), list(begin), list(ends), list(begin.map((_, i) => i))], size, x.dtype);
};

const padV2: Rule = ({ x }, { paddings, constantValue }) => {
  const shape = x.shape.map((n, i) => n + paddings[i][0] + paddings[i][1]);
  const pads = [...paddings.map((p: number[]) => p[0]), ...paddings.map((p: number[]) => p[1])];
  const fill = recorder().fromValues([constantValue], [], x.dtype);
  return op("Pad", [name(x), recorder().shapeConst(pads), fill], shape, x.dtype);
};

/** Indices past the end are an error at run time, as on tf.js's cpu backend; negative ones count from the end, an error there. */
const gather: Rule = ({ x, indices }, { axis, batchDims }) => {
  if (batchDims) {
    throw new TypeError(`Cannot compile GatherV2 with batchDims ${batchDims}: only 0 has a rule`);
  }
  const at = axisOf(axis, x.shape.length);
  const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)];
  return op("Gather", [name(x), name(indices)], shape, x.dtype, { axis: at });
};

/**
 * The gradient of a gather: rows of `x` added up where `segmentIds` says. ScatterElements adds one after the other;
 * onnxruntime's ScatterND would add in parallel and lose updates of equal ids.
 */
const unsortedSegmentSum: Rule = ({ x, segmentIds }, { numSegments }) => {
  const rec = recorder();
  const shape = [numSegments, ...x.shape.slice(1)];
  const zeros = rec.emit(
    "Expand",
    [rec.fromValues([0], [], x.dtype), rec.shapeConst(shape)],
    shape,
    x.dtype as DType,
  );
  const ids = rec.emit("Cast", [name(segmentIds)], segmentIds.shape, "int64", { to: ONNX_TYPE.int64 });
  const column = [x.shape[0], ...x.shape.slice(1).map(() => 1)];
  const rows = rec.emit("Reshape", [ids, rec.shapeConst(column)], column, "int64", { allowzero: 1 });
  const at = rec.emit("Expand", [rows, rec.shapeConst(x.shape)], x.shape, "int64");
  const value = rec.emit("ScatterElements", [zeros, at, name(x)], shape, x.dtype as DType, {
    axis: 0,
    reduction: "add",
  });
  return wrap(value, shape, x.dtype);
};

/** As a comparison with 0 … depth − 1: ids outside give rows of the off value, as in tf.js. */
const oneHot: Rule = ({ indices }, { depth, onValue, offValue, dtype }) => {
  const rec = recorder(), shape = [...indices.shape, depth], type = dtype ?? "int32";
  const classes = rec.constant(Int32Array.from({ length: depth }, (_, i) => i), [depth], "int32");
  const hot = rec.emit(
    "Equal",
    [name(expandDims({ input: indices } as never, { dim: -1 }) as Info), classes],
    shape,
    "bool",
  );
  return op(
    "Where",
    [hot, rec.fromValues([onValue], [], type), rec.fromValues([offValue], [], type)],
    shape,
    type,
  );
};

function fill(value: number, shape: number[], dtype: tf.DataType): Info {
  const scalar = recorder().fromValues([value], [], dtype);
  if (shape.length === 0) return wrap(scalar, [], dtype);
  return op("Expand", [scalar, recorder().shapeConst(shape)], shape, dtype);
}

const cast: Rule = ({ x }, { dtype }) => {
  if (x.dtype === dtype) return wrap(name(x), x.shape, dtype);
  const to = ONNX_TYPE[dtype as keyof typeof ONNX_TYPE];
  if (!to) {
    throw new TypeError(`Cannot compile a cast to ${dtype}: only float32, int32 and bool are compiled`);
  }
  return op("Cast", [name(x)], x.shape, dtype, { to });
};

const expandDims: Rule = ({ input }, { dim }) => {
  const shape = [...input.shape];
  shape.splice(dim < 0 ? dim + shape.length + 1 : dim, 0, 1);
  return reshape(input, shape);
};

const pack: Rule = (inputs, { axis }) => {
  const all = (Object.values(inputs) as Info[]).map((t) =>
    expandDims({ input: t } as never, { dim: axis }) as Info
  );
  return concat(all as never, { axis: axisOf(axis, all[0].shape.length) });
};

const unpack: Rule = ({ value }, { axis }) => {
  const at = axisOf(axis, value.shape.length);
  const parts = splitV({ x: value } as never, { numOrSizeSplits: value.shape[at], axis: at }) as Info[];
  return parts.map((t) => reshape(t, value.shape.filter((_, i) => i !== at)));
};

/** TensorFlow.js kernel → rule. */
export const rules: Record<string, Rule> = {
  // element-wise, one input
  Abs: unary("Abs"),
  Cos: unary("Cos"),
  Exp: unary("Exp"),
  Floor: unary("Floor"),
  Log: unary("Log"),
  Neg: unary("Neg"),
  Reciprocal: unary("Reciprocal"),
  Relu: unary("Relu"),
  Sigmoid: unary("Sigmoid"),
  Sign: unary("Sign"),
  Sin: unary("Sin"),
  Sqrt: unary("Sqrt"),
  Tanh: unary("Tanh"),
  LogicalNot: ({ x }) => op("Not", [name(x)], x.shape, "bool"),
  Identity: ({ x }) => wrap(name(x), x.shape, x.dtype),
  Rsqrt: ({ x }) =>
    op("Reciprocal", [recorder().emit("Sqrt", [name(x)], x.shape, "float32")], x.shape, x.dtype),
  Step: ({ x }, { alpha }) => {
    const above = recorder().emit(
      "Greater",
      [name(x), recorder().fromValues([0], [], x.dtype)],
      x.shape,
      "bool",
    );
    const list = [1, alpha].map((v: number) => recorder().fromValues([v], [], x.dtype));
    return op("Where", [above, ...list], x.shape, x.dtype);
  },
  Square: ({ x }) => op("Mul", [name(x), name(x)], x.shape, x.dtype),
  Cast: cast,
  // element-wise, two inputs
  Add: binary("Add"),
  Maximum: binary("Max"),
  Minimum: binary("Min"),
  Multiply: binary("Mul"),
  Pow: binary("Pow"),
  RealDiv: binary("Div"),
  Sub: binary("Sub"),
  SquaredDifference: ({ a, b }) => {
    const shape = broadcast(a, b), d = recorder().emit("Sub", [name(a), name(b)], shape, a.dtype as DType);
    return op("Mul", [d, d], shape, a.dtype);
  },
  Equal: compare("Equal"),
  Greater: compare("Greater"),
  GreaterEqual: compare("GreaterOrEqual"),
  Less: compare("Less"),
  LessEqual: compare("LessOrEqual"),
  NotEqual: ({ a, b }) => {
    const shape = broadcast(a, b), same = recorder().emit("Equal", [name(a), name(b)], shape, "bool");
    return op("Not", [same], shape, "bool");
  },
  LogicalAnd: compare("And"),
  LogicalOr: compare("Or"),
  Select: ({ condition, t, e }) => op("Where", [name(condition), name(t), name(e)], t.shape, t.dtype),
  // reductions and products
  ArgMax: argReduce("ArgMax"),
  ArgMin: argReduce("ArgMin"),
  Max: reduce("ReduceMax", "reductionIndices"),
  Min: reduce("ReduceMin", "axis"),
  Mean: ({ x }, attrs) => {
    const float = x.dtype === "float32" ? x : cast({ x } as never, { dtype: "float32" }) as Info;
    return reduce("ReduceMean", "axis")({ x: float } as never, attrs);
  },
  Sum: reduce("ReduceSum", "axis"),
  Softmax: ({ logits }, { dim }) => op("Softmax", [name(logits)], logits.shape, "float32", { axis: dim }),
  LogSoftmax: ({ logits }, { axis }) => op("LogSoftmax", [name(logits)], logits.shape, "float32", { axis }),
  BatchMatMul: batchMatMul,
  // layout
  Concat: concat,
  ExpandDims: expandDims,
  Fill: (_, { value, shape, dtype }) => fill(value, shape, dtype ?? "float32"),
  GatherV2: gather,
  OneHot: oneHot,
  Pack: pack,
  PadV2: padV2,
  Range: (_, { start, stop, step, dtype }) => {
    const n = Math.max(0, Math.ceil((stop - start) / step));
    const list = Array.from({ length: n }, (_, i) => start + i * step);
    return wrap(recorder().fromValues(list, [n], dtype), [n], dtype);
  },
  Reshape: ({ x }, { shape }) => reshape(x, tf.util.inferFromImplicitShape(shape, sizeOf(x.shape))),
  Slice: slice,
  SplitV: splitV,
  Tile: ({ x }, { reps }) =>
    op("Tile", [name(x), recorder().shapeConst(reps)], x.shape.map((n, i) => n * reps[i]), x.dtype),
  Transpose: ({ x }, { perm }) =>
    op("Transpose", [name(x)], perm.map((p: number) => x.shape[p]), x.dtype, { perm }),
  Unpack: unpack,
  UnsortedSegmentSum: unsortedSegmentSum,
  ZerosLike: ({ x }) => fill(0, x.shape, x.dtype),
};
