"""Makes fewshot.json: which documents lm-evaluation-harness draws as shots, on made-up documents of many counts.
Run with the peers' Python: python make_fewshot.py"""
import json
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench/peers"))
from harness_tasks import build_task, new_manager  # noqa: E402

DOCUMENTS = 4  # evaluated in each case
manager = new_manager()


def piqa(i):
    return {"goal": f"w{i}w", "sol1": "a", "sol2": "b", "label": 0}


def arc(i):
    return {"id": str(i), "question": f"w{i}w", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"}


def hellaswag(i):
    return {"activity_label": "x", "ctx_a": f"w{i}w", "ctx_b": "b", "ctx": "", "endings": ["a", "b"], "label": "0"}


def mmlu(i):
    return {"question": f"w{i}w", "choices": ["a", "b", "c", "d"], "answer": 0}


def draws(name, make, count, pool, evaluated, openllm=False, numbers=None):
    """Rows of the pool that each document gets, read from the context that the harness builds. `evaluated`: the pool is
    the evaluated split; `numbers`: which number stands in each of the pool's rows, where some are the same."""
    rows = [make(i) for i in (numbers or range(pool))]
    test = rows if evaluated else [make(10**6 + i) for i in range(DOCUMENTS)]
    task = build_task(manager, name, test, None if evaluated else rows, count, openllm)
    out = []
    for doc in list(task.eval_docs)[:DOCUMENTS]:
        found = [int(n) for n in re.findall(r"w(\d+)w", task.fewshot_context(doc, count))]
        assert len(found) == count + 1
        out.append(found[:-1])
    return out


cases = []


def add(name, make, count, pool, evaluated, **options):
    found = draws(name, make, count, pool, evaluated, **options)
    cases.append({"task": name, "shots": count, "pool": pool, "from": "evaluated" if evaluated else "shots",
                  **options, "draws": found})


# A pool of its own: n are drawn. CPython's sample() keeps a list where n is large beside the pool, else a set.
for count, pool in [(1, 1), (1, 2), (2, 5), (5, 5), (5, 20), (5, 21), (5, 22), (6, 85), (6, 86), (10, 84), (10, 85),
                    (10, 277), (25, 276), (25, 277), (25, 1119), (10, 1119), (5, 7473), (3, 65535), (3, 65536)]:
    add("arc_challenge", arc, count, pool, False)
# hellaswag and piqa draw one more even from their own pool of shots, and keep the first n that are not the document.
for count, pool in [(2, 5), (10, 60), (10, 39905)]:
    add("hellaswag", hellaswag, count, pool, False)
    add("hellaswag", hellaswag, count, pool, False, openllm=True)
add("piqa", piqa, 3, 16113, False)
# No pool of shots: drawn from what is evaluated, without the document.
for count, pool in [(1, 4), (3, 4), (2, 8), (5, 12), (5, 60), (10, 64), (25, 1172), (5, 20)]:
    add("hellaswag", hellaswag, count, pool, True)
    add("arc_challenge", arc, count, pool, True)
    add("piqa", piqa, count, pool, True)
# Rows that are the same: all that equal the document leave; where too few are left, it draws again without them.
for name, make in [("piqa", piqa), ("arc_challenge", arc)]:
    add(name, make, 3, 6, True, numbers=[0, 1, 2, 0, 1, 5])
    add(name, make, 4, 9, True, numbers=[0, 0, 0, 3, 3, 5, 6, 7, 8])
# mmlu takes the first n, and from what is evaluated those that are not the document.
for count, pool in [(1, 5), (5, 5), (5, 9)]:
    add("mmlu_anatomy", mmlu, count, pool, False)
for count, pool in [(5, 9), (3, 4)]:
    add("mmlu_anatomy", mmlu, count, pool, True)

text = {"made_by": "tests/parity/lmeval/make_fewshot.py", "seed": 1234, "documents": DOCUMENTS,
        "versions": {"python": platform.python_version(), "lm_eval": version("lm-eval")}}
body = ",\n".join("    " + json.dumps(case) for case in cases)
head = json.dumps(text, indent=2)[:-2]
Path(__file__).with_name("fewshot.json").write_text(f'{head},\n  "cases": [\n{body}\n  ]\n}}\n')
