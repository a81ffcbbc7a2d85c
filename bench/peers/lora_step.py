# PyTorch's side of train.ts: transformers + PEFT, as they come, on the task's rows; prints one JSON line.
# python bench/peers/lora_step.py TASK.json float32|bfloat16 (bfloat16: autocast, weights stay float32)
import contextlib
import json
import os
import sys
import time

with open(sys.argv[1]) as file:
    task = json.load(file)
os.environ["OMP_NUM_THREADS"] = str(task["threads"])  # before torch is loaded

import peft
import torch
import transformers
from torch.nn.functional import cross_entropy

torch.set_num_threads(task["threads"])
start = time.perf_counter()
model = transformers.AutoModelForCausalLM.from_pretrained(task["model"], dtype=torch.float32)
model = peft.PeftModel.from_pretrained(model, task["adapter"], is_trainable=True).train()
parameters = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(parameters, lr=3e-4, weight_decay=0.01)
ids = torch.tensor(task["rows"])
labels = ids[:, 1:].flatten()


def half():
    if sys.argv[2] == "float32":
        return contextlib.nullcontext()
    return torch.autocast("cpu", dtype=torch.bfloat16)


def step():
    with half():
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1)
        loss = cross_entropy(logits.float(), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


start_seconds = time.perf_counter() - start
seconds, losses = [], []
for _ in range(task["warmup"] + task["steps"]):
    begun = time.perf_counter()
    losses.append(step())
    seconds.append(time.perf_counter() - begun)
    if len(seconds) > 1 and sum(seconds) > task["limitSeconds"]:  # bfloat16 on a processor without it: minutes a step
        break

with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
            "torch_cpu": torch.backends.cpu.get_cpu_capability()}
print(json.dumps({"seconds": seconds[min(task["warmup"], len(seconds) - 1) :], "losses": losses, "peakBytes": peak,
                  "startSeconds": start_seconds, "versions": versions}))
