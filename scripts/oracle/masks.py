"""Token ids and assistant masks as TRL prepares them.

Reads a JSON list of {"folder", "template", "rows": [{"messages", "tools"}]} from standard input; without a template a row is
{"text"}, and its ids are those of the tokenizer with its own special tokens, without a mask. Writes a JSON list of lists of
{"ids", "mask", "starts", "ends"} or {"error"}; offsets count UTF-16 units of the rendered text. TRL's SFTTrainer with
`assistant_only_loss` calls `apply_chat_template` with these arguments and turns the mask into labels.
"""

import datetime
import json
import sys

from transformers import AutoTokenizer


def units(text):
    """UTF-16 units before each character, and in all."""
    total = [0]
    for character in text:
        total.append(total[-1] + (2 if ord(character) > 0xFFFF else 1))
    return total


def prepare(tokenize, template, row):
    shared = {
        "chat_template": template,
        "tools": row["tools"],
        "strftime_now": lambda form: datetime.datetime(2024, 7, 26).strftime(form),
    }
    try:
        out = tokenize(
            row["messages"],
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            tokenizer_kwargs={"return_offsets_mapping": True},
            **shared,
        )
        before = units(tokenize(row["messages"], tokenize=False, **shared))
        return {
            "ids": out["input_ids"],
            "mask": out["assistant_masks"],
            "starts": [before[start] for start, _ in out["offset_mapping"]],
            "ends": [before[end] for _, end in out["offset_mapping"]],
        }
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error)[:200]}"}


def encode(tokenizer, text):
    out = tokenizer(text, return_offsets_mapping=True)
    before = units(text)
    places = out["offset_mapping"]
    return {
        "ids": out["input_ids"],
        "starts": [before[start] for start, _ in places],
        "ends": [before[end] for _, end in places],
    }


def run(job):
    tokenizer = AutoTokenizer.from_pretrained(job["folder"])
    if job["template"] is None:
        return [encode(tokenizer, row["text"]) for row in job["rows"]]
    return [prepare(tokenizer.apply_chat_template, job["template"], row) for row in job["rows"]]


json.dump([run(job) for job in json.load(sys.stdin)], sys.stdout)
