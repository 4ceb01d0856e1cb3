"""
Makes families.json: a small GGUF file of every architecture that Hone reads, as llama.cpp's converter writes it: its header,
and the SHA-256 of each tensor's bytes. Tensor names come from gguf-py; the order of rows is that of llama.cpp's conversion/.
With `--llama NODE_LLAMA_CPP` each file also runs in llama.cpp, whose greedy ids must equal transformers'. A development tool;
the tests only read its result.

    pip install torch transformers gguf
    python tests/golden/gguf/makeFamilies.py [--llama FOLDER]
    npx biome format --write tests/golden/gguf

Made with gguf 0.19, transformers 5.18, torch 2.13 and node-llama-cpp 3.21.1.
"""

import argparse
import base64
import hashlib
import json
import math
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader, GGUFWriter
from gguf.constants import MODEL_ARCH, MODEL_ARCH_NAMES
from gguf.tensor_mapping import get_tensor_name_map
from transformers import AutoConfig, AutoModelForCausalLM

options = argparse.ArgumentParser()
options.add_argument("--llama")
llama = options.parse_args().llama
folder = Path(__file__).parent
vocabulary = 260
common = {
    "vocab_size": vocabulary,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 257,
    "eos_token_id": 258,
    "pad_token_id": 258,
}
llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
gemma = {"num_hidden_layers": 7, "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 8, "tie_word_embeddings": True}
configs = {
    "llama": {**common, "model_type": "llama", "rope_theta": 10000.0, "tie_word_embeddings": False},
    "llama with biases": {**common, "model_type": "llama", "attention_bias": True, "tie_word_embeddings": True},
    "llama 3.2": {**common, "model_type": "llama", "rope_theta": 500000.0, "rope_scaling": llama3, "tie_word_embeddings": True, "hidden_size": 64},
    "llama, linear": {**common, "model_type": "llama", "rope_scaling": {"rope_type": "linear", "factor": 2.0}, "tie_word_embeddings": False},
    "qwen2": {**common, "model_type": "qwen2", "rope_theta": 1000000.0, "tie_word_embeddings": True},
    "qwen3": {**common, "model_type": "qwen3", "head_dim": 8, "rope_theta": 1000000.0, "tie_word_embeddings": True},
    "gemma2": {**common, **gemma, "model_type": "gemma2", "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    "gemma3": {**common, **gemma, "model_type": "gemma3_text", "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0},
    "smollm3": {**common, "model_type": "smollm3", "num_hidden_layers": 5, "rope_theta": 2000000.0, "no_rope_layer_interval": 4, "use_sliding_window": False, "tie_word_embeddings": True},
    "olmo2": {**common, "model_type": "olmo2", "rope_theta": 500000.0, "tie_word_embeddings": False, "num_key_value_heads": 4},
    "granite": {**common, "model_type": "granite", "embedding_multiplier": 3.5, "attention_multiplier": 0.375, "residual_multiplier": 0.5, "logits_scaling": 2.5, "tie_word_embeddings": True},
    "phi3": {**common, "model_type": "phi3", "original_max_position_embeddings": 64, "sliding_window": None, "tie_word_embeddings": False},
    "gpt2": {"model_type": "gpt2", "vocab_size": vocabulary, "n_embd": 16, "n_head": 4, "n_layer": 2, "n_positions": 64, "n_inner": 64, "bos_token_id": 257, "eos_token_id": 258},
    "gptneox": {"model_type": "gpt_neox", "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "rotary_pct": 0.5, "bos_token_id": 257, "eos_token_id": 258},
}
architectures = {"gemma3_text": "gemma3", "gpt_neox": "gptneox"}


def weight(name, shape, index, is_gemma):
    """Multiples of 2^-12: exact in float32, also with 1 added. The test repeats it."""
    size = math.prod(shape)
    hashed = (np.arange(size, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(index * 40503)) & np.uint64(0xFFFFFFFF)
    steps = (hashed >> np.uint64(16)).astype(np.int64) % 2003 - 1001
    if len(shape) == 1:
        centre = 4096 if name.endswith("weight") and not is_gemma else 0
        return ((centre + steps) / 4096).astype(np.float32).reshape(shape)
    # About 1.6 / sqrt(columns) at most.
    scale = 2.0 ** -round(math.log2(math.sqrt(shape[-1]) / 1.6))
    return (steps / 1024 * scale).astype(np.float32).reshape(shape)


def permute(values, heads):
    """LlamaModel.permute of llama.cpp's conversion/llama.py."""
    return values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def convert(arch, config, state):
    heads = config.get("num_attention_heads", config.get("n_head"))
    names = get_tensor_name_map(MODEL_ARCH[arch.upper()], config.get("num_hidden_layers", config.get("n_layer")))
    tensors = {}
    for name, values in state.items():
        if arch in ("llama", "granite", "smollm3") and ".q_proj." in name:
            values = permute(values, heads)
        if arch in ("llama", "granite", "smollm3") and ".k_proj." in name:
            values = permute(values, config["num_key_value_heads"])
        if arch.startswith("gemma") and name.endswith("norm.weight"):
            values = values + np.float32(1)
        if arch == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            values = values.T
        if arch == "gptneox" and "query_key_value" in name:
            width = values.shape[0] // 3
            parts = values.reshape(heads, 3, width // heads, *values.shape[1:])
            values = np.concatenate([parts[:, i].reshape(width, *values.shape[1:]) for i in range(3)])
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert found, name
        tensors[found] = np.ascontiguousarray(values)
    return tensors


def write_keys(writer, arch, config):
    neox, gpt2 = arch == "gptneox", arch == "gpt2"
    width = config.get("hidden_size", config.get("n_embd"))
    heads = config.get("num_attention_heads", config.get("n_head"))
    writer.add_name("small")
    writer.add_context_length(config.get("max_position_embeddings", config.get("n_positions")))
    writer.add_embedding_length(width)
    writer.add_block_count(config.get("num_hidden_layers", config.get("n_layer")))
    writer.add_feed_forward_length(config.get("intermediate_size", config.get("n_inner")))
    writer.add_head_count(heads)
    if neox or gpt2:
        writer.add_layer_norm_eps(1e-5)
    else:
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    size = config.get("head_dim", width // heads)
    if neox:
        writer.add_rope_dimension_count(int(config["rotary_pct"] * size))
        writer.add_parallel_residual(True)
    elif not gpt2:
        writer.add_rope_dimension_count(size)
        writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
        if "head_dim" in config:
            writer.add_key_length(size)
            writer.add_value_length(size)
    if config.get("rope_scaling", {}).get("rope_type") == "linear":
        writer.add_string(f"{arch}.rope.scaling.type", "linear")
        writer.add_rope_scaling_factor(config["rope_scaling"]["factor"])
    if arch == "phi3":
        writer.add_rope_scaling_orig_ctx_len(64)
        writer.add_sliding_window(0)
    if arch.startswith("gemma"):
        writer.add_sliding_window(config["sliding_window"])
    if arch == "gemma2":
        writer.add_attn_logit_softcapping(50.0)
        writer.add_final_logit_softcapping(30.0)
    if arch == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])


def write_tokens(writer):
    spare, alphabet = 256, []
    for byte in range(256):
        shown = 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174
        alphabet.append(chr(byte if shown else spare))
        spare += not shown
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*alphabet, "he", "<s>", "</s>", "[PAD259]"])
    writer.add_token_types([1] * 257 + [3, 3, 5])
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)
    writer.add_add_bos_token(False)


