"""
Makes this folder: a Llama of 5328 seeded weights, and golden.json, what PyTorch computes from it in float64.
Nothing here comes from Hone, so the engine is measured against another implementation.

    pip install torch
    python tests/golden/parity/make.py
    npx biome format --write tests/golden/parity

The figures stand for PyTorch 2.13 on a processor; another version moves their last digits. Keep the field names: the
reader is tests/numeric/golden.ts.

Formulas: RMSNorm (Zhang and Sennrich 2019), RoPE in halves (Su et al. 2021), grouped queries (Ainslie et al. 2023),
SwiGLU (Shazeer 2020), LoRA (Hu et al. 2021), AdamW (Loshchilov and Hutter 2019). Loss: sum of w * ce over sum of w.
Weights are uniform and seeded. model.safetensors holds them as bfloat16, and float64 starts from those values.
"""

import json
import math
import random
import struct
from pathlib import Path

import torch

FOLDER = Path(__file__).parent
HIDDEN, INNER, LAYERS, HEADS, KEY_HEADS, VOCABULARY, CONTEXT = 16, 28, 2, 4, 2, 72, 64
SIZE, EPSILON, THETA = HIDDEN // HEADS, 1e-5, 1000.0  # not the defaults, so that config.json must be read
LENGTH, PROMPT, STEPS = 20, 5, 10
BETA1, BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
# The limits of the norm act on some of the ten steps and not on others.
FULL = {"lr": 2e-3, "weight_decay": 0.05, "max_grad_norm": 2.5, "steps": STEPS}
LORA = {"r": 4, "alpha": 6, "lr": 5e-3, "weight_decay": 0.02, "max_grad_norm": 0.4, "steps": STEPS}
# (outputs, inputs) of each linear of a layer
LINEARS = {
    "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (KEY_HEADS * SIZE, HIDDEN),
    "self_attn.v_proj": (KEY_HEADS * SIZE, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER),
}
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": HIDDEN,
    "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": KEY_HEADS, "max_position_embeddings": CONTEXT, "rms_norm_eps": EPSILON,
    "rope_theta": THETA, "tie_word_embeddings": True, "hidden_act": "silu",
}

uniform = random.Random(28).random  # the same numbers in every version of Python


def make_weights():
    """Checkpoint name to bfloat16 tensor. Scaled so that attention and logits are far from uniform."""
    def draw(shape, scale, middle=0.0):
        values = [middle + scale * (2 * uniform() - 1) for _ in range(math.prod(shape))]
        return torch.tensor(values, dtype=torch.float64).reshape(shape).to(torch.bfloat16)

    weights = {"model.embed_tokens.weight": draw((VOCABULARY, HIDDEN), 0.5)}
    for layer in range(LAYERS):
        for name, shape in LINEARS.items():
            weights[f"model.layers.{layer}.{name}.weight"] = draw(shape, 2 / math.sqrt(shape[1]))
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{layer}.{name}.weight"] = draw((HIDDEN,), 0.4, 1.0)
    return weights | {"model.norm.weight": draw((HIDDEN,), 0.4, 1.0)}


def make_batch():
    """Three rows of 20, 16 and 13 tokens, padded with 0 on the right; the prompts' 7, 5 and 9 are not supervised."""
    ids, labels, loss_weights = [], [], []
    for tokens, prompt in ((LENGTH, 7), (16, 5), (13, 9)):
        row = [1] + [3 + int(uniform() * (VOCABULARY - 3)) for _ in range(tokens - 2)] + [2]
        supervised = [prompt <= t + 1 < tokens for t in range(LENGTH)]
        row += [0] * (LENGTH - tokens)
        ids.append(row)
        labels.append([row[t + 1] if on else -100 for t, on in enumerate(supervised)])
        loss_weights.append([(0.5 if t % 5 == 0 else 1) if on else 0 for t, on in enumerate(supervised)])
    return {"ids": ids, "labels": labels, "loss_weights": loss_weights}


