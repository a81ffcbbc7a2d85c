# The same loss once more, in float64 and by hand: Llama with LoRA from the tensors of the files, one sequence at a time,
# no transformers, no PEFT. It tells how far float32 results may lie from the truth.
import torch


def rms_norm(x, w, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * w


def rotate(x, theta):  # [heads, n, size]
    n, size = x.shape[-2:]
    frequency = theta ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angle = torch.arange(n, dtype=torch.float64)[:, None] * frequency
    a, b = x[..., : size // 2], x[..., size // 2 :]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


class PlainLlama:
    """`weights` by Hugging Face's names, `adapter` by PEFT's, both float64."""

    def __init__(self, config, weights, adapter, scaling):
        self.config, self.weights, self.adapter, self.scaling = config, weights, adapter, scaling

    def linear(self, x, name):
        y = x @ self.weights[f"{name}.weight"].T
        a = self.adapter.get(f"base_model.model.{name}.lora_A.weight")
        if a is None:
            return y
        return y + self.scaling * (x @ a.T @ self.adapter[f"base_model.model.{name}.lora_B.weight"].T)

    def attention(self, x, at):
        c, n = self.config, x.shape[0]
        split = lambda y, heads: y.reshape(n, heads, -1).transpose(0, 1)
        q = rotate(split(self.linear(x, f"{at}.q_proj"), c["num_attention_heads"]), c["rope_theta"])
        k = rotate(split(self.linear(x, f"{at}.k_proj"), c["num_key_value_heads"]), c["rope_theta"])
        v = split(self.linear(x, f"{at}.v_proj"), c["num_key_value_heads"])
        group = c["num_attention_heads"] // c["num_key_value_heads"]
        k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
        scores = q @ k.transpose(1, 2) / k.shape[-1] ** 0.5
        future = torch.ones(n, n, dtype=torch.bool).triu(1)
        mixed = scores.masked_fill(future, float("-inf")).softmax(-1) @ v
        return self.linear(mixed.transpose(0, 1).reshape(n, -1), f"{at}.o_proj")

    def log_probabilities(self, ids):
        """[n, vocabulary]"""
        c, w = self.config, self.weights
        x = w["model.embed_tokens.weight"][ids]
        for layer in range(c["num_hidden_layers"]):
            at = f"model.layers.{layer}"
            x = x + self.attention(rms_norm(x, w[f"{at}.input_layernorm.weight"], c["rms_norm_eps"]), f"{at}.self_attn")
            h = rms_norm(x, w[f"{at}.post_attention_layernorm.weight"], c["rms_norm_eps"])
            gate = self.linear(h, f"{at}.mlp.gate_proj")
            x = x + self.linear(gate * gate.sigmoid() * self.linear(h, f"{at}.mlp.up_proj"), f"{at}.mlp.down_proj")
        x = rms_norm(x, w["model.norm.weight"], c["rms_norm_eps"])
        head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
        return (x @ head.T).log_softmax(-1)

    def sample_loss(self, ids, targets, s):
        """The mean over the targets of −Σ p log q with p = 1 − s on the target and s/(K−1) on every other class."""
        at = torch.tensor(targets)
        log_q = self.log_probabilities(torch.tensor(ids))[at - 1]
        hit = log_q.gather(1, torch.tensor(ids)[at][:, None])[:, 0]
        other = log_q.sum(-1) - hit
        return -((1 - s) * hit + s / (log_q.shape[1] - 1) * other).mean()
