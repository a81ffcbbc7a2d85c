# Shared by make_reference.py: our dialogues as token ids under the plain ChatML, the start adapter by formula, the
# smoothing of each dialogue. Written from the formulas alone; nothing here calls the project's code.
import hashlib
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[3]
CONTEXT = 256
SEED_A, SEED_B = 1, 2

# One step each: the first four, then the last four. Cut at the context: the first and the fifth.
DIALOGUES = [
    "creative-bedtime-snail", "facts-symbol-potassium", "arithmetic-jacket-discount", "facts-danube-capitals",
    "advice-moving-with-cat", "format-yaml-event", "format-csv-to-table", "facts-dna-bases",
]


def load_dialogues():
    lines = (ROOT / "data/dialogues_train.jsonl").read_text(encoding="utf-8").splitlines()
    by_id = {d["id"]: d for d in map(json.loads, lines)}
    return [by_id[name] for name in DIALOGUES]


def render(messages, generate=False):
    """The text under data/templates/chatml.jinja, and the [start, end) characters of every answer with its end token."""
    text, spans = "", []
    for message in messages:
        if text:
            text += "\n"
        text += f"<|im_start|>{message['role']}\n"
        start = len(text)
        text += f"{message['content']}<|im_end|>"
        if message["role"] == "assistant":
            spans.append((start, len(text)))
    return (text + "\n<|im_start|>assistant\n" if generate else text), spans


def encode(model_dir, dialogue):
    """Token ids cut at the context, the targets (every i whose ids[i] is part of an answer), the text's hash."""
    tokenizer = Tokenizer.from_file(str(Path(model_dir) / "tokenizer.json"))
    text, spans = render(dialogue["messages"])
    coded = tokenizer.encode(text, add_special_tokens=False)
    inside = [any(b > start and a < end for start, end in spans) for a, b in coded.offsets]
    targets = [i for i in range(1, min(CONTEXT, len(coded.ids))) if inside[i]]
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return {"id": dialogue["id"], "sha256_text": digest, "full_length": len(coded.ids), "ids": coded.ids[:CONTEXT],
            "targets": targets}


def mulberry32(seed, count):
    """`count` numbers in [0, 1) with 32 bits each, by Tommy Ettinger's mulberry32 (public domain)."""
    a = np.uint32(seed) + np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
    t = (a ^ (a >> np.uint32(15))) * (a | np.uint32(1))
    t ^= t + (t ^ (t >> np.uint32(7))) * (t | np.uint32(61))
    return (t ^ (t >> np.uint32(14))).astype(np.float64) / 2**32


def formula_matrix(seed, shape, bound):
    """float32((2u − 1) · bound), row by row; `bound` is a power of two, so that both sides get the same bits."""
    return ((mulberry32(seed, shape[0] * shape[1]) * 2 - 1) * bound).astype(np.float32).reshape(shape)


def start_adapter(shapes, bound_a, bound_b):
    """PEFT names → matrices: A of the n-th module in the forward pass from seed 16n + 1, B from 16n + 2; bound 0: zeros."""
    out = {}
    for n, (name, shape) in enumerate(shapes.items()):
        seed, bound = (16 * (n // 2) + SEED_A, bound_a) if ".lora_A." in name else (16 * (n // 2) + SEED_B, bound_b)
        out[name] = formula_matrix(seed, shape, bound)
    return out


def truncated_linear(ratings, mean, ceiling=0.99):
    """s = min(alpha · rating, ceiling) with that mean, alpha by bisection."""
    low, high = 0.0, 1.0
    for _ in range(200):
        alpha = (low + high) / 2
        s = [min(alpha * u, ceiling) for u in ratings]
        low, high = (alpha, high) if sum(s) / len(s) < mean else (low, alpha)
    return s


def digits(value):
    """Nine significant digits: as many as a float32 has."""
    if isinstance(value, dict):
        return {k: digits(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [digits(v) for v in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value
