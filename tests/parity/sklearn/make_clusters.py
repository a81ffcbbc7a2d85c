"""What scikit-learn computes on small made-up data, for lib/cluster: python make_clusters.py > clusters.json"""
import json
import warnings

import numpy as np
import sklearn
from sklearn.decomposition import PCA
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_samples,
    silhouette_score,
)

warnings.simplefilter("ignore")
draw = np.random.default_rng(7)


def blobs(n, d, labels, spread=1.0, offset=0.0):
    centres = draw.normal(size=(labels, d)) * 2
    y = np.arange(n) % labels
    x = centres[y] + draw.normal(size=(n, d)) * spread + offset
    return x.astype(np.float32).round(4), y


clusters = {
    "three blobs": blobs(40, 5, 3),
    "two labels, 40 numbers": blobs(30, 40, 2),
    "far from the origin": blobs(30, 4, 2, offset=500.0),
    "tight blobs": blobs(30, 6, 3, spread=0.01),
    "labels out of order": (blobs(12, 3, 3)[0], np.array([9, 9, -4, 9, 2, 2, 2, -4, -4, 9, 2, -4])),
    "one label with one member": (blobs(9, 3, 2)[0], np.array([0, 0, 0, 1, 1, 1, 1, 1, 5])),
    "identical points": (np.ones((8, 3), np.float32), np.arange(8) % 2),
    "labels of coinciding points": (np.repeat([[0.0, 0.0], [3.0, 4.0]], 4, axis=0).astype(np.float32), np.repeat([0, 1], 4)),
    "some points twice": (np.concatenate([blobs(10, 4, 2)[0]] * 2), np.arange(20) % 2),
    "a zero vector": (np.concatenate([np.zeros((1, 3), np.float32), blobs(11, 3, 2)[0]]), np.arange(12) % 2),
}


def measured(x, y):
    wide = x.astype(np.float64)
    out = {"x": x.ravel().astype(float).tolist(), "shape": list(x.shape), "labels": y.tolist()}
    for metric in ["euclidean", "cosine"]:
        out[metric] = silhouette_samples(wide, y, metric=metric).tolist()
        out[metric + "_mean"] = float(silhouette_score(wide, y, metric=metric))
    out["calinski_harabasz"] = float(calinski_harabasz_score(wide, y))
    out["davies_bouldin"] = float(davies_bouldin_score(wide, y))
    return out


decompositions = {
    "tall": blobs(40, 6, 3)[0],
    "wide": blobs(12, 40, 2)[0],
    "a constant column first": np.concatenate([np.full((20, 1), 3.0, np.float32), blobs(20, 4, 2)[0]], axis=1),
    "far from the origin": blobs(25, 5, 2, offset=300.0)[0],
    "as many rows as columns": blobs(10, 10, 2)[0],
}


def decomposed(x, components):
    wide = x.astype(np.float64)
    found = PCA(n_components=components, svd_solver="full").fit(wide)
    return {
        "x": x.ravel().astype(float).tolist(),
        "shape": list(x.shape),
        "components": found.components_.tolist(),
        "scores": found.transform(wide).tolist(),
        "explained_variance_ratio": found.explained_variance_ratio_.tolist(),
    }


print(json.dumps({
    "sklearn": sklearn.__version__,
    "numpy": np.__version__,
    "clusters": {name: measured(*case) for name, case in clusters.items()},
    "pca": {name: decomposed(x, 3) for name, x in decompositions.items()},
}))
