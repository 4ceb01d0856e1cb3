"""Opens exports of Hone in PEFT and transformers: logits and greedy ids of each.

In, on stdin: a JSON list of { "base": folder or null, "folder": folder, "row": ids, "tokens": n, "logits": file }. With a base
the folder has an adapter of PEFT, else a whole model. Out: a JSON list of { "ids": greedy ids, "merged": largest difference
between the adapter's logits and those of PEFT's own merge, or null } or { "error": text }. The logits of the whole row, float32,
row-major, are written to the file.
"""

import json
import sys
import warnings

import torch
import transformers
from peft import PeftModel

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)


def whole(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )
    return model.eval()


def opened(case):
    if case["base"] is None:
        return whole(case["folder"])
    with warnings.catch_warnings():
        # PEFT only warns of keys that it does not find, or corrects.
        warnings.simplefilter("error")
        return PeftModel.from_pretrained(whole(case["base"]), case["folder"]).eval()


def logits_of(model, row):
    return model(input_ids=torch.tensor([row]), use_cache=False).logits[0]


def result(case):
    row = list(case["row"])
    model = opened(case)
    logits = logits_of(model, row)
    logits.float().numpy().tofile(case["logits"])
    ids = []
    for _ in range(case["tokens"]):
        ids.append(int(logits_of(model, row + ids)[-1].argmax()))
    merged = None
    if case["base"] is not None:
        merged = float((logits_of(model.merge_and_unload(), row) - logits).abs().max())
    return {"ids": ids, "merged": merged}


def guarded(case):
    try:
        with torch.no_grad():
            return result(case)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


json.dump([guarded(case) for case in json.load(sys.stdin)], sys.stdout)
