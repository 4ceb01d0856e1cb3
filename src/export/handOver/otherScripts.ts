/** The zip's scripts for LLaMA-Factory's dataset and for Unsloth. */

import type { HandOverFacts } from "./facts.ts";
import { unslothModel, unslothTraining } from "./unsloth.ts";
import { toPython } from "./values.ts";

/** Writes the rows as LLaMA-Factory loads them from `tokenized_path`. */
export const prepareScript = `"""Writes the rows of each stage as datasets for LLaMA-Factory's tokenized_path: python llamafactory/prepare.py"""

import sys
from pathlib import Path

from datasets import Dataset, DatasetDict

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root))
from check_batch import read_lines  # noqa: E402

for stage in sorted(root.glob("stage-*")):
    splits = {}
    for split in ("train", "validation"):
        path = stage / "tokens" / f"{split}.jsonl"
        if path.exists():
            rows = read_lines(path)
            columns = ("input_ids", "attention_mask", "labels")
            splits[split] = Dataset.from_list([{name: row[name] for name in columns} for row in rows])
    target = root / "llamafactory" / "tokens" / stage.name
    DatasetDict(splits).save_to_disk(str(target))
    print(f"{target}: {', '.join(f'{name} {len(rows)} rows' for name, rows in splits.items())}")
`;

export function unslothScript(facts: HandOverFacts): string {
  const stages = Object.fromEntries(
    facts.stages.map((stage) => [
      String(stage.nth),
      {
        model: unslothModel(facts, stage),
        training: unslothTraining(facts, stage),
        validation: stage.heldOut > 0,
      },
    ]),
  );
  return `"""Continues a run of Hone in Unsloth, on one GPU: python unsloth/train.py --stage 1"""

# Unsloth has to be imported before the libraries that it changes.
from unsloth import FastLanguageModel  # isort: skip

import argparse
import os
import shutil
import sys
from pathlib import Path

import torch
from datasets import Dataset
from torch.utils.data import SequentialSampler
from transformers import DataCollatorForSeq2Seq, EarlyStoppingCallback
from trl import SFTConfig, SFTTrainer

root = Path(__file__).resolve().parent.parent
os.chdir(root)
sys.path.insert(0, str(root))
from check_batch import read_lines  # noqa: E402

STAGES = ${toPython(stages)}

PATIENCE = ${toPython(facts.recipe.patience)}


class InOrder(SFTTrainer):
    """Takes the rows as they stand in the file, which has the order of Hone's first epoch."""

    def _get_train_sampler(self, *args, **kwargs):
        return SequentialSampler(self.train_dataset)


def load_rows(stage, split):
    rows = read_lines(root / f"stage-{stage}" / "tokens" / f"{split}.jsonl")
    columns = ("input_ids", "attention_mask", "labels")
    return Dataset.from_list([{name: row[name] for name in columns} for row in rows])


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--stage", default="1", choices=list(STAGES))
given = parser.parse_args()
settings = STAGES[given.stage]

options = dict(settings["model"])
options["dtype"] = getattr(torch, options["dtype"])
model, tokenizer = FastLanguageModel.from_pretrained(**options)
trainer = InOrder(
    model=model,
    args=SFTConfig(**settings["training"]),
    train_dataset=load_rows(given.stage, "train"),
    eval_dataset=load_rows(given.stage, "validation") if settings["validation"] else None,
    processing_class=tokenizer,
    data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=-100),
    callbacks=[EarlyStoppingCallback(PATIENCE)] if PATIENCE is not None and settings["validation"] else [],
)
trainer.train()
trainer.save_model()
# Names the run of Hone, so that Hone opens these weights beside it.
if (root / "hone.json").exists():
    shutil.copy(root / "hone.json", trainer.args.output_dir)
`;
}
