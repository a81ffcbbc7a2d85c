"""Writes samplers.json: the documents that lm-evaluation-harness's samplers draw, from small pools of numbers.

Only lm_eval/api/samplers.py is loaded (it needs nothing else), from the package that the set-up installs in .venv.
Run: python3 tests/parity/lmeval/make_samplers.py
"""
import importlib.metadata
import importlib.util
import json
from pathlib import Path

root = Path(__file__).parents[3]
site = next((root / ".venv/lib").glob("python3*/site-packages"))
spec = importlib.util.spec_from_file_location("samplers", site / "lm_eval/api/samplers.py")
samplers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(samplers)
version = next(d.version for d in importlib.metadata.distributions(path=[str(site)]) if d.name == "lm_eval")

CASES = [
    # pool, shots, sampler, whether the document is dropped, seed, documents
    (list(range(1119)), 25, "default", False, 1234, [0] * 4),
    (list(range(7473)), 5, "default", False, 1234, [0] * 4),
    (list(range(30)), 5, "default", False, 1234, [0] * 6),
    (list(range(12)), 10, "default", True, 1234, list(range(12))),
    (list(range(400)), 10, "default", True, 1234, list(range(40))),
    (list(range(400)), 10, "default", True, 1234, list(range(1000, 1010))),
    (list(range(60)), 2, "default", True, 7, list(range(60))),
    ([n % 5 for n in range(20)], 6, "default", True, 1234, [0, 1, 2, 3, 4] * 4),
    (list(range(9)), 0, "default", True, 1234, [0, 1]),
    (list(range(5)), 5, "first_n", False, 1234, [0, 7]),
    (list(range(9)), 3, "first_n", True, 1234, [0, 2, 7]),
]


def drawn(pool, count, name, drop, seed, documents):
    sampler = samplers.get_sampler(name)([{"n": n} for n in pool], rnd=seed)
    return [
        [one["n"] for one in sampler.sample(n=count, eval_doc={"n": n} if drop else None)] for n in documents
    ]


cases = [
    {"pool": c[0], "count": c[1], "sampler": c[2], "drop": c[3], "seed": c[4], "documents": c[5], "drawn": drawn(*c)}
    for c in CASES
]
text = json.dumps({"lm_eval": version, "cases": cases}, separators=(",", ":")).replace('{"pool"', '\n{"pool"')
Path(__file__).with_name("samplers.json").write_text(text + "\n")
