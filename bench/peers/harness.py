# lm-evaluation-harness's side of harness.ts: its own tasks and model class on the same local files; prints one JSON line and
# writes a row an item. python bench/peers/harness.py TASK.json BATCH OUT.jsonl
import json
import os
import sys
import time

with open(sys.argv[1]) as file:
    work = json.load(file)
os.environ.update(OMP_NUM_THREADS=str(work["threads"]), OMP_WAIT_POLICY="PASSIVE")  # before torch is loaded

import contextlib
from importlib.metadata import version

import torch
from harness_model import RecordingLM
from harness_rows import run_tasks
from harness_tasks import new_manager, open_tasks

torch.set_num_threads(work["threads"])
start = time.perf_counter()
batch = sys.argv[2] if sys.argv[2] == "auto" else int(sys.argv[2])
lm = RecordingLM(work["model"], batch)
with contextlib.redirect_stdout(sys.stderr):
    tasks = open_tasks(new_manager(), work)
    run_tasks(lm, tasks[:1], samples={work["tasks"][0]["name"]: [0]})  # first touch of memory
    start_seconds = time.perf_counter() - start
    rows, _ = run_tasks(lm, tasks, limit=work.get("limit"))
with open(sys.argv[3], "w", encoding="utf-8") as file:
    for row in rows:
        file.write(json.dumps(row) + "\n")
with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
print(json.dumps({"seconds": lm.seconds, "items": len(rows), "peakBytes": peak, "startSeconds": start_seconds,
                  "versions": {p: version(p) for p in ("lm_eval", "torch", "transformers")}}))
