"""
Makes preferences.json: preference training of the Llama in this folder, in float64 by PyTorch's own gradients.
Nothing here comes from Hone.

    pip install torch
    python tests/golden/parity/preferences.py
    npx biome format --write tests/golden/parity

Formulas: DPO (Rafailov et al. 2023) with TRL's label smoothing, IPO (Azar et al. 2023) and SimPO (Meng et al. 2024) and ORPO (Hong
et al. 2024) from means over tokens, KTO (Ethayarajh et al. 2024), whose z is the mean log-ratio of each prompt with the first
answer of the next row, not below 0 and without a gradient. The reader is tests/numeric/preferenceGolden.ts.
"""

import math

import make
import torch
from torch.nn.functional import logsigmoid

uniform = make.random.Random(19).random
ids = lambda count: [3 + int(uniform() * (make.VOCABULARY - 3)) for _ in range(count)]
# Prompt, chosen and rejected tokens; the last two rows have one answer, which only KTO takes.
LENGTHS = ((5, 6, 9), (7, 4, 4), (4, 8, 3), (6, 5, 5), (5, 4, 0), (6, 0, 7))
ROWS = [
    {"prompt": [1, *ids(p - 1)], "chosen": [*ids(c - 1), 2] if c else [], "rejected": [*ids(r - 1), 2] if r else []}
    for p, c, r in LENGTHS
]
PAIRS = [row for row in ROWS if row["chosen"] and row["rejected"]]

FULL = {"r": None, "alpha": None, "weight_decay": 0.0, "max_grad_norm": 1.0, "label_smoothing": 0.0, "gamma": None, "steps": 5}
LORA = FULL | {"r": 3, "alpha": 9, "weight_decay": 0.01, "steps": 6}
RUNS = {
    "dpo_lora": LORA | {"kind": "dpo", "beta": 0.3, "lr": 4e-3},
    "dpo_full": FULL | {"kind": "dpo", "beta": 0.15, "label_smoothing": 0.05, "lr": 5e-4},
    "ipo_full": FULL | {"kind": "ipo", "beta": 0.4, "lr": 5e-4},
    "simpo_full": FULL | {"kind": "simpo", "beta": 2.5, "gamma": 1.4, "lr": 5e-4},
    "orpo_full": FULL | {"kind": "orpo", "beta": 0.2, "lr": 5e-4},
    "orpo_lora": LORA | {"kind": "orpo", "beta": 0.7, "r": 2, "alpha": 2, "lr": 4e-3},
    "kto_lora": LORA | {"kind": "kto", "beta": 0.5, "lr": 1e-2},
    "kto_full": FULL | {"kind": "kto", "beta": 0.8, "lr": 2e-3},
}


def score(p, prompt, answer):
    """Sum of log pi over the answer."""
    row = torch.tensor([prompt + answer])
    logarithms = make.forward(p, row[:, :-1]).log_softmax(-1)
    return logarithms[0, len(prompt) - 1 :].gather(-1, torch.tensor(answer)[:, None]).sum()


def scores(p, rows):
    """Of each row: chosen, rejected and mismatched; None where there is none."""
    following = [*rows[1:], rows[0]]
    return [
        (
            *(score(p, row["prompt"], row[side]) if row[side] else None for side in ("chosen", "rejected")),
            score(p, row["prompt"], after["chosen"] or after["rejected"]),
        )
        for row, after in zip(rows, following)
    ]


def reward(run, row, side, now, before):
    """The reward of an answer, whose difference in a pair is its margin."""
    at = ("chosen", "rejected").index(side)
    value = now[at] if run["kind"] in ("simpo", "orpo") else now[at] - before[at]
    return run["beta"] * (value / len(row[side]) if run["kind"] in ("ipo", "simpo", "orpo") else value)


