"""
Makes golden.json: what transformers and PyTorch compute in float64 for a small model of each config in configs.json, so that
the engine is measured against other programs. A development tool; the tests only read its results.

    pip install torch transformers
    python tests/golden/families/make.py
    npx biome format --write tests/golden/families

Made with transformers 5.18 and torch 2.13. Weights follow a formula (`weight`), so no file holds them; the test repeats it.
LoRA: y + (alpha / r) * B(Ax) on every linear layer but the head, A[i, j] = 0.05 * sin(1 + i * in + j), B = 0.
"""

import json
import math
import tempfile
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

FOLDER = Path(__file__).parent
STEPS, PROMPT, NEW = 3, 5, 16
FULL = {"lr": 1e-3, "weight_decay": 0.03, "max_grad_norm": 0.7, "steps": STEPS}
LORA = {"r": 3, "alpha": 7, "lr": 2e-3, "weight_decay": 0.01, "max_grad_norm": 1.0, "steps": STEPS}


def weight(shape, index):
    """Numbers of the tensor at `index` in the order of names: near 1 for vectors, wide enough for matrices to matter."""
    size = math.prod(shape)
    wave = torch.sin(torch.arange(size, dtype=torch.float64) * (1.3 + 0.01 * index) + index)
    values = 0.8 + 0.3 * wave if len(shape) == 1 else wave * (1.6 / math.sqrt(shape[-1]))
    return values.reshape(shape).to(torch.float32)


def batch_of(vocabulary):
    """Three rows padded with 0; the first tokens are not supervised. Longer than every window and original context."""
    ids, labels, loss_weights = [], [], []
    for row, tokens in enumerate((22, 17, 11)):
        line = [1] + [3 + (7 * row + 11 * t + t * t) % (vocabulary - 3) for t in range(tokens - 1)]
        supervised = [3 + row <= t + 1 < tokens for t in range(22)]
        line += [0] * (22 - tokens)
        ids.append(line)
        labels.append([line[t + 1] if on else -100 for t, on in enumerate(supervised)])
        loss_weights.append([(0.5 if t % 5 == 0 else 1) if on else 0 for t, on in enumerate(supervised)])
    return {"ids": ids, "labels": labels, "loss_weights": loss_weights}


def add_lora(model):
    """Hooks that add an adapter to each linear layer; its parameters in order: A and B of each."""
    pairs = {}
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for name, module in model.named_modules():
        if not isinstance(module, (torch.nn.Linear, Conv1D)) or name == "lm_head":
            continue
        width, out = module.weight.shape if isinstance(module, Conv1D) else module.weight.shape[::-1]
        rank = LORA["r"]
        start = [[0.05 * math.sin(1 + i * width + j) for j in range(width)] for i in range(rank)]
        down = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        up = torch.zeros(out, rank, dtype=torch.float64, requires_grad=True)
        scale = LORA["alpha"] / rank

        def hook(_module, inputs, output, down=down, up=up):
            return output + scale * (inputs[0] @ down.T) @ up.T

        module.register_forward_hook(hook)
        pairs |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    return pairs


def trajectory(folder, settings, batch, lora):
    model = load(folder)
    parameters = add_lora(model) if lora else dict(model.named_parameters())
    ids, labels = torch.tensor(batch["ids"]), torch.tensor(batch["labels"])
    weights = torch.tensor(batch["loss_weights"], dtype=torch.float64) * (labels != -100)

    def loss():
        logs = torch.log_softmax(model(input_ids=ids).logits, -1)
        losses = -logs.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
        return (losses * weights).sum() / weights.sum()

    optimizer = torch.optim.AdamW(
        parameters.values(), lr=settings["lr"], betas=(0.9, 0.999), eps=1e-8, weight_decay=settings["weight_decay"]
    )
    result = {"losses": [], "grad_norms": []}
    for step in range(settings["steps"]):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        gradients = [parameter.grad for parameter in parameters.values()]
        if step == 0:
            result["step1_grad_l2"] = [gradient.norm().item() for gradient in gradients]
        norm = math.sqrt(sum((gradient**2).sum().item() for gradient in gradients))
        for gradient in gradients:
            gradient.mul_(min(1.0, settings["max_grad_norm"] / (norm + 1e-6)))
        optimizer.step()
        result["losses"].append(value.item())
        result["grad_norms"].append(norm)
    with torch.no_grad():
        result["final_loss"] = loss().item()
    result["final_param_l2"] = [parameter.detach().norm().item() for parameter in parameters.values()]
    return {"settings": settings, "names": list(parameters), **rounded(result)}


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.9g}")


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return model.double().eval()


def make(config, folder):
    (folder / "config.json").write_text(json.dumps(config))
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    model.save_pretrained(folder)  # writes the names that files have
    file = str(folder / "model.safetensors")
    with safe_open(file, "pt") as opened:
        shapes = {name: list(opened.get_slice(name).get_shape()) for name in sorted(opened.keys())}
    save_file({name: weight(shape, i) for i, (name, shape) in enumerate(shapes.items())}, file, {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    batch = batch_of(config["vocab_size"])
    ids = batch["ids"][0][:PROMPT]
    model = load(folder)
    with torch.no_grad():
        for _ in range(NEW):
            ids = ids + [int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())]
    return {
        "tensors": shapes,
        "batch": batch,
        "full": trajectory(folder, FULL, batch, False),
        "lora": trajectory(folder, LORA, batch, True),
        "greedy_once_upon_a_time": ids,
    }


configs = json.loads((FOLDER / "configs.json").read_text())
golden = {}
for name, config in configs.items():
    with tempfile.TemporaryDirectory() as folder:
        golden[name] = make(config, Path(folder))
    print(name, golden[name]["full"]["losses"], flush=True)
(FOLDER / "golden.json").write_text(json.dumps(golden))
