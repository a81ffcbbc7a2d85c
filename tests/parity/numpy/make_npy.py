"""Makes npy.json: files that numpy.save() writes, in base64, for lib/cluster/npy.ts; those of other kinds are to be refused.
Run with the peers' Python: python make_npy.py > npy.json"""
import base64
import io
import json

import numpy as np


def saved(array, save=np.save):
    file = io.BytesIO()
    save(file, array)
    return base64.b64encode(file.getvalue()).decode()


def version_2(file, array):
    np.lib.format.write_array(file, array, version=(2, 0))


floats = (np.arange(15, dtype="<f4") / 7 - 1).reshape(3, 5)
taken = {
    "floats": floats,
    "one row": floats[:1],
    "ints": np.array([3, -1, 2**31 - 1, -(2**31)], "<i4"),
    "a long header": np.zeros((1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2), "<f4"),
}
refused = {
    "float64": saved(floats.astype("<f8")),
    "float16": saved(floats.astype("<f2")),
    "big-endian": saved(floats.astype(">f4")),
    "Fortran order": saved(np.asfortranarray(floats)),
    "records": saved(np.zeros(3, [("a", "<f4"), ("b", "<i4")])),
    "version 2.0": saved(floats, version_2),
}
print(json.dumps({
    "numpy": np.__version__,
    "taken": {name: {"file": saved(x), "dtype": x.dtype.str, "shape": x.shape, "values": x.flatten().tolist()}
              for name, x in taken.items()},
    "refused": refused,
}, indent=1))
