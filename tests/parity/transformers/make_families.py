"""Makes families/: tiny random models of each architecture and feature that we run, with transformers' logits and greedy
answers. One is saved in shards too. Run with the peers' Python: python make_families.py"""
import json, platform, shutil
from importlib.metadata import version
from pathlib import Path
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

SIZE = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=128, bos_token_id=0, eos_token_id=1, initializer_range=0.35)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 1000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
MODELS = {
    "mistral_window": (MistralForCausalLM, MistralConfig(**SIZE, sliding_window=7, head_dim=8)),
    "mistral_full": (MistralForCausalLM, MistralConfig(**SIZE, sliding_window=None)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**SIZE, tie_word_embeddings=True)),
    "qwen2_window": (Qwen2ForCausalLM, Qwen2Config(**SIZE, use_sliding_window=True, sliding_window=5, max_window_layers=1)),
    "llama_bias": (LlamaForCausalLM, LlamaConfig(**SIZE, attention_bias=True)),
    "llama3_rope": (LlamaForCausalLM, LlamaConfig(**SIZE, rope_parameters=LLAMA3)),
    "linear_rope": (LlamaForCausalLM, LlamaConfig(**SIZE, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5})),
}
here = Path(__file__).parent / "families"
shutil.rmtree(here, ignore_errors=True)
out = {}
for name, (kind, config) in MODELS.items():
    torch.manual_seed(len(name))
    config._attn_implementation = "eager"
    model = kind(config).eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith("bias"): parameter.normal_(0, 0.5)  # they start as zeros
    model.save_pretrained(here / name)
    if name == "qwen2_window":
        model.save_pretrained(here / f"{name}_shards", max_shard_size="6KB")
        for extra in ["config.json", "generation_config.json"]: (here / f"{name}_shards" / extra).unlink()
    (here / name / "generation_config.json").unlink()
    ids = torch.randint(2, 40, (1, 30))
    with torch.no_grad():
        logits = model(ids).logits[0].double()
        model.generation_config.eos_token_id = None
        greedy = model.generate(ids[:, :9], attention_mask=torch.ones(1, 9, dtype=torch.long), do_sample=False, max_new_tokens=40, pad_token_id=0)[0, 9:]
    out[name] = {"ids": ids[0].tolist(), "logits": [[round(x, 6) for x in row] for row in logits.tolist()], "greedy": greedy.tolist()}
text = {"made_by": "tests/parity/transformers/make_families.py",
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ["torch", "transformers"]}}, "models": out}
(here / "reference.json").write_text(json.dumps(text) + "\n")
