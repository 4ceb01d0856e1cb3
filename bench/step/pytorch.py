"""
The step in PyTorch, eager, on all cores of the processor. `pytorch.py FOLDER` answers once before it loads PyTorch, so that
the memory of plain Python can be measured. After that each line of JSON on stdin is a request, and a line of JSON on stdout
is its answer. FOLDER contains problem.json and weights.bin from torch.ts.
"""

import json
import os
import sys
import time

folder = sys.argv[1]


def answer(value):
    print(json.dumps(value), flush=True)


def build():
    """Loads PyTorch and the problem; returns the functions that requests name."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(os.cpu_count() or 1)
    with open(os.path.join(folder, "problem.json")) as file:
        problem = json.load(file)
    config, optimizer, lora = problem["config"], problem["optimizer"], problem["lora"]
    rows, length = problem["rows"], problem["length"]
    heads, key_heads, size = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]
    epsilon = config["rms_norm_eps"]

    weights = {}
    with open(os.path.join(folder, "weights.bin"), "rb") as file:
        for spec in problem["parameters"]:
            count = 1
            for dimension in spec["shape"]:
                count *= dimension
            values = torch.frombuffer(bytearray(file.read(4 * count)), dtype=torch.float32)
            weights[spec["name"]] = values.reshape(spec["shape"]).requires_grad_(spec["trainable"])
    trained = [weights[spec["name"]] for spec in problem["parameters"] if spec["trainable"]]

    ids = torch.tensor(problem["batch"]["inputIds"])
    index = torch.tensor(problem["batch"]["supervisedIndex"])
    targets = torch.tensor(problem["batch"]["targets"])
    loss_weights = torch.tensor(problem["batch"]["lossWeights"])
    angles = torch.outer(torch.arange(length, dtype=torch.float64), torch.tensor(problem["frequencies"], dtype=torch.float64))
    cos, sin = angles.cos().float(), angles.sin().float()

    def linear(name, x):
        base = F.linear(x, weights[f"{name}.weight"])
        low = weights.get(f"{name}.lora_A.weight")
        if low is None:
            return base
        return base + lora["alpha"] / lora["rank"] * F.linear(F.linear(x, low), weights[f"{name}.lora_B.weight"])

    def norm(name, x):
        return F.rms_norm(x, (x.shape[-1],), weights[f"{name}.weight"], epsilon)

    def split(x, count):
        return x.view(rows, length, count, size).transpose(1, 2)

    def rotate(x):
        first, second = x.chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)

    def loss_of():
        x = F.embedding(ids, weights["model.embed_tokens.weight"])
        for layer in range(config["num_hidden_layers"]):
            at = f"model.layers.{layer}"
            normal = norm(f"{at}.input_layernorm", x)
            queries = rotate(split(linear(f"{at}.self_attn.q_proj", normal), heads))
            keys = rotate(split(linear(f"{at}.self_attn.k_proj", normal), key_heads))
            values = split(linear(f"{at}.self_attn.v_proj", normal), key_heads)
            mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=heads != key_heads)
            x = x + linear(f"{at}.self_attn.o_proj", mixed.transpose(1, 2).reshape(rows * length, heads * size))
            post = norm(f"{at}.post_attention_layernorm", x)
            x = x + linear(f"{at}.mlp.down_proj", F.silu(linear(f"{at}.mlp.gate_proj", post)) * linear(f"{at}.mlp.up_proj", post))
        logits = F.linear(norm("model.norm", x[index]), weights["model.embed_tokens.weight"])
        return (F.cross_entropy(logits, targets, reduction="none") * loss_weights).sum() / max(problem["denominator"], 1)

    adamw = torch.optim.AdamW(
        trained,
        lr=optimizer["learningRate"],
        betas=(optimizer["beta1"], optimizer["beta2"]),
        eps=optimizer["epsilon"],
        weight_decay=optimizer["weightDecay"],
        fused=True,
    )

    def step():
        adamw.zero_grad(set_to_none=True)
        loss = loss_of()
        loss.backward()
        gradient_norm = torch.nn.utils.clip_grad_norm_(trained, optimizer["maxGradNorm"])
        adamw.step()
        return {"loss": loss.item(), "gradientNorm": gradient_norm.item()}

    def steps(count):
        milliseconds = []
        for _ in range(count):
            began = time.perf_counter()
            result = step()
            milliseconds.append(1000 * (time.perf_counter() - began))
        return {**result, "milliseconds": milliseconds}

    def matrix_peak(n, count, tries):
        left, right = torch.randn(n, n), torch.randn(n, n) / n**0.5

        def run():
            began = time.perf_counter()
            product = left
            for _ in range(count):
                product = product @ right
            product[0, 0].item()
            return time.perf_counter() - began

        run()
        return 2 * n**3 * count / min(run() for _ in range(tries)) / 1e9

    return {"version": torch.__version__, "step": step, "steps": steps, "matrixPeak": matrix_peak}


answer({"ready": True})
calls = None
for line in sys.stdin:
    request = json.loads(line)
    try:
        if calls is None:
            calls = build()
        if request["name"] == "open":
            answer({"value": {**calls["step"](), "version": calls["version"]}})
        else:
            answer({"value": calls[request["name"]](**request["arguments"])})
    except Exception as error:  # The command reports the error, as for every engine.
        answer({"failure": f"{type(error).__name__}: {error}"})
