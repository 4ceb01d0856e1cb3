"""
What TRL's own trainers of preferences do with a model in a folder: `python preferences.py MODEL PAIRS.json OUT.json`, called by
scripts/preferences.ts. PAIRS has "pairs" (prompt, chosen and rejected token ids; an empty answer is none) and "runs" (settings by
name). OUT is a golden file for tests/numeric/preferenceGolden.ts: losses, gradient norms and margins by step as the trainer has
them, log-probabilities of the answers before and after. Every step has all rows in one batch, in float32.
"""

import json
import os
import sys
import tempfile

os.environ |= {"HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true", "TRL_EXPERIMENTAL_SILENCE": "1"}

import torch
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

MODEL, PAIRS, OUT = sys.argv[1:]
given = json.load(open(PAIRS))
tokenizer = AutoTokenizer.from_pretrained(MODEL)
tokenizer.pad_token_id = tokenizer.pad_token_id or tokenizer.eos_token_id


def load():
    return AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)


@torch.no_grad()
def log_probability(model, prompt, answer):
    if not answer:
        return None
    row = torch.tensor([prompt + answer])
    logarithms = model(row).logits[0, :-1].float().log_softmax(-1)
    return logarithms[len(prompt) - 1 :].gather(-1, torch.tensor(answer)[:, None]).sum().item()


def log_probabilities(model):
    return [[log_probability(model, row["prompt"], row[side]) for side in ("chosen", "rejected")] for row in given["pairs"]]


class AsGiven:
    """Takes rows that are token ids already."""

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset

    def tokenize_row(self, row, *_, **__):
        features = {"prompt_input_ids": row["prompt"], "prompt_attention_mask": [1] * len(row["prompt"])}
        for side in ("chosen", "rejected"):
            ids = row["prompt"] + row[side]
            features |= {
                f"{side}_input_ids": ids,
                f"{side}_attention_mask": [1] * len(ids),
                f"{side}_labels": [-100] * len(row["prompt"]) + row[side],
            }
        return features

    def compute_loss(self, *args, **kwargs):
        loss = super().compute_loss(*args, **kwargs)
        self.losses.append((loss[0] if isinstance(loss, tuple) else loss).item())
        return loss


class AnswersOnly:
    """ORPO whose likelihood is that of the chosen answer, mean by pair, as in the paper; TRL's is also that of the prompt."""

    def concatenated_forward(self, *args):
        found = super().concatenated_forward(*args)
        return (*found[:4], -found[0].mean(), *found[5:])


class Watch(TrainerCallback):
    def __init__(self):
        self.norms, self.logs, self.first = [], [], {}

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        self.first = self.first or {name: g.norm().item() for name, g in gradients.items()}
        self.norms.append(torch.sqrt(sum(g.double().pow(2).sum() for g in gradients.values())).item())

    def on_log(self, args, state, control, logs=None, **_):
        self.logs.append(logs)


def unpaired():
    """KTO's rows, last first: its mismatched answer is that of the row before, Hone's that of the row after."""
    rows = [
        {"prompt_ids": row["prompt"], "completion_ids": row[side], "label": side == "chosen"}
        for row in given["pairs"]
        for side in ("chosen", "rejected")
        if row[side]
    ][::-1]
    for before, row in zip([rows[-1], *rows[:-1]], rows):
        row["KL_completion_ids"] = before["completion_ids"]
    return rows


def trainer_of(kind, run, common, watch):
    pairs = [row for row in given["pairs"] if row["chosen"] and row["rejected"]]
    plain = {"model": load(), "processing_class": tokenizer, "callbacks": [watch]}
    ids = [{"prompt_ids": p["prompt"], "chosen_ids": p["chosen"], "rejected_ids": p["rejected"]} for p in pairs]
    if kind in ("dpo", "ipo"):
        args = trl.DPOConfig(**common, loss_type="sigmoid" if kind == "dpo" else "ipo", beta=run["beta"])
        own = type("Own", (AsGiven, trl.DPOTrainer), {})
        return own(**plain, ref_model=load(), args=args, train_dataset=Dataset.from_list(ids))
    if kind == "kto":
        args = trl.KTOConfig(**common, beta=run["beta"], train_sampling_strategy="sequential")
        own = type("Own", (AsGiven, trl.KTOTrainer), {})
        return own(**plain, ref_model=load(), args=args, train_dataset=Dataset.from_list(unpaired()))
    if kind == "simpo":
        args = CPOConfig(**common, loss_type="simpo", cpo_alpha=0.0, beta=run["beta"], simpo_gamma=run["gamma"])
        own = type("Own", (AsGiven, CPOTrainer), {})
    else:
        args = ORPOConfig(**common, beta=run["beta"])
        own = type("Own", (AsGiven, AnswersOnly, ORPOTrainer), {})
    args.remove_unused_columns = False
    return own(**plain, args=args, train_dataset=Dataset.from_list(pairs))


def train(run):
    kind = run["kind"]
    count = len(given["pairs"])
    with tempfile.TemporaryDirectory() as folder:
        common = dict(
            output_dir=folder, per_device_train_batch_size=count, gradient_accumulation_steps=1, max_steps=run["steps"],
            learning_rate=run["lr"], lr_scheduler_type="constant", warmup_steps=0, weight_decay=run["weight_decay"],
            max_grad_norm=0.0, adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8, logging_steps=1, report_to=[],
            save_strategy="no", use_cpu=True, bf16=False, gradient_checkpointing=False, disable_tqdm=True, seed=1,
        )
        watch = Watch()
        trainer = trainer_of(kind, run, common, watch)
        trainer.losses = []
        trainer.train()
    model = trainer.model
    logs = [entry for entry in watch.logs if "loss" in entry]
    comparable = kind in ("dpo", "kto")
    return {
        "settings": run, "losses": trainer.losses, "grad_norms": watch.norms,
        "margins": [[entry["rewards/margins"] if kind == "dpo" else 0.0] for entry in logs] if comparable else None,
        "accuracies": [entry.get("rewards/accuracies", 0.0) for entry in logs] if comparable else None,
        "step1_grad_l2": watch.first, "final_logps": log_probabilities(model),
        "final_param_l2": {name: p.norm().item() for name, p in model.named_parameters()},
    }


result = {"pairs": given["pairs"], "reference_logps": log_probabilities(load())}
result |= {name: train(run) for name, run in given["runs"].items()}
json.dump(result, open(OUT, "w"))
