"""Writes random.json: what CPython's random.Random gives for a number of seeds. Standard library alone.

Run: python3 tests/parity/cpython/make_random.py
"""
import json
import platform
import random
from pathlib import Path

SEEDS = [0, 1, 1234, -7, 2**32 - 1, 2**32, 2**40 + 3, 10**30, 2**20000 + 5]
TEXTS = ["", "a", "is_switched_outputs" + "What is 1 + 1?" + "0", "naïve 🙂 Ω\u2028", "long " * 600]
SAMPLES = [[n, k] for n in (0, 1, 5, 20, 21, 22, 37, 38, 84, 85, 86, 277, 278, 1119, 7473, 39905) for k in (0, 1, 5, 6, 10, 25, 80) if k <= n]


def draws(seed):
    r = random.Random(seed)
    return {
        "bits": [r.getrandbits(k) for k in (1, 5, 13, 31, 32, 33, 48, 53)],
        "random": [r.random() for _ in range(3)],
        "below": [r._randbelow(n) for n in (1, 2, 3, 64, 1000, 7473, 2**31, 2**32, 2**32 + 1, 2**50)],
        "samples": [r.sample(range(n), k) for n, k in SAMPLES],
        "choices": [r.choices("abcdefg")[0] for _ in range(5)],
        "shuffles": [shuffled(r, n) for n in (0, 1, 2, 30)],
        "last": [r.getrandbits(32) for _ in range(700)][-1],
    }


def shuffled(r, n):
    items = list(range(n))
    r.shuffle(items)
    return items


made = {
    "python": platform.python_version(),
    "samples": SAMPLES,
    "cases": [{"seed": ("-" if s < 0 else "") + hex(abs(s)), "text": False, **draws(s)} for s in SEEDS]
    + [{"seed": s, "text": True, **draws(s)} for s in TEXTS],
}
text = json.dumps(made, ensure_ascii=True, separators=(",", ":"))
Path(__file__).with_name("random.json").write_text(text.replace('{"seed"', '\n{"seed"') + "\n")
