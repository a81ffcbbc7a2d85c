# TRL's side of sft.ts: SFTTrainer on the task's tokens, with its defaults but for bf16 and gradient_checkpointing, which are
# off, and the order, which is the task's. Prints one JSON line. python bench/peers/sft_step.py TASK.json
import json
import os
import sys
import tempfile
import time

with open(sys.argv[1]) as file:
    task = json.load(file)
os.environ["OMP_NUM_THREADS"] = str(task["threads"])  # before torch is loaded
os.environ["HF_HUB_OFFLINE"] = "1"

import datasets
import peft
import torch
import transformers
import trl

datasets.disable_progress_bars()
torch.set_num_threads(task["threads"])
start = time.perf_counter()
model = transformers.AutoModelForCausalLM.from_pretrained(task["model"], dtype=torch.float32)
model = peft.PeftModel.from_pretrained(model, task["adapter"], is_trainable=True)
tokenizer = transformers.AutoTokenizer.from_pretrained(task["model"])
labels = [[i if s else -100 for i, s in zip(ids, mask)] for ids, mask in zip(task["rows"], task["supervised"])]
dataset = datasets.Dataset.from_dict({"input_ids": task["rows"], "labels": labels})

ends, losses, samples, places = [], [], [], 0


class Clock(transformers.TrainerCallback):
    def on_train_begin(self, *_, **__):
        ends.append(time.perf_counter())

    def on_step_end(self, *_, **__):
        ends.append(time.perf_counter())


def observe(_, __, kwargs, outputs):
    """Keeps what the training forward computed anyway: each sample's mean −log p over its targets."""
    global places
    with torch.no_grad():
        mask = outputs.label_mask
        samples.append((-(outputs.log_probs * mask).sum(-1) / mask.sum(-1)).tolist())
        losses.append((-(outputs.log_probs * mask).sum() / mask.sum()).item())
    places += kwargs["input_ids"].numel()


arguments = trl.SFTConfig(
    output_dir=tempfile.mkdtemp(),
    bf16=False,
    gradient_checkpointing=False,
    max_steps=task["warmup"] + task["steps"],
    per_device_train_batch_size=task["batch"],
    learning_rate=3e-4,
    train_sampling_strategy="sequential",
    save_strategy="no",
    report_to="none",
    disable_tqdm=True,
)
trainer = trl.SFTTrainer(model=model, args=arguments, train_dataset=dataset, processing_class=tokenizer, callbacks=[Clock()])
trainer.model.register_forward_hook(observe, with_kwargs=True)
start_seconds = time.perf_counter() - start
trainer.train()

with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
seconds = [b - a for a, b in zip(ends, ends[1:])]
versions = {"trl": trl.__version__, "torch": torch.__version__, "transformers": transformers.__version__,
            "peft": peft.__version__, "torch_cpu": torch.backends.cpu.get_cpu_capability()}
print("\n" + json.dumps({"seconds": seconds[task["warmup"]:], "losses": losses, "samples": samples, "peakBytes": peak,
                         "startSeconds": start_seconds, "places": places, "versions": versions}))
