"""Logits of models as transformers opens them, with its eager attention: the others leave out soft caps.

Reads a JSON list of {"folder", "ids"} from standard input. Writes a line of JSON for each: {"tied", "saved", "missing",
"unexpected"} with the logits of every position as float32 in the folder's logits.bin, or {"error"}. A job without "ids" asks only whether
transformers can create a model of this config.
"""

import json
import os
import sys
import tempfile

import numpy
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()
# Libraries print as well: only the answers belong in standard output.
answers, sys.stdout = sys.stdout, sys.stderr


def tied(model):
    head = model.get_output_embeddings()
    return head is not None and head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()


def saved(config):
    """The text of config.json that transformers writes today."""
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        with open(os.path.join(folder, "config.json")) as file:
            return file.read()


def names(found):
    return sorted(name if isinstance(name, str) else name[0] for name in found)


def run(job):
    folder = job["folder"]
    try:
        if job.get("ids") is None:
            config = AutoConfig.from_pretrained(folder)
            with torch.device("meta"):
                AutoModelForCausalLM.from_config(config)
            return {}
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
        with torch.no_grad():
            logits = model.eval()(torch.tensor([job["ids"]]), use_cache=False).logits[0]
        numpy.asarray(logits, dtype="<f4").tofile(os.path.join(folder, "logits.bin"))
        return {
            "tied": tied(model),
            "saved": saved(model.config),
            "missing": names(info["missing_keys"]),
            "unexpected": names(info["unexpected_keys"]) + names(info["mismatched_keys"]),
        }
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}


for job in json.load(sys.stdin):
    print(json.dumps(run(job)), file=answers, flush=True)
