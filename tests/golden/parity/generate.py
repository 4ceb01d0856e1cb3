"""Makes this folder's model and what PyTorch computes from it in float64: the oracle of tests/numeric/parity.test.ts.

Run in an environment with torch and safetensors: `python generate.py`. Nothing of Hone needs it; the files that it
writes are kept. Plain PyTorch, no model library: RMSNorm, RoPE in Hugging Face's half-rotation layout with Llama 3's
scaling, grouped queries, biases on the attention's projections, SiLU-gated MLP, a head of its own.

loss = sum(w * ce) / sum(w) over the batch. AdamW with bias correction and decoupled weight decay on every trained tensor;
gradients clipped by their global norm, factor max_norm / (norm + 1e-6), at most 1. The same batch at every step.
LoRA: y = x W^T + (alpha / r) (x A^T) B^T on every *_proj, A[i, j] = 0.05 sin(1 + i * in_features + j), B = 0.
"""

import json
import math

import torch
from safetensors.torch import save_file

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    },
    "attention_bias": True,
    "tie_word_embeddings": False,
}
HEADS, KV = CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"]
SIZE = CONFIG["hidden_size"] // HEADS
LAYERS = range(CONFIG["num_hidden_layers"])


def make_weights():
    generator = torch.Generator().manual_seed(20261130)
    d, inner, vocab = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["vocab_size"]
    shapes = {"model.embed_tokens.weight": (vocab, d)}
    for layer in LAYERS:
        at = f"model.layers.{layer}."
        shapes[at + "input_layernorm.weight"] = (d,)
        for name, heads in (("q_proj", HEADS), ("k_proj", KV), ("v_proj", KV)):
            shapes[at + f"self_attn.{name}.weight"] = (heads * SIZE, d)
            shapes[at + f"self_attn.{name}.bias"] = (heads * SIZE,)
        shapes[at + "self_attn.o_proj.weight"] = (d, HEADS * SIZE)
        shapes[at + "self_attn.o_proj.bias"] = (d,)
        shapes[at + "post_attention_layernorm.weight"] = (d,)
        shapes[at + "mlp.gate_proj.weight"] = (inner, d)
        shapes[at + "mlp.up_proj.weight"] = (inner, d)
        shapes[at + "mlp.down_proj.weight"] = (d, inner)
    shapes["model.norm.weight"] = (d,)
    shapes["lm_head.weight"] = (vocab, d)
    weights = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        weights[name] = 1 + 0.1 * noise if "norm" in name else (0.1 if "bias" in name else 0.4) * noise
    return weights


def frequencies():
    scaling = CONFIG["rope_scaling"]
    plain = CONFIG["rope_theta"] ** -(torch.arange(0, SIZE, 2, dtype=torch.float64) / SIZE)
    wavelength = 2 * math.pi / plain
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    original, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    smooth = ((original / wavelength - low) / (high - low)).clamp(0, 1)
    return smooth * plain + (1 - smooth) * plain / factor


