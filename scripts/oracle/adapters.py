"""Writes adapters with PEFT, and what PEFT computes with them; or trains an adapter or a whole model for two steps.

In, on stdin: a JSON list of { "base": folder, "out": folder, "row": ids, "lora": arguments of LoraConfig, "dtype", "keys", "whole" }
as in adapterCases.ts, or of { "base", "out", "row", "train": folder of an adapter, null for the whole model }. Out: a JSON list of { "logits": float64 logits
(tokens, V) of the row, in a list } or { "error": text }. The adapter's matrices get seeded normal numbers.
"""

import json
import os
import sys
import warnings

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

transformers.logging.set_verbosity_error()
warnings.simplefilter("ignore")
torch.set_num_threads(1)

DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, None: torch.float32}


def base_of(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )


def renamed(key, how):
    if how == "compiled":
        return "_orig_mod." + key
    if how == "fsdp":
        return key.replace("base_model.model.", "base_model.model._fsdp_wrapped_module.", 1).replace(
            ".self_attn.", "._fsdp_wrapped_module._checkpoint_wrapped_module.self_attn."
        )
    if how == "state dict":
        return key.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default.")
    return key.replace("base_model.model.", "") if how == "without prefix" else key


def written(case):
    dtype = DTYPES[case.get("dtype")]
    torch.manual_seed(7)
    model = get_peft_model(base_of(case["base"]), LoraConfig(task_type="CAUSAL_LM", **case["lora"]))
    model.peft_config["default"].base_model_name_or_path = "owner/base"
    random = torch.Generator().manual_seed(5)
    changed = [name[:-1] for name in case.get("whole", [])]
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            numbers = 0.3 * torch.randn(parameter.shape, generator=random)
            parameter.data = numbers.to(dtype).to(torch.float32)
        elif any(part in name for part in changed):
            parameter.data += 0.1
    model.save_pretrained(case["out"], save_embedding_layers=False)
    path = os.path.join(case["out"], "adapter_model.safetensors")
    tensors = {
        renamed(key, case.get("keys")): value.to(dtype) if ".lora_" in key else value
        for key, value in load_file(path).items()
    }
    save_file(tensors, path, {"format": "pt"})
    return logits_of(model.double(), case["row"])


def trained(case):
    model = base_of(case["base"])
    if case["train"] is not None:
        model = PeftModel.from_pretrained(model, case["train"], is_trainable=True)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    row = torch.tensor([case["row"]])
    for _ in range(2):
        optimizer.zero_grad()
        model(input_ids=row, labels=row).loss.backward()
        optimizer.step()
    model.save_pretrained(case["out"])
    return logits_of(model.double(), case["row"])


def logits_of(model, row):
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([row]), use_cache=False).logits[0].tolist()


def guarded(case):
    try:
        return {"logits": trained(case) if "train" in case else written(case)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


json.dump([guarded(case) for case in json.load(sys.stdin)], sys.stdout)
