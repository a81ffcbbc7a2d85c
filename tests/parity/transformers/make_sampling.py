"""Makes sampling.json: what transformers' logits processors leave of random logits, and its greedy and sampled order.
Run with the peers' Python: python make_sampling.py"""
import json, platform
from importlib.metadata import version
from pathlib import Path
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

CASES = [(1.0, 0, 0.9), (0.7, 0, 0.5), (1.0, 5, 1.0), (1.3, 12, 0.8), (0.5, 3, 0.95), (2.0, 0, 0.999), (1.0, 1, 1.0),
         (1.0, 0, 0.01), (0.25, 40, 1.0), (1.0, 8, 0.3)]

torch.manual_seed(0)
out = []
for i, (temperature, k, p) in enumerate(CASES):
    logits = (torch.randn(1, 60, dtype=torch.float64) * 3).round(decimals=2)  # rounded: some are equal
    x = TemperatureLogitsWarper(temperature)(None, logits)
    if k: x = TopKLogitsWarper(k)(None, x)
    if p < 1: x = TopPLogitsWarper(p)(None, x)
    out.append({"temperature": temperature, "topK": k, "topP": p, "logits": logits[0].tolist(),
                "probabilities": torch.softmax(x, -1)[0].tolist()})
text = {"made_by": "tests/parity/transformers/make_sampling.py",
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ["torch", "transformers"]}},
        "cases": out}
Path(__file__).with_name("sampling.json").write_text(json.dumps(text) + "\n")
