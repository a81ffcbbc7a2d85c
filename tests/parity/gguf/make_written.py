# Writes written.gguf with llama.cpp's gguf package: what tests/model_gguf_write_test.ts writes too, byte for byte; tensors
# of every type that we write, quantised by gguf itself. Run once by hand: pip install gguf==0.19.0 && python make_written.py
import numpy as np
from gguf import GGMLQuantizationType as Q, GGUFWriter, quants

# the same numbers as in the test: sines, exact in float32, with zero blocks and ties among them
x = np.sin(np.arange(4 * 64, dtype=np.float64)) * np.repeat([1, 1e-3, 0, 40], 64)
x = x.astype(np.float32).reshape(4, 64)
x[0, :32] = np.arange(-16, 16) * 0.5 * (127 / 8) / 127  # ties of rounding
writer = GGUFWriter("written.gguf", "llama")
writer.add_uint32("x.count", 7)
writer.add_float32("x.float", 0.1)
writer.add_bool("x.bool", True)
writer.add_string("x.text", "é🙂\n")
writer.add_array("x.texts", ["a", "", "ĊĊ"])
writer.add_array("x.numbers", [1, -2, 3])
for name, kind in [("f32", Q.F32), ("f16", Q.F16), ("bf16", Q.BF16), ("q8_0", Q.Q8_0)]:
    writer.add_tensor(name + ".weight", quants.quantize(x, kind), raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
