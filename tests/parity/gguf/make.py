# Writes the files of this folder with llama.cpp's gguf package: random blocks of every type we read, its own
# dequantisation of them, and metadata of every value type. Run once by hand:
#   pip install gguf==0.19.0 safetensors==0.8.0 numpy==2.4.6 && python make.py
import numpy as np
from gguf import GGMLQuantizationType as Q, GGUFValueType as V, GGUFWriter, dequantize
from safetensors.numpy import save_file

rng = np.random.default_rng(11)
rows, values = 3, 512


def scales(count):  # finite halves of both signs, subnormal ones and zero among them
    bits = rng.integers(0, 1 << 16, count, dtype=np.uint16)
    bits = np.where((bits & 0x7C00) == 0x7C00, bits & 0x83FF, bits)
    bits[0] = 0
    return bits.view(np.uint8).reshape(count, 2)


def blocks(halves, body, size=32):
    count = rows * values // size
    parts = [scales(count) for _ in range(halves)] + [rng.integers(0, 256, (count, body), dtype=np.uint8)]
    return np.concatenate(parts, axis=1).reshape(rows, -1)


floats = rng.standard_normal((rows, values)).astype(np.float32)
tensors = {
    "f32": (Q.F32, floats),
    "f16": (Q.F16, floats.astype(np.float16)),
    "bf16": (Q.BF16, (floats.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)),
    "q8_0": (Q.Q8_0, blocks(1, 32)),
    "q4_0": (Q.Q4_0, blocks(1, 16)),
    "q4_1": (Q.Q4_1, blocks(2, 16)),
    "q5_0": (Q.Q5_0, blocks(1, 20)),
    "q5_1": (Q.Q5_1, blocks(2, 20)),
    "q4_k": (Q.Q4_K, blocks(2, 140, 256)),
    "q5_k": (Q.Q5_K, blocks(2, 172, 256)),
    "q6_k": (Q.Q6_K, np.roll(blocks(1, 208, 256).reshape(-1, 210), -2, axis=1).reshape(rows, -1)),  # its d comes last
    "q2_k": (Q.Q2_K, blocks(2, 80, 256)),
}
writer = GGUFWriter("types.gguf", "test")
for name, value in [("uint8", 255), ("int8", -128), ("uint16", 65535), ("int16", -32768), ("uint32", 2**32 - 1),
                    ("int32", -(2**31)), ("float32", 0.1), ("uint64", 2**64 - 1), ("int64", -(2**53) - 2), ("float64", 0.1),
                    ("bool", True), ("string", "é🙂\n")]:
    getattr(writer, "add_" + name)("x." + name, value)
writer.add_array("x.strings", ["a", "", "ĊĊ"])
writer.add_array("x.floats", [0.5, -2.0])
writer.add_array("x.nested", [[1, 2], [3]])
for name, (kind, data) in tensors.items():
    quantised = kind not in (Q.F32, Q.F16)
    writer.add_tensor(name, data, raw_dtype=kind if quantised else None)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file({name: np.ascontiguousarray(dequantize(data, kind)).astype(np.float32).reshape(rows, values)
           for name, (kind, data) in tensors.items()}, "expected.safetensors")
