"""Makes trained/: adapters that PEFT trained for a few steps on the tiny models of ../transformers/families, with the loss
and each token's negative log-likelihood under them. Run with the peers' Python: python make_trained.py"""
import json, platform, shutil
from importlib.metadata import version
from pathlib import Path
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

families = Path(__file__).parent.parent / "transformers/families"
here = Path(__file__).parent / "trained"
shutil.rmtree(here, ignore_errors=True)
ADAPTERS = {
    "all": ("mistral_full", dict(r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])),
    "rslora": ("mistral_full", dict(r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj"])),
    "bias": ("qwen2_window", dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj", "down_proj"])),
}
out = {}
for name, (family, settings) in ADAPTERS.items():
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(families / family, attn_implementation="eager")
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **settings))
    ids = torch.randint(2, 40, (1, 24))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-2)
    for _ in range(6):
        loss = cross_entropy(model(ids).logits[0, :-1], ids[0, 1:])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    with torch.no_grad():
        nll = cross_entropy(model(ids).logits[0, :-1].double(), ids[0, 1:], reduction="none")
    model.save_pretrained(here / name)
    (here / name / "README.md").unlink()
    config = json.loads((here / name / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = family  # not a path of this machine
    (here / name / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    out[name] = {"family": family, "ids": ids[0].tolist(), "nll": nll.tolist(), "perplexity": nll.mean().exp().item()}
text = {"made_by": "tests/parity/peft/make_trained.py",
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ["torch", "transformers", "peft"]}}, "adapters": out}
(here / "reference.json").write_text(json.dumps(text) + "\n")
