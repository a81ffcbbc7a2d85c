"""Makes pairs.json: silhouettes of token pairs from transformers' hidden states through scikit-learn's PCA, for the whole of
lib/cluster, of a tiny random Llama with and without an adapter. Run with the peers' Python: python make_pairs.py > pairs.json"""
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
from transformers import LlamaForCausalLM

FAMILY = Path(__file__).parents[1] / "transformers/families/llama3_rope"
LAYERS, PAIRS, MOST, SCALE = [0, 2, "final"], [(3, 5), (2, 7), (9, 4)], 25, 2.0
draw = np.random.default_rng(11)

follow = draw.dirichlet(np.full(8, 0.7), size=8)  # which of tokens 2 to 9 follows which
texts = []
for length in [40, 25, 60, 33, 50, 18, 44, 60]:
    ids = [int(draw.integers(2, 10))]
    while len(ids) < length:
        ids.append(2 + int(draw.choice(8, p=follow[ids[-1] - 2])))
    texts.append({"ids": ids, "supervised": [0] + [int(v) for v in draw.random(length - 1) < 0.8]})
update = {
    f"model.layers.{layer}.self_attn.{name}": {"A": draw.normal(size=(2, 16)).round(3), "B": draw.normal(size=(out, 2)).round(3)}
    for layer in range(3) for name, out in [("q_proj", 16), ("v_proj", 8)]
}


def features(model):
    """By layer, [points, width]; and each point's token."""
    found, tokens = {layer: [] for layer in LAYERS}, []
    for text in texts:
        with torch.no_grad():
            states = model.model(torch.tensor([text["ids"]]), output_hidden_states=True).hidden_states
        at = [t for t, one in enumerate(text["supervised"]) if one]
        tokens += [text["ids"][t] for t in at]
        for layer in LAYERS:  # the last of them is after the final norm
            found[layer].append(states[-1 if layer == "final" else layer][0, [t - 1 for t in at]].numpy())
    return {layer: np.concatenate(parts) for layer, parts in found.items()}, np.array(tokens)


def measured(x, y):
    pca = PCA(2, svd_solver="full").fit(x)
    return {
        "counts": [int((y == 0).sum()), int((y == 1).sum())],
        "pca2": float(silhouette_score(pca.transform(x), y)),
        "full": float(silhouette_score(x, y)),
        "cosine": float(silhouette_score(x, y, metric="cosine")),
        "calinskiHarabasz": float(calinski_harabasz_score(x, y)),
        "daviesBouldin": float(davies_bouldin_score(x, y)),
        "explained": float(pca.explained_variance_ratio_.sum()),
    }


scores = []
for name in ["base", "adapted"]:
    model = LlamaForCausalLM.from_pretrained(FAMILY, dtype=torch.float64).eval()
    if name == "adapted":
        weights = dict(model.named_parameters())
        for module, parts in update.items():
            weights[f"{module}.weight"].data += torch.tensor(SCALE * parts["B"] @ parts["A"])
    by_layer, tokens = features(model)
    for layer, x in by_layer.items():
        for a, b in PAIRS:
            rows = [np.flatnonzero(tokens == token)[:MOST] for token in (a, b)]
            y = np.repeat([0, 1], [len(own) for own in rows])
            scores.append({"model": name, "layer": layer, "a": a, "b": b, **measured(x[np.concatenate(rows)], y)})

print(json.dumps({
    "made_by": "tests/parity/sklearn/make_pairs.py",
    "versions": {name: version(name) for name in ["torch", "transformers", "scikit-learn", "numpy"]},
    "maxPoints": MOST,
    "texts": texts,
    "lora": {"r": 2, "alpha": 4, "update": {n: {k: v.tolist() for k, v in parts.items()} for n, parts in update.items()}},
    "scores": scores,
}))
