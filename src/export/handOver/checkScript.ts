/** The zip's script that compares the first batch with Hone's, row by row and by hash. */

export const checkScript = String.raw`"""Compares the first batch of training with Hone's: python check_batch.py [--base FOLDER] [--prepared FOLDER]

Prints the SHA-256 of its tokens and of its masks, there (Hone) and here, and exits with 1 where they differ. Without
--prepared the rows are tokenised here, by transformers and the template alone, or read where the zip has them as tokens.
--prepared takes a dataset that a trainer saved (Axolotl's dataset_prepared_path, LLaMA-Factory's tokenized_path).
"""

import argparse
import hashlib
import json
import struct
import sys
from pathlib import Path

here = Path(__file__).resolve().parent


def read_lines(path, wanted=None):
    """The rows of a file of JSON Lines; with wanted only those, in that order."""
    numbers = None if wanted is None else set(wanted)
    rows = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if numbers is None or number in numbers:
                rows[number] = json.loads(line)
    return [rows[number] for number in (rows if wanted is None else wanted)]


def digest(rows):
    """Hashes of rows of {"input_ids", "labels"}: each row as its length and its numbers, int32, little endian."""
    tokens, masks = hashlib.sha256(), hashlib.sha256()
    for row in rows:
        ids, labels = list(row["input_ids"]), list(row["labels"])
        # No token predicts the first one, so its label has no effect.
        mask = [0] + [int(label != -100) for label in labels[1:]]
        tokens.update(struct.pack(f"<{len(ids) + 1}i", len(ids), *ids))
        masks.update(struct.pack(f"<{len(mask) + 1}i", len(mask), *mask))
    return {"tokens": tokens.hexdigest(), "masks": masks.hexdigest()}


def show(found, expected):
    """Prints both hashes; returns whether they are equal."""
    for name in ("tokens", "masks"):
        same = "equal" if found[name] == expected[name] else "DIFFERENT"
        print(f"{name}: Hone {expected[name]}\n{' ' * len(name)}  here {found[name]}  {same}")
    return all(found[name] == expected[name] for name in ("tokens", "masks"))


def tokenised(rows, settings, base):
    """Rows of messages as TRL prepares them, by the template of the zip."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    template = (here / settings["template"]).read_text(encoding="utf-8")
    for row in rows:
        out = tokenizer.apply_chat_template(
            row["messages"],
            chat_template=template,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=settings["assistant_only"],
        )
        ids = list(out["input_ids"])[: settings["max_length"]]
        mask = out["assistant_masks"] if settings["assistant_only"] else [1] * len(ids)
        yield {"input_ids": ids, "labels": [token if bit else -100 for token, bit in zip(ids, mask)]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", help="the base model's folder or id; by default the run's")
    parser.add_argument("--prepared", help="a folder that datasets' save_to_disk wrote")
    args = parser.parse_args()
    settings = json.loads((here / "first_batch.json").read_text(encoding="utf-8"))
    wanted = settings["rows"]
    if args.prepared:
        from datasets import DatasetDict, load_from_disk

        data = load_from_disk(args.prepared)
        data = data["train"] if isinstance(data, DatasetDict) else data
        rows = [data[number] for number in wanted]
    elif settings["form"] == "messages":
        given = read_lines(here / "stage-1/rows/train.jsonl", wanted)
        rows = list(tokenised(given, settings, args.base or settings["base"]))
    else:
        rows = read_lines(here / "stage-1/tokens/train.jsonl", wanted)
    sys.exit(0 if show(digest(rows), settings) else 1)


if __name__ == "__main__":
    main()
`;
