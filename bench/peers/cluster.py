# scikit-learn's sides of cluster.ts: a silhouette or a PCA of a NumPy file's rows; prints one JSON line.
# python bench/peers/cluster.py silhouette FILE LABELS THREADS | pca FILE SOLVER THREADS
import json
import os
import sys
import time

what, path, kind, threads = sys.argv[1:]
for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:  # before numpy is loaded
    os.environ[name] = threads

import numpy
import sklearn
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

x = numpy.load(path)
start = time.perf_counter()
if what == "pca":
    pca = PCA(n_components=2, svd_solver=kind, random_state=0)
    pca.fit_transform(x)
    values = [*pca.explained_variance_ratio_.tolist(), *pca.components_.flatten().tolist()]
else:
    values = [float(silhouette_score(x, numpy.arange(len(x)) % int(kind)))]
seconds = time.perf_counter() - start
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
versions = {"scikit-learn": sklearn.__version__, "numpy": numpy.__version__}
print(json.dumps({"seconds": seconds, "peakBytes": peak, "values": values, "versions": versions}))
