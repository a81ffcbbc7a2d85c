# Writes reference.json: what PyTorch + transformers + PEFT compute on our own dialogues (CPU, float32, eager attention).
# Run once by hand, after `deno task peers`, on the default model's folder in the cache:
#   .venv-peers/bin/python tests/parity/peft/make_reference.py <folder of the converted model>
#   deno fmt tests/parity/peft/reference.json
import hashlib
import json
import math
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from common import CONTEXT, DIALOGUES, digits, encode, load_dialogues, render, start_adapter, truncated_linear
from plain_llama import PlainLlama

MEAN, CEILING, BATCH = 0.25, 0.99, 4
STEPS = {"sft": 2, "ual": 4, "ual_all_projections": 1}  # the eight dialogues in order, over and over
SETTINGS = {"lr": 3e-4, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}
PAIR = {"r": 8, "alpha": 16, "targets": ["q_proj", "v_proj"], "bound_a": 2**-5, "bound_b": 0}
ALL = {"r": 4, "alpha": 16, "bound_a": 2**-5, "bound_b": 2**-9,
       "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}
PROMPTS = ["What is the capital of Italy?", "Name three things that float on water."]


def adapted(model_dir, lora):
    """The model with the start adapter, ready to train; and the adapter."""
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="eager")
    config = LoraConfig(r=lora["r"], lora_alpha=lora["alpha"], lora_dropout=0, target_modules=lora["targets"],
                        task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    order = {p: i for i, p in enumerate(ALL["targets"])}

    def place(name):  # base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight
        parts = name.split(".")
        return int(parts[4]), order[parts[6]], parts[7]

    state = get_peft_model_state_dict(model)
    shapes = {name: tuple(state[name].shape) for name in sorted(state, key=place)}
    start = {k: torch.from_numpy(v) for k, v in start_adapter(shapes, lora["bound_a"], lora["bound_b"]).items()}
    set_peft_model_state_dict(model, start)
    return model.train(), start


def batch_losses(model, batch, smoothing):
    """Each sample's loss and negative log-likelihood, means over its targets. From the float32 logits on in float64:
    PyTorch's float32 log_softmax over 49,152 classes is off by 2e-5 where the processor has only AVX2."""
    longest, K = max(len(e["ids"]) for e in batch), model.config.vocab_size
    ids = torch.full((len(batch), longest), 2)
    mask = torch.zeros_like(ids)
    for row, e in enumerate(batch):
        ids[row, : len(e["ids"])] = torch.tensor(e["ids"])
        mask[row, : len(e["ids"])] = 1
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    losses, nlls = [], []
    for row, (e, s) in enumerate(zip(batch, smoothing)):
        at = torch.tensor(e["targets"])
        z, y = logits[row, at - 1].double(), ids[row, at]
        losses.append(cross_entropy(z, y, label_smoothing=s * K / (K - 1)))  # their ε counts the target's class too
        nlls.append(cross_entropy(z, y).item())
    return torch.stack(losses), nlls


def norm(tensors):
    return math.sqrt(sum(t.detach().double().square().sum().item() for t in tensors))


def looked_at(grads, lora):
    """The first values and the norm of a few gradients: the first projection's B, each of the last layer's A and B."""
    last = [n for n in grads if f".layers.29." in n]
    names = [n for n in grads if f".layers.0.self_attn.{lora['targets'][0]}.lora_B" in n] + last
    return {n: {"first": grads[n].flatten()[:8].tolist(), "norm": norm([grads[n]])} for n in names}


def train(model_dir, lora, examples, smoothing, steps):
    model, _ = adapted(model_dir, lora)
    named = {n.replace(".default.", "."): p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(named.values(), lr=SETTINGS["lr"], betas=SETTINGS["betas"], eps=SETTINGS["eps"],
                                  weight_decay=SETTINGS["weight_decay"])
    rows = []
    for step in range(steps):
        at = [(step * BATCH + i) % len(examples) for i in range(BATCH)]
        losses, nlls = batch_losses(model, [examples[i] for i in at], [smoothing[i] for i in at])
        optimizer.zero_grad()
        losses.mean().backward()
        grads = {n: p.grad.clone() for n, p in named.items()}
        optimizer.step()
        rows.append({
            "samples": [DIALOGUES[i] for i in at],
            "loss": losses.mean().item(), "sample_loss": losses.tolist(), "sample_nll": nlls,
            "grad_norm": norm(grads.values()),
            "a_norm": norm(p for n, p in named.items() if ".lora_A." in n),
            "b_norm": norm(p for n, p in named.items() if ".lora_B." in n),
            **({"grads": looked_at(grads, lora)} if step < 2 else {}),
        })
        print(f"step {step + 1}: {rows[-1]['loss']:.6f}", file=sys.stderr)
    return rows


def in_float64(model_dir, lora, start, examples, smoothing):
    """Step 1's loss and gradient norm by plain_llama.py."""
    config = json.loads((Path(model_dir) / "config.json").read_text())
    weights = {k: v.double() for k, v in load_file(Path(model_dir) / "model.safetensors").items()}
    adapter = {k: v.double().requires_grad_() for k, v in start.items()}
    model = PlainLlama(config, weights, adapter, lora["alpha"] / lora["r"])
    losses = []
    for e, s in zip(examples[:BATCH], smoothing):
        loss = model.sample_loss(e["ids"], e["targets"], s)
        (loss / BATCH).backward()  # one after the other: less memory
        losses.append(loss.item())
    return {"loss": sum(losses) / BATCH, "sample_loss": losses, "grad_norm": norm(p.grad for p in adapter.values())}


@torch.no_grad()
def of_base(model_dir, example):
    """The base model alone: each token's negative log-likelihood in one dialogue, and greedy answers."""
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.tensor(example["ids"])
    nll = cross_entropy(model(ids[None]).logits[0, :-1].double(), ids[1:], reduction="none").tolist()
    tokenizer = Tokenizer.from_file(str(Path(model_dir) / "tokenizer.json"))
    greedy = []
    for prompt in PROMPTS:
        text, _ = render([{"role": "user", "content": prompt}], generate=True)
        start = torch.tensor([tokenizer.encode(text, add_special_tokens=False).ids])
        out = model.generate(start, max_new_tokens=24, do_sample=False, eos_token_id=2, pad_token_id=2,
                             attention_mask=torch.ones_like(start))[0, start.shape[1]:].tolist()
        greedy.append({"prompt": prompt, "ids": out, "text": tokenizer.decode(out, skip_special_tokens=False)})
    return {"token_nll": {"id": example["id"], "nll": nll}, "greedy": greedy}


def main(model_dir):
    torch.manual_seed(0)
    dialogues = load_dialogues()
    examples = [encode(model_dir, d) for d in dialogues]
    ratings = [d["uncertainty"] for d in dialogues]
    s = truncated_linear(ratings, MEAN, CEILING)
    runs = {}
    for name, lora, smoothing in [("sft", PAIR, [0.0] * 8), ("ual", PAIR, s), ("ual_all_projections", ALL, s)]:
        steps = train(model_dir, lora, examples, smoothing, STEPS[name])
        _, start = adapted(model_dir, lora)
        digest = hashlib.sha256(b"".join(t.numpy().tobytes() for t in start.values())).hexdigest()
        runs[name] = {"lora": lora, "start_sha256": digest, "steps": steps,
                      "step1_float64": in_float64(model_dir, lora, start, examples, smoothing)}
    packages = ["torch", "transformers", "peft", "tokenizers", "safetensors", "numpy"]
    source = json.loads((Path(model_dir) / "source.json").read_text())
    out = {
        "made_by": "tests/parity/peft/make_reference.py",
        "versions": {"python": platform.python_version(), **{p: version(p) for p in packages},
                     "cpu_capability": torch.backends.cpu.get_cpu_capability()},
        "gguf_sha256": source["sha256"],
        "settings": {"context": CONTEXT, "batch": BATCH, "optimizer": SETTINGS, "mean": MEAN, "ceiling": CEILING},
        "examples": [{**e, "rating": u, "s": x} for e, u, x in zip(examples, ratings, s)],
        "base": of_base(model_dir, examples[5]),
        "runs": runs,
    }
    path = Path(__file__).with_name("reference.json")
    text = json.dumps(digits(out), indent=2, ensure_ascii=False)
    text = re.sub(r"\[[^\[\]{}\"]*\]", lambda m: " ".join(m[0].split()), text)  # a list of numbers on one line
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_reference.py <folder of the converted model>")
    main(sys.argv[1])