def loss_of(run, rows, now, before):
    kind, beta, smoothing = run["kind"], run["beta"], run["label_smoothing"]
    losses = []
    if kind == "kto":
        mismatched = [a[2].detach() - b[2] for a, b in zip(now, before)]
        z = max(sum(mismatched) / len(mismatched), torch.tensor(0.0, dtype=torch.float64))
        for row, a, b in zip(rows, now, before):
            if row["chosen"]:
                losses.append(1 - torch.sigmoid(beta * (a[0] - b[0] - z)))
            if row["rejected"]:
                losses.append(1 - torch.sigmoid(beta * (z - (a[1] - b[1]))))
        return torch.stack(losses).mean()
    for row, a, b in zip(rows, now, before):
        x = reward(run, row, "chosen", a, b) - reward(run, row, "rejected", a, b)
        if kind == "dpo":
            losses.append(-(1 - smoothing) * logsigmoid(x) - smoothing * logsigmoid(-x))
        elif kind == "ipo":
            losses.append((x / beta - 1 / (2 * beta)) ** 2)
        elif kind == "simpo":
            losses.append(-logsigmoid(x - run["gamma"]))
        else:
            chosen, rejected = (a[i] / len(row[side]) for i, side in enumerate(("chosen", "rejected")))
            odds = chosen - rejected - torch.log1p(-chosen.exp()) + torch.log1p(-rejected.exp())
            losses.append(-chosen - beta * logsigmoid(odds))
    return torch.stack(losses).mean()


def train(base, run):
    rows = ROWS if run["kind"] == "kto" else PAIRS
    frozen, start = {}, base
    if run["r"] is not None:
        make.LORA = {"r": run["r"], "alpha": run["alpha"]}
        frozen, start = base, make.adapter()
    p = {name: value.clone().requires_grad_() for name, value in start.items()}
    with torch.no_grad():
        before = scores(frozen | p, rows)
    first, second = ({name: torch.zeros_like(value) for name, value in start.items()} for _ in range(2))
    losses, norms, margins, accuracies, initial = [], [], [], [], {}
    for step in range(1, run["steps"] + 1):
        now = scores(frozen | p, rows)
        loss = loss_of(run, rows, now, before)
        gradients = dict(zip(p, torch.autograd.grad(loss, list(p.values()))))
        initial = initial or gradients
        norms.append(math.sqrt(sum(g.pow(2).sum().item() for g in gradients.values())))
        losses.append(loss.item())
        margins.append([
            (reward(run, row, "chosen", a, b) - reward(run, row, "rejected", a, b)).item()
            for row, a, b in zip(rows, now, before)
            if row["chosen"] and row["rejected"]
        ])
        accuracies.append(sum(margin > 0 for margin in margins[-1]) / len(margins[-1]))
        factor = min(1.0, run["max_grad_norm"] / (norms[-1] + 1e-6))
        with torch.no_grad():
            for name, value in p.items():
                g = factor * gradients[name]
                first[name] = make.BETA1 * first[name] + (1 - make.BETA1) * g
                second[name] = make.BETA2 * second[name] + (1 - make.BETA2) * g * g
                mean, square = first[name] / (1 - make.BETA1**step), second[name] / (1 - make.BETA2**step)
                value *= 1 - run["lr"] * run["weight_decay"]
                value -= run["lr"] * mean / (square.sqrt() + make.ADAM_EPSILON)
    with torch.no_grad():
        final = scores(frozen | p, rows)
    plain = lambda triples: [[x if x is None else x.item() for x in triple[:2]] for triple in triples]
    return {
        "settings": run, "losses": losses, "grad_norms": norms, "margins": margins, "accuracies": accuracies,
        "step1_grad_l2": {name: g.norm().item() for name, g in initial.items()},
        "final_logps": plain(final), "final_param_l2": {name: value.norm().item() for name, value in p.items()},
    }, plain(before)


if __name__ == "__main__":
    base = {name: value.double() for name, value in make.make_weights().items()}
    trained = {name: train(base, run) for name, run in RUNS.items()}
    _, reference = trained["kto_lora"]
    make.write_json(
        "preferences.json",
        {"pairs": ROWS, "reference_logps": reference} | {name: found for name, (found, _) in trained.items()},
    )
