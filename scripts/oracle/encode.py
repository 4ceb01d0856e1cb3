"""Token ids and offsets of Hugging Face's tokenizers (the Rust library).

Reads a JSON list of {"folder", "texts", "shown"} from standard input. Writes a JSON list of {"begins", "plain", "shown"} or
{"error"}: "plain" has the ids of each text, and "shown" the ids and offsets of each other text, which count UTF-16 units.
"begins" is the id that the post-processor writes before a text, or null. Tokens that only tokenizer_config.json names are
added as transformers 5.18 adds them.
"""

import json
import os
import sys

from tokenizers import AddedToken, Tokenizer

NAMED = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]


def units(text):
    """UTF-16 units before each character, and in all."""
    total = [0]
    for character in text:
        total.append(total[-1] + (2 if ord(character) > 0xFFFF else 1))
    return total


def added(value):
    if isinstance(value, str):
        return AddedToken(value, special=True)
    fields = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
    return AddedToken(**{key: value[key] for key in fields if key in value})


def config_tokens(config, known):
    """The tokens that transformers adds to the backend, in its order."""
    decoder = config.get("added_tokens_decoder") or {}
    tokens = [added(entry) for _, entry in sorted(decoder.items(), key=lambda item: int(item[0]))]
    extra = config.get("extra_special_tokens") or config.get("additional_special_tokens") or []
    named = {key: config.get(key) for key in NAMED}
    named.update({k: v for k, v in config.items() if k.endswith("_token") and k not in NAMED and isinstance(v, str)})
    if isinstance(extra, dict):
        named.update(extra)
        extra = []
    texts = known | {token.content for token in tokens}
    for value, special in [(value, True) for value in named.values()] + [(value, False) for value in extra]:
        if value is None:
            continue
        token = added(value)
        if token.content in texts:
            continue
        token.special = token.special or special
        texts.add(token.content)
        tokens.append(token)
    return tokens


def with_prefix_space(pre_tokenizer, add):
    """The pre-tokenizer as transformers builds it for GPT-2's class."""
    if isinstance(pre_tokenizer, dict) and pre_tokenizer.get("type") == "ByteLevel":
        return {**pre_tokenizer, "add_prefix_space": add}
    if isinstance(pre_tokenizer, dict) and pre_tokenizer.get("type") == "Sequence":
        return {**pre_tokenizer, "pretokenizers": [with_prefix_space(p, add) for p in pre_tokenizer["pretokenizers"]]}
    return pre_tokenizer


FILE_TYPES = set(
    "arctic chatlm deepseek_v2 deepseek_v3 deepseek_v32 deepseek_v4 ernie4_5 ernie4_5_moe granite granitemoe h2ovl_chat "
    "internlm2 jamba minicpm3 ministral ministral3 mistral mistral3 mixtral nemotron olmo2 olmo3 persimmon phi3 phimoe "
    "qwen2 stablelm".split()
)


def as_class(content, config, model_type):
    """The pipeline as transformers 5.18 builds it for its classes; with legacy Llama's keeps the file's Prepend."""
    name = (config.get("tokenizer_class") or "").removesuffix("Fast")
    add = config.get("add_prefix_space")
    if name in ("GPT2Tokenizer", "GPTNeoXTokenizer", "Qwen2Tokenizer") and add is not None:
        content["pre_tokenizer"] = with_prefix_space(content["pre_tokenizer"], add)
    steps = (content.get("normalizer") or {}).get("normalizers", [])
    if name != "LlamaTokenizer" or model_type in FILE_TYPES or [step["type"] for step in steps] != ["Prepend", "Replace"]:
        return
    if add is False or config.get("legacy") is not True:
        content["normalizer"] = None
        scheme = "never" if add is False else "first"
        metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}
        content["pre_tokenizer"] = metaspace


def run(job):
    with open(os.path.join(job["folder"], "tokenizer.json"), encoding="utf-8") as file:
        content = json.load(file)
    config = {}
    path = os.path.join(job["folder"], "tokenizer_config.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
    model_type = None
    path = os.path.join(job["folder"], "config.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            model_type = json.load(file).get("model_type")
    as_class(content, config, model_type)
    content["truncation"] = content["padding"] = None
    whole = Tokenizer.from_str(json.dumps(content))
    first = whole.encode("a").ids
    # Without the post-processor offsets are not trimmed.
    content["post_processor"] = None
    tokenizer = Tokenizer.from_str(json.dumps(content))
    known = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokenizer.add_tokens(config_tokens(config, known))
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    begins = first[0] if len(first) > len(plain) and first[1 : 1 + len(plain)] == plain else None

    def placed(text, encoding):
        before = units(text)
        return {
            "ids": encoding.ids,
            "starts": [before[start] for start, _ in encoding.offsets],
            "ends": [before[end] for _, end in encoding.offsets],
        }

    def encode(texts):
        return tokenizer.encode_batch(texts, add_special_tokens=False)

    return {
        "begins": begins,
        "plain": [encoding.ids for encoding in encode(job["texts"])],
        "shown": [placed(text, encoding) for text, encoding in zip(job["shown"], encode(job["shown"]))],
    }


def attempt(job):
    try:
        return run(job)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error)[:200]}"}


json.dump([attempt(job) for job in json.load(sys.stdin)], sys.stdout)
