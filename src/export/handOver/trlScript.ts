/** The zip's script that trains with TRL in Hone's own order, at Hone's own rates. */

import { type ConfigValue, toPython } from "./values.ts";

export const trlScript = (
  settings: ConfigValue,
): string => `"""Continues a run of Hone in TRL: accelerate launch --config_file trl/accelerate/one_gpu.yaml trl/train.py --stage 1

Trains on the rows of stage-N in the order and in the micro-batches of Hone's run. Each step divides its loss by all its
supervised tokens, as Hone does. The rate is Hone's at every step, and weight decay applies to every trained tensor.

--stage N      the stage; a later stage goes on from the folder that the stage before it wrote
--from-step K  goes on from the checkpoint in the zip, which Hone saved after K steps; AdamW's moments start anew
--start PATH   begins with the weights of another folder, such as the result of the run
--steps N      stops after N steps
--base PATH    another folder or id of the base model
--check        compares the first batch with Hone's, and ends: exit 1 where tokens or masks differ
--losses FILE  writes the exact loss of each step as JSON
"""

import argparse
import json
import math
import os
import shutil
import sys
from pathlib import Path

import torch
import yaml
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, EarlyStoppingCallback
from trl import SFTConfig, SFTTrainer

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root))
from check_batch import digest, read_lines, show  # noqa: E402

SETTINGS = ${toPython(settings)}

BLANK = -1


class Rows(torch.utils.data.Dataset):
    """The prepared rows; BLANK is a row without a label, which fills up a short step."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, number):
        row = self.rows[max(number, 0)]
        size = len(row["input_ids"])
        labels = [-100] * size if number == BLANK else row["labels"]
        given = {"input_ids": row["input_ids"], "labels": labels}
        if "weights" in row:
            given["weights"] = [0.0] * size if number == BLANK else row["weights"]
        return given


class Order:
    """Hone's micro-batches of one process: every step has the same number of them."""

    def __init__(self, steps, each, rank, world):
        self.steps, self.each, self.rank, self.world = steps, each, rank, world

    def __len__(self):
        return len(self.steps) * self.each

    def __iter__(self):
        for step in self.steps:
            for number in range(self.rank, self.each * self.world, self.world):
                yield step[number] if number < len(step) else [BLANK]


class HoneTrainer(SFTTrainer):
    """SFTTrainer with Hone's order, rates and weight decay."""

    def __init__(self, *args, order, stage, first, **kwargs):
        self.order, self.stage, self.first = order, stage, first
        self.losses = []
        super().__init__(*args, **kwargs)

    def get_train_dataloader(self):
        each = self.args.gradient_accumulation_steps
        order = Order(self.order, each, self.args.process_index, self.args.world_size)
        return DataLoader(Rows(self.train_dataset), batch_sampler=order, collate_fn=self.collate)

    def collate(self, rows):
        batch = self.data_collator([{key: row[key] for key in ("input_ids", "labels")} for row in rows])
        if "weights" in rows[0]:
            width = batch["labels"].shape[1]
            batch["weights"] = torch.tensor([row["weights"] + [0.0] * (width - len(row["weights"])) for row in rows])
        return batch

    def _get_num_items_in_batch(self, batch_samples, device):
        if not batch_samples or "weights" not in batch_samples[0]:
            return super()._get_num_items_in_batch(batch_samples, device)
        total = sum(batch["weights"][:, 1:].sum() for batch in batch_samples).to(device)
        return self.accelerator.gather(total).sum()

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Hone's loss where tokens have weights: the sum of w * CE, over the sum of w of the whole step."""
        weights = inputs.pop("weights", None)
        if weights is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs.pop("labels")
        outputs = model(**inputs, use_cache=False)
        each = torch.nn.functional.cross_entropy(
            outputs.logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=-100, reduction="none"
        )
        # Processes average their gradients.
        loss = (each * weights[:, 1:].flatten()).sum() / num_items_in_batch * self.args.world_size
        return (loss, outputs) if return_outputs else loss

    def create_scheduler(self, num_training_steps, optimizer=None):
        steps, kind = self.stage["steps"], self.stage["schedule"]
        warmup = math.ceil(self.stage["warmup_ratio"] * steps)

        def factor(done):
            step = min(done + self.first + 1, steps)
            if step <= warmup:
                return step / (warmup + 1)
            progress = (step - 1 - warmup) / (steps - warmup)
            return {"cosine": (1 + math.cos(math.pi * progress)) / 2, "linear": 1 - progress, "constant": 1.0}[kind]

        if self.lr_scheduler is None:
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, factor)
        return self.lr_scheduler

    def get_decay_parameter_names(self, model):
        return [name for name, _ in model.named_parameters()]

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        step = self.state.global_step
        self.losses.extend([0.0] * (step + 1 - len(self.losses)))
        self.losses[step] += float(loss)
        return loss


def load_rows(folder, split, form):
    if form == "messages":
        rows = read_lines(folder / "rows" / f"{split}.jsonl")
        return Dataset.from_list([{"messages": row["messages"]} for row in rows])
    rows = read_lines(folder / "tokens" / f"{split}.jsonl")
    rows = [{"input_ids": row["input_ids"], "labels": row["labels"]} for row in rows]
    weights = folder / "weights" / f"{split}.jsonl"
    if split == "train" and weights.exists():
        rows = [{**row, **weight} for row, weight in zip(rows, read_lines(weights), strict=True)]
    return Dataset.from_list(rows)


def use_tokens_where_others(trainer, folder, validates):
    """Rows that this tokenizer writes otherwise than Hone are replaced by Hone's tokens, all of a split at once."""
    for split in ("train", "validation") if validates else ("train",):
        given = load_rows(folder, split, "tokens")
        name = "train_dataset" if split == "train" else "eval_dataset"
        if digest(getattr(trainer, name)) == digest(given):
            continue
        print(f"{folder.name}, {split}: transformers tokenises these rows otherwise than Hone. Training takes Hone's tokens.")
        setattr(trainer, name, given)


def load_model(base, revision, start):
    """The base with Hone's dropout, which is none, and the adapter to go on from."""
    options = {} if revision is None else {"revision": revision}
    full = SETTINGS["method"] == "full"
    weights = str(start) if full and start else base
    options = {} if weights != base else options
    config = AutoConfig.from_pretrained(weights, **options)
    for name in SETTINGS["dropouts"]:
        setattr(config, name, 0.0)
    model = AutoModelForCausalLM.from_pretrained(
        weights,
        config=config,
        dtype=getattr(torch, SETTINGS["dtype"]),
        attn_implementation=SETTINGS["attn_implementation"],
        **options,
    )
    if full:
        return model
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(start), is_trainable=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", type=int, default=1)
    parser.add_argument("--from-step", type=int, default=0)
    parser.add_argument("--start")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--base", default=SETTINGS["base"])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--losses")
    given = parser.parse_args()

    stages = {stage["nth"]: stage for stage in SETTINGS["stages"]}
    stage = stages[given.stage]
    before = sum(one["steps"] for one in SETTINGS["stages"] if one["nth"] < given.stage)
    first = given.from_step - before if given.from_step else 0
    if not 0 <= first < stage["steps"]:
        sys.exit(f"Step {given.from_step} is not in stage {given.stage}: its steps are {before} to {before + stage['steps']}.")
    folder = root / f"stage-{given.stage}"
    with open(root / "trl" / f"stage-{given.stage}.yaml", encoding="utf-8") as file:
        options = yaml.safe_load(file)
    for key in ("output_dir", "chat_template_path"):
        options[key] = options[key] and str(root / options[key])
    world = int(os.environ.get("WORLD_SIZE", "1"))
    options["gradient_accumulation_steps"] = math.ceil(options["gradient_accumulation_steps"] / world)
    order = [step["micro_batches"] for step in read_lines(folder / "order.jsonl")][first:][: given.steps]
    options["max_steps"] = len(order)
    args = SFTConfig(**options)

    lora = SETTINGS["method"] == "lora"
    if given.start:
        start = Path(given.start).resolve()
    elif given.from_step:
        start = root / ("adapter" if lora else "model")
    elif given.stage > 1:
        start = root / "out" / "trl" / f"stage-{given.stage - 1}"
    else:
        start = root / "start" if SETTINGS["start"] else None
    revision = SETTINGS["revision"] if given.base == SETTINGS["base"] else None
    tokenizer = AutoTokenizer.from_pretrained(given.base, **({} if revision is None else {"revision": revision}))
    validates = stage["validation"] and args.eval_strategy != "no"
    stopping = SETTINGS["patience"] is not None and validates
    model = load_model(given.base, revision, start)
    # Padding has no label and no attention, but its id needs a row in the embedding.
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= model.get_input_embeddings().num_embeddings:
        tokenizer.pad_token = tokenizer.eos_token
    trainer = HoneTrainer(
        model=model,
        args=args,
        train_dataset=load_rows(folder, "train", stage["form"]),
        eval_dataset=load_rows(folder, "validation", stage["form"]) if validates else None,
        processing_class=tokenizer,
        callbacks=[EarlyStoppingCallback(SETTINGS["patience"])] if stopping else [],
        order=order,
        stage=stage,
        first=first,
    )
    use_tokens_where_others(trainer, folder, validates)
    if given.check:
        batch = [trainer.train_dataset[number] for number in read_lines(folder / "order.jsonl", [0])[0]["micro_batches"][0]]
        expected = json.loads((root / "first_batch.json").read_text(encoding="utf-8"))
        sys.exit(0 if show(digest(batch), expected) else 1)
    trainer.train()
    trainer.save_model()
    # Names the run of Hone, so that Hone opens these weights beside it.
    if (root / "hone.json").exists() and args.process_index == 0:
        shutil.copy(root / "hone.json", args.output_dir)
    if given.losses:
        # Each process has its share of a step, times the number of processes.
        shares = trainer.accelerator.gather(torch.tensor([trainer.losses], device=args.device, dtype=torch.float32))
        if args.process_index == 0:
            Path(given.losses).write_text(json.dumps(shares.mean(0).tolist()))


if __name__ == "__main__":
    main()
`;
