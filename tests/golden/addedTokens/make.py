"""Freezes how the `tokenizers` library (0.23.2) finds added tokens: python3 make.py FILES > golden.jsonl

FILES: the tokenizer of tests/unit/tokenizer/addedTokens.test.ts as JSON, without the added tokens of a group.
"""

import json
import random
import sys

from tokenizers import Tokenizer

base = json.load(open(sys.argv[1]))
chance = random.Random(5)
contents = ["<a>", "<ab>", "[X]", "tok", "_w", "<think>", "é1"]
bits = contents + [" ", "  ", "\n", "\t", "\u00a0", "\u2003", "\u0085", "\u200b", "\u200d"]
bits += ["a", "Z9", "_", ".", "é", "\u0301", "😀", "<", "▁"]
first = 1 + max(token["id"] for token in base["added_tokens"])


def group():
    added = [
        {
            **{"id": first + i, "content": content, "normalized": False, "special": chance.random() < 0.7},
            **{"single_word": chance.random() < 0.3, "lstrip": chance.random() < 0.4, "rstrip": chance.random() < 0.4},
        }
        for i, content in enumerate(contents)
    ]
    tokenizer = Tokenizer.from_str(json.dumps({**base, "added_tokens": base["added_tokens"] + added}))
    texts = ["".join(chance.choices(bits, k=chance.randint(1, 12))) for _ in range(20)]
    return {"added": added, "cases": [[text, tokenizer.encode(text, add_special_tokens=False).ids] for text in texts]}


for _ in range(10):
    print(json.dumps(group(), ensure_ascii=False))
