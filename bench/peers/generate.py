# transformers' side of generate.ts: greedy answers to the task's prompts in one batch; prints one JSON line.
# python bench/peers/generate.py TASK.json BATCH
import json
import os
import sys
import time

with open(sys.argv[1]) as file:
    task = json.load(file)
os.environ["OMP_NUM_THREADS"] = str(task["threads"])  # before torch is loaded

import torch
import transformers

torch.set_num_threads(task["threads"])
start = time.perf_counter()
model = transformers.AutoModelForCausalLM.from_pretrained(task["model"], dtype=torch.float32).eval()
model.generation_config.eos_token_id = None  # every text gets as many tokens
prompts = task["prompts"][: int(sys.argv[2])]
longest = max(len(prompt) for prompt in prompts)
pad = [longest - len(prompt) for prompt in prompts]  # on the left, as generate() asks for
ids = torch.tensor([[0] * n + prompt for n, prompt in zip(pad, prompts)])
mask = torch.tensor([[0] * n + [1] * (longest - n) for n in pad])
times = []


class Clock(transformers.StoppingCriteria):
    def __call__(self, input_ids, scores, **kwargs):
        times.append(time.perf_counter())
        return torch.zeros(len(prompts), dtype=torch.bool)


def answer(count):
    times.clear()
    return model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=count,
                          pad_token_id=0, stopping_criteria=transformers.StoppingCriteriaList([Clock()]))


answer(8)  # first touch of memory
start_seconds = time.perf_counter() - start
out = answer(task["maxNew"])
with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
print(json.dumps({"seconds": [b - a for a, b in zip(times, times[1:])], "ids": out[:, longest:].tolist(),
                  "peakBytes": peak, "startSeconds": start_seconds,
                  "versions": {"torch": torch.__version__, "transformers": transformers.__version__}}))