def llama3_divisors(config):
    scaling, size = config["rope_scaling"], config["hidden_size"] // config["num_attention_heads"]
    values = []
    for frequency in 1.0 / config["rope_theta"] ** (np.arange(0, size, 2) / size):
        wavelength = 2 * math.pi / frequency
        if wavelength < scaling["original_max_position_embeddings"] / scaling["high_freq_factor"]:
            values.append(1)
        elif wavelength > scaling["original_max_position_embeddings"] / scaling["low_freq_factor"]:
            values.append(scaling["factor"])
        else:
            smooth = (scaling["original_max_position_embeddings"] / wavelength - 1) / 3
            values.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.array(values, dtype=np.float32)


def model_of(config):
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "config.json").write_text(json.dumps(config))
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(place), attn_implementation="eager").float().eval()


rows = []
with tempfile.TemporaryDirectory() as place:
    for name, config in configs.items():
        arch = architectures.get(config["model_type"], config["model_type"])
        model = model_of(config)
        tied = config.get("tie_word_embeddings", config["model_type"] == "gpt2")
        named = {key: value for key, value in model.named_parameters() if not (tied and key == "lm_head.weight")}
        # transformers calls every head lm_head; Pythia's files call it embed_out.
        filed = {key.replace("lm_head", "embed_out") if arch == "gptneox" else key: value for key, value in named.items()}
        state = {key: weight(key, tuple(value.shape), i, arch.startswith("gemma")) for i, (key, value) in enumerate(sorted(filed.items()))}
        with torch.no_grad():
            for key, value in filed.items():
                value.copy_(torch.from_numpy(state[key]))
        path = Path(place) / f"{len(rows)}.gguf"
        writer = GGUFWriter(path, MODEL_ARCH_NAMES[MODEL_ARCH[arch.upper()]])
        write_keys(writer, arch, config)
        write_tokens(writer)
        tensors = convert(arch, config, state)
        if config.get("rope_scaling", {}).get("rope_type") == "llama3":
            tensors["rope_freqs.weight"] = llama3_divisors(config)
        for key, values in tensors.items():
            writer.add_tensor(key, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        ids = [72, 101, 104, 32, 119, 111, 114]
        prompt = len(ids)
        with torch.no_grad():
            for _ in range(16):
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if llama:
            script = folder / "greedy.mjs"
            out = subprocess.run(["node", script, llama, path, json.dumps(ids[:prompt]), "16"], capture_output=True, text=True)
            theirs = json.loads(out.stdout.strip().splitlines()[-1]) if out.returncode == 0 else out.stderr[-600:]
            print(name, "llama.cpp agrees" if theirs == ids[prompt:] else f"DIFFERS: {theirs} and {ids[prompt:]}", flush=True)
        data = path.read_bytes()
        reader = GGUFReader(path)
        extra = {"rope_freqs.weight": base64.b64encode(tensors["rope_freqs.weight"].tobytes()).decode()} if "rope_freqs.weight" in tensors else {}
        rows.append(
            {
                "name": name,
                "config": config,
                "byteLength": len(data),
                "head": base64.b64encode(data[: reader.data_offset]).decode(),
                "tensors": {t.name: hashlib.sha256(t.data.tobytes()).hexdigest() for t in reader.tensors},
                "extra": extra,
                "greedy": ids,
            }
        )
(folder / "families.json").write_text(json.dumps(rows))
