"""What PyTorch's gradient clipping and transformers' schedules compute on small inputs. Run in .venv-peers:
python tests/parity/torch/make.py. Our tests read the stored output, reference.json."""
import json
from pathlib import Path

import torch
import transformers
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup


def clipped(grads, limit):
    """Gradients of two parameters after clip_grad_norm_, and the norm it returns."""
    params = [torch.nn.Parameter(torch.zeros(len(g))) for g in grads]
    for p, g in zip(params, grads):
        p.grad = torch.tensor(g, dtype=torch.float32)
    norm = torch.nn.utils.clip_grad_norm_(params, limit)
    return {"grads": grads, "limit": limit, "norm": norm.item(), "clipped": [p.grad.tolist() for p in params]}


def rates(make, warmup, total):
    """The learning rates of steps 0 … total − 1 at a peak of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer, num_warmup_steps=warmup, num_training_steps=total)
    seen = []
    for _ in range(total):
        seen.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return {"warmup": warmup, "total": total, "rates": seen}


cases = [([[3.0, 0.0], [4.0]], 1.0), ([[3.0, 0.0], [4.0]], 6.0), ([[3.0, 0.0], [4.0]], 5.0), ([[1e-4, -2e-4], [5e-5]], 1e-4),
         ([[120.5, -7.25], [0.125]], 0.5)]
out = {
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    "clip": [clipped(*case) for case in cases],
    "linear": [rates(get_linear_schedule_with_warmup, w, t) for w, t in [(0, 5), (3, 10), (4, 40)]],
    "cosine": [rates(get_cosine_schedule_with_warmup, w, t) for w, t in [(0, 5), (3, 10), (4, 40)]],
}
Path(__file__).with_name("reference.json").write_text(json.dumps(out, indent=1) + "\n")
