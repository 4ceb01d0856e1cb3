"""
Makes golden.json: what gguf-py writes for rows of weights as Q8_0 and Q4_0, so that Hone's int8 and int4 are measured against
another program. A development tool; the tests only read its result.

    pip install gguf
    python tests/golden/blocks/make.py
    npx biome format --write tests/golden/blocks

Made with gguf 0.19. All numbers are base64 of little-endian bytes.
"""

import base64
import json
from pathlib import Path

import numpy as np
from gguf.constants import GGMLQuantizationType
from gguf.quants import quantize

random = np.random.default_rng(17)


def bfloat16(values):
    """Rounded down to bfloat16: the values that model files hold."""
    return (values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def one(value, at):
    row = np.zeros(32)
    row[at] = value
    return row


steps = np.arange(32)
cases = {
    "weights of a layer": bfloat16(random.normal(0, 0.02, (12, 96))),
    "float32 weights": random.normal(0, 0.3, (8, 64)),
    "heavy tails": random.standard_t(2, (8, 64)) * 0.01,
    "all zeros": np.zeros((1, 32)),
    "negative zeros": np.where(steps % 3 == 0, -0.0, 0.0)[None],
    "one positive value": one(0.37, 5)[None],
    "one negative value": one(-2.5, 31)[None],
    "ties of int8": ((steps - 16) * 8.5 / 127)[None],
    "ties of int4": np.concatenate([[-8], (steps[1:] - 16) / 2])[None],
    "largest magnitude twice, negative first": np.concatenate([[0.5, -2, 2], steps[3:] / 40])[None],
    "largest magnitude twice, positive first": np.concatenate([[0.5, 2, -2], steps[3:] / 40])[None],
    "all positive": (steps + 1.0)[None],
    "all negative": (-1.0 - steps)[None],
    "equal values": np.full((1, 32), -0.125),
    "scales below the smallest normal float16": random.normal(0, 1e-5, (1, 64)),
    "scales that float16 rounds to zero": random.normal(0, 1e-8, (1, 64)),
    "subnormal float32 next to normal": np.where(steps % 2 == 0, 1e-40, 1e-3)[None],
    "values near float16's largest scale": random.uniform(-500_000, 500_000, (1, 64)),
}


def text(array):
    return base64.b64encode(array.tobytes()).decode()


rows = []
for name, values in cases.items():
    values = np.ascontiguousarray(values, dtype="<f4")
    rows.append(
        {
            "name": name,
            "columns": values.shape[1],
            "values": text(values),
            "Q8_0": text(quantize(values, GGMLQuantizationType.Q8_0)),
            "Q4_0": text(quantize(values, GGMLQuantizationType.Q4_0)),
        }
    )
(Path(__file__).parent / "golden.json").write_text(json.dumps(rows))
