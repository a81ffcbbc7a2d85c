"""Makes items.jsonl: what lm-evaluation-harness says of the default model on the first items of our own bundled benchmarks.
Contexts are kept as hashes, since some begin with examples of the harness's own.
Run with the peers' Python: python make_items.py <folder of the default model>"""
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bench/peers"))
from harness_model import RecordingLM  # noqa: E402
from harness_rows import run_tasks  # noqa: E402
from harness_tasks import new_manager, open_tasks  # noqa: E402

# (task, settings, shots, items), shots where they are not the settings' own
RUNS = [
    ("arc_challenge", "harness", 0, 6), ("arc_easy", "harness", 0, 5), ("hellaswag", "harness", 0, 6),
    ("truthfulqa_mc1", "harness", 0, 5), ("truthfulqa_mc2", "harness", 0, 5), ("winogrande", "harness", 0, 6),
    ("piqa", "harness", 0, 6), ("mmlu_world_religions", "openllm", 5, 6), ("mmlu_elementary_mathematics", "openllm", 5, 6),
    ("arc_challenge", "openllm", 25, 2), ("hellaswag", "openllm", 10, 2), ("winogrande", "openllm", 5, 2),
    ("hellaswag", "harness", 2, 2), ("piqa", "harness", 3, 2), ("winogrande", "harness", 2, 2), ("arc_easy", "harness", 4, 2),
    ("gsm8k", "harness", 5, 2), ("gsm8k_cot", "harness", 8, 2),
]
SPLITS = {"arc": ("test", "train"), "mmlu": ("test", "dev"), "gsm8k": ("test", "train"), "truthfulqa": ("validation", None)}


def files(task):
    folder = {"mmlu": "mmlu", "truthfulqa": "truthfulqa", "gsm8k": "gsm8k"}.get(task.split("_")[0], task)
    test, shots = SPLITS.get(task.split("_")[0], ("validation", "train"))
    path = lambda split: split and str(ROOT / "data/benchmarks" / folder / f"{split}.jsonl")  # noqa: E731
    return {"name": task, "test": path(test), "shots": path(shots),
            "subject": task.removeprefix("mmlu_") if folder == "mmlu" else None}


lm = RecordingLM(sys.argv[1], 1)
manager = new_manager()
lines = [{"made_by": "tests/parity/lmeval/make_items.py", "model": "smollm2-135m-instruct, float32, batch 1",
          "versions": {"python": platform.python_version(),
                       **{name: version(name) for name in ("lm_eval", "torch", "transformers")}}}]
for task, settings, shots, count in RUNS:
    work = {"tasks": [{**files(task), "count": shots}], "openllm": settings == "openllm"}
    rows, _ = run_tasks(lm, open_tasks(manager, work), limit=count)
    for row in rows:
        del row["contexts"]
        lines.append({"settings": settings, "shots": shots, **row})
body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
Path(__file__).with_name("items.jsonl").write_text(body, encoding="utf-8")
