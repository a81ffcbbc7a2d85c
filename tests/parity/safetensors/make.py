# Writes the files of this folder with Hugging Face's safetensors (numbers: NumPy, seeded). Run once by hand:
#   pip install safetensors==0.8.0 numpy==2.4.6 && python make.py
import numpy as np
from safetensors import TensorSpec, serialize_file

rng = np.random.default_rng(7)
a = rng.standard_normal((3, 5)).astype(np.float32)
b = np.array([0.0, -0.0, 1e-8, 65504.0, 1 / 3, 2**-24, 3.0e38, -1.5], np.float32)
halves = {"a.weight": a, "b": b.clip(-65504, 65504), "é": np.full((), 2.5, np.float32)}
c = np.array([-(2**31), -1, 0, 2**31 - 1], np.int32).reshape(2, 2)


def bfloat16(x):  # round to nearest even
    words = np.ascontiguousarray(x).view(np.uint32)
    return ((words + 0x7FFF + ((words >> 16) & 1)) >> 16).astype(np.uint16)


def save(path, tensors, metadata=None):
    rows = {
        name: TensorSpec(dtype=dtype, shape=shape, data_ptr=x.ctypes.data, data_len=x.nbytes)
        for name, (dtype, shape, x) in tensors.items()
    }
    serialize_file(rows, path, metadata)


save("f32_i32.safetensors", {
    "c": ("int32", c.shape, c),
    "b": ("float32", b.shape, b),
    "a.weight": ("float32", a.shape, a),
    "empty": ("float32", (0, 4), np.zeros(0, np.float32)),
    "é": ("float32", (), halves["é"]),
}, {"format": "pt \"x\"\n"})
f16 = {k: ("float16", v.shape, np.asarray(v.astype(np.float16))) for k, v in halves.items()}
bf16 = {k: ("bfloat16", v.shape, np.asarray(bfloat16(v))) for k, v in halves.items()}
save("f16.safetensors", f16)
save("bf16.safetensors", bf16)
np.concatenate([v.ravel() for v in halves.values()]).tofile("halves.f32")  # the values before rounding: a.weight, b, é