def forward(p, ids):
    """Logits (B, T, V) of ids (B, T). `p` has a pair of lora_A and lora_B for a linear, or none."""
    rows, length = ids.shape

    def linear(name, x):
        y = x @ p[f"{name}.weight"].T
        if f"{name}.lora_A.weight" not in p:
            return y
        return y + LORA["alpha"] / LORA["r"] * (x @ p[f"{name}.lora_A.weight"].T) @ p[f"{name}.lora_B.weight"].T

    def norm(name, x):
        return p[f"{name}.weight"] * x / (x.pow(2).mean(-1, keepdim=True) + EPSILON).sqrt()

    frequencies = THETA ** (-torch.arange(0, SIZE, 2, dtype=torch.float64) / SIZE)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies  # (T, D/2)

    def heads(x, count, rotated):  # (B, T, count * D) to (B, count, T, D)
        x = x.reshape(rows, length, count, SIZE).transpose(1, 2)
        if rotated:  # the pair (i, i + D/2) turns by the angle of i
            a, b = x.split(SIZE // 2, -1)
            x = torch.cat((a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()), -1)
        return x if count == HEADS else x.repeat_interleave(HEADS // count, 1)

    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    x = p["model.embed_tokens.weight"][ids]
    for layer in (f"model.layers.{i}" for i in range(LAYERS)):
        h = norm(f"{layer}.input_layernorm", x)
        q = heads(linear(f"{layer}.self_attn.q_proj", h), HEADS, True)
        k = heads(linear(f"{layer}.self_attn.k_proj", h), KEY_HEADS, True)
        v = heads(linear(f"{layer}.self_attn.v_proj", h), KEY_HEADS, False)
        scores = (q @ k.transpose(-1, -2) / math.sqrt(SIZE)).masked_fill(future, -math.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(rows, length, HIDDEN)
        x = x + linear(f"{layer}.self_attn.o_proj", mixed)
        h = norm(f"{layer}.post_attention_layernorm", x)
        gate = linear(f"{layer}.mlp.gate_proj", h)
        x = x + linear(f"{layer}.mlp.down_proj", gate * gate.sigmoid() * linear(f"{layer}.mlp.up_proj", h))
    return norm("model.norm", x) @ p["model.embed_tokens.weight"].T


def loss_of(p, batch):
    labels, weights = torch.tensor(batch["labels"]), torch.tensor(batch["loss_weights"], dtype=torch.float64)
    logarithms = forward(p, torch.tensor(batch["ids"])).log_softmax(-1)
    chosen = logarithms.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return -(weights * chosen).sum() / weights.sum()


def train(frozen, start, batch, settings):
    """AdamW with bias correction, decoupled decay on every trained tensor, gradients clipped by their global norm."""
    p = {name: value.clone().requires_grad_() for name, value in start.items()}
    first, second = ({name: torch.zeros_like(value) for name, value in start.items()} for _ in range(2))
    losses, norms, initial = [], [], {}
    for step in range(1, settings["steps"] + 1):
        loss = loss_of(frozen | p, batch)
        gradients = dict(zip(p, torch.autograd.grad(loss, list(p.values()))))
        initial = initial or gradients
        norms.append(math.sqrt(sum(g.pow(2).sum().item() for g in gradients.values())))
        losses.append(loss.item())
        factor = min(1.0, settings["max_grad_norm"] / (norms[-1] + 1e-6))
        with torch.no_grad():
            for name, value in p.items():
                g = factor * gradients[name]
                first[name] = BETA1 * first[name] + (1 - BETA1) * g
                second[name] = BETA2 * second[name] + (1 - BETA2) * g * g
                mean, square = first[name] / (1 - BETA1**step), second[name] / (1 - BETA2**step)
                value *= 1 - settings["lr"] * settings["weight_decay"]
                value -= settings["lr"] * mean / (square.sqrt() + ADAM_EPSILON)
    return {
        "settings": settings, "losses": losses, "grad_norms": norms,
        "step1_grad_l2": {name: g.norm().item() for name, g in initial.items()},
        "step1_grad_first4": {name: g.flatten()[:4].tolist() for name, g in initial.items()},
        "final_loss": loss_of(frozen | p, batch).item(),
        "final_param_l2": {name: value.norm().item() for name, value in p.items()},
    }


def adapter():
    """A[i, j] = 0.05 * sin(1 + i * inputs + j), B = 0, on every linear of the layers."""
    pairs = {}
    for layer in range(LAYERS):
        for name, (outputs, inputs) in LINEARS.items():
            a = 0.05 * torch.sin(1 + torch.arange(LORA["r"] * inputs, dtype=torch.float64))
            pairs[f"model.layers.{layer}.{name}.lora_A.weight"] = a.reshape(LORA["r"], inputs)
            pairs[f"model.layers.{layer}.{name}.lora_B.weight"] = torch.zeros(outputs, LORA["r"], dtype=torch.float64)
    return pairs


def greedy(p, ids, count):
    """`count` ids after `ids`, and the least lead of a chosen logit: rounding must not choose."""
    leads = []
    for _ in range(count):
        best = forward(p, torch.tensor([ids]))[0, -1].topk(2)
        leads.append((best.values[0] - best.values[1]).item())
        ids = [*ids, best.indices[0].item()]
    return ids, min(leads)


def write_model(weights):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, value in weights.items():
        end = at + 2 * value.numel()
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(bytes(value.flatten().view(torch.uint8).tolist()) for value in weights.values())
    (FOLDER / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    write_json("config.json", CONFIG)
    vocabulary = {chr(48 + i): i for i in range(VOCABULARY)}  # a model must have a tokenizer; parity uses ids alone
    write_json("tokenizer.json", {"model": {"type": "BPE", "vocab": vocabulary, "merges": []}})


def write_json(name, value):
    (FOLDER / name).write_text(json.dumps(value) + "\n")


if __name__ == "__main__":
    weights, batch = make_weights(), make_batch()
    write_model(weights)
    base = {name: value.double() for name, value in weights.items()}
    ids, lead = greedy(base, batch["ids"][0][:PROMPT], 24)
    assert lead > 0.01, f"the greedy choice leads by {lead} only: take another seed"
    write_json("golden.json", {
        "batch": batch, "full": train({}, base, batch, FULL), "lora": train(base, adapter(), batch, LORA),
        "greedy_once_upon_a_time": ids, "greedy_least_margin": lead,
    })