def forward(p, ids, lora=None):
    """ids (B, T) to logits (B, T, V); `lora` is (rank, alpha) where `p` holds pairs."""

    def norm(x, name):
        return p[name] * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + CONFIG["rms_norm_eps"])

    def linear(x, name):
        y = x @ p[name + ".weight"].T
        if name + ".bias" in p:
            y = y + p[name + ".bias"]
        if lora is not None:
            rank, alpha = lora
            y = y + alpha / rank * (x @ p[name + ".lora_A.weight"].T) @ p[name + ".lora_B.weight"].T
        return y

    b, t = ids.shape
    angle = torch.arange(t, dtype=torch.float64)[:, None] * frequencies()
    cos, sin = torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()

    def rotate(x):
        half = SIZE // 2
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin

    hidden = p["model.embed_tokens.weight"][ids]
    future = torch.ones(t, t, dtype=torch.bool).triu(1)
    for layer in LAYERS:
        at = f"model.layers.{layer}."
        x = norm(hidden, at + "input_layernorm.weight")
        q, k, v = (
            linear(x, at + f"self_attn.{name}").view(b, t, heads, SIZE).transpose(1, 2)
            for name, heads in (("q_proj", HEADS), ("k_proj", KV), ("v_proj", KV))
        )
        q, k = rotate(q), rotate(k)
        k, v = (part.repeat_interleave(HEADS // KV, 1) for part in (k, v))
        scores = (q @ k.transpose(-1, -2) / math.sqrt(SIZE)).masked_fill(future, -math.inf)
        context = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, HEADS * SIZE)
        hidden = hidden + linear(context, at + "self_attn.o_proj")
        x = norm(hidden, at + "post_attention_layernorm.weight")
        gate = torch.nn.functional.silu(linear(x, at + "mlp.gate_proj"))
        hidden = hidden + linear(gate * linear(x, at + "mlp.up_proj"), at + "mlp.down_proj")
    return norm(hidden, "model.norm.weight") @ p["lm_head.weight"].T


def make_batch():
    generator = torch.Generator().manual_seed(7)
    length = 12
    ids, labels, weights = [], [], []
    # Row after row: tokens, tokens of the prompt, weight of the answer's tokens.
    for tokens, prompt, weight in ((12, 4, 1.0), (9, 3, 0.5), (7, 2, 2.0)):
        row = torch.randint(1, CONFIG["vocab_size"], (tokens + 1,), generator=generator).tolist()
        supervised = [t >= prompt for t in range(tokens)]
        ids.append(row[:tokens] + [0] * (length - tokens))
        labels.append([row[t + 1] if supervised[t] else -100 for t in range(tokens)] + [-100] * (length - tokens))
        weights.append([weight if s else 0.0 for s in supervised] + [0.0] * (length - tokens))
    return {"ids": ids, "labels": labels, "loss_weights": weights}


def train(base, batch, settings, lora=None):
    ids, labels = torch.tensor(batch["ids"]), torch.tensor(batch["labels"])
    w = torch.tensor(batch["loss_weights"], dtype=torch.float64)
    p = {name: value.double().clone() for name, value in base.items()}
    if lora is None:
        trained = list(p)
    else:
        rank, _ = lora
        trained = []
        for name in [name for name in base if name.endswith("_proj.weight")]:
            out, inner = base[name].shape
            stem = name.removesuffix("weight")
            p[stem + "lora_A.weight"] = 0.05 * torch.sin(1 + torch.arange(rank * inner).double()).view(rank, inner)
            p[stem + "lora_B.weight"] = torch.zeros(out, rank, dtype=torch.float64)
            trained += [stem + "lora_A.weight", stem + "lora_B.weight"]
    for name in trained:
        p[name].requires_grad_(True)
    first = {name: torch.zeros_like(p[name]) for name in trained}
    second = {name: torch.zeros_like(p[name]) for name in trained}

    def loss():
        logits = forward(p, ids, lora)
        ce = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.clamp(min=0).flatten(), reduction="none"
        ).view(labels.shape)
        return (w * ce).sum() / w.sum()

    result = {"settings": settings, "losses": [], "grad_norms": [], "step1_grad_l2": {}, "step1_grad_first4": {}}
    for step in range(1, settings["steps"] + 1):
        value = loss()
        gradients = dict(zip(trained, torch.autograd.grad(value, [p[name] for name in trained])))
        norm = math.sqrt(sum(g.pow(2).sum().item() for g in gradients.values()))
        result["losses"].append(value.item())
        result["grad_norms"].append(norm)
        if step == 1:
            for name, g in gradients.items():
                result["step1_grad_l2"][name] = g.norm().item()
                result["step1_grad_first4"][name] = g.flatten()[:4].tolist()
        clip = min(1.0, settings["max_grad_norm"] / (norm + 1e-6))
        with torch.no_grad():
            for name, g in gradients.items():
                g = g * clip
                first[name].mul_(0.9).add_(g, alpha=0.1)
                second[name].mul_(0.999).addcmul_(g, g, value=0.001)
                update = first[name] / (1 - 0.9**step) / ((second[name] / (1 - 0.999**step)).sqrt() + 1e-8)
                p[name].mul_(1 - settings["lr"] * settings["weight_decay"]).add_(update, alpha=-settings["lr"])
    result["final_loss"] = loss().item()
    result["final_param_l2"] = {name: p[name].norm().item() for name in trained}
    return result


def greedy(base, start, count):
    p = {name: value.double() for name, value in base.items()}
    ids, margin = list(start), math.inf
    for _ in range(count):
        logits = forward(p, torch.tensor([ids]))[0, -1]
        top = logits.topk(2)
        margin = min(margin, (top.values[0] - top.values[1]).item())
        ids.append(top.indices[0].item())
    return ids, margin


def rounded(value):
    """Twelve figures: far below float32's rounding."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    weights = make_weights()
    batch = make_batch()
    steps = {"weight_decay": 0.1, "max_grad_norm": 1.0, "steps": 10}
    ids, margin = greedy(weights, batch["ids"][0][:5], 24)
    golden = {
        "batch": batch,
        "full": train(weights, batch, {"lr": 5e-3, **steps}),
        "lora": train(weights, batch, {"lr": 1e-2, "r": 4, "alpha": 8.0, **steps}, (4, 8.0)),
        "greedy_once_upon_a_time": ids,
        "greedy_least_margin": margin,
    }
    save_file(weights, "model.safetensors", {"format": "pt"})
    for name, content in (("config.json", CONFIG), ("golden.json", rounded(golden))):
        with open(name, "w") as file:
            json.dump(content, file, indent=1 if name == "config.json" else None)
            file.write("\n")
    print(golden["full"]["losses"], golden["lora"]["losses"], "least margin", margin)
