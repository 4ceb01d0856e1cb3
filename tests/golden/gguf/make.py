"""
Makes blocks.json and header.json: what gguf-py reads from blocks of every type, and a file that it writes with every type of
value. A development tool; the tests only read its results.

    pip install gguf
    python tests/golden/gguf/make.py
    npx biome format --write tests/golden/gguf

Made with gguf 0.19. All bytes and float32 numbers are base64, little-endian.
"""

import base64
import json
import tempfile
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType
from gguf.quants import dequantize

random = np.random.default_rng(18)
folder = Path(__file__).parent
types = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
# Offsets of the float16 numbers in a block.
halves = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def scales(count, kind):
    if kind == "usual":
        return random.normal(0, 0.01, count).astype(np.float16)
    edges = np.array([0, -0.0, 65504, -65504, 2**-24, -(2**-24), 2**-14, 1], dtype=np.float16)
    return edges[np.arange(count) % len(edges)]


rows = []
for name in types:
    kind = GGMLQuantizationType[name]
    size, stride = GGML_QUANT_SIZES[kind]
    for scale in ("usual", "edges"):
        blocks = 64 if size == 1 else 8
        if name == "F32":
            data = random.normal(0, 1, blocks).astype(np.float32).view(np.uint8)
        elif name == "F16":
            data = scales(blocks, scale).view(np.uint8)
        elif name == "BF16":
            data = (scales(blocks, scale).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        else:
            # Random bits reach every value of a block, also those that no encoder writes.
            data = random.integers(0, 256, (blocks, stride), dtype=np.uint8)
            for at in halves[name]:
                data[:, at : at + 2] = scales(blocks, scale).view(np.uint8).reshape(blocks, 2)
            data = data.reshape(-1)
        rows.append({"type": name, "scales": scale, "bytes": text(data), "values": text(dequantize(data, kind).astype("<f4"))})
(folder / "blocks.json").write_text(json.dumps(rows))

with tempfile.TemporaryDirectory() as place:
    path = Path(place) / "small.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_uint8("test.uint8", 255)
    writer.add_int8("test.int8", -128)
    writer.add_uint16("test.uint16", 65535)
    writer.add_int16("test.int16", -32768)
    writer.add_uint32("test.uint32", 4294967295)
    writer.add_int32("test.int32", -2147483648)
    writer.add_float32("test.float32", 0.1)
    writer.add_bool("test.true", True)
    writer.add_bool("test.false", False)
    writer.add_string("test.string", "Grüße, 世界 🌍\n")
    writer.add_uint64("test.uint64", 2**53 - 1)
    writer.add_uint64("test.beyond", 2**64 - 1)
    writer.add_int64("test.int64", -(2**53) + 1)
    writer.add_float64("test.float64", 0.1)
    writer.add_array("test.strings", ["a", "", "日本", "\ufeffmark", "Ġthe"])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1e30, 3.0])
    writer.add_array("test.truths", [True, False, True])
    tensors = {
        "token_embd.weight": random.normal(0, 1, (6, 4)).astype(np.float32),
        "blk.0.attn_q.weight": random.normal(0, 1, (2, 3, 8)).astype(np.float16),
        "scalar": np.array([2.5], dtype=np.float32),
    }
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    packed = random.integers(0, 256, (3, 34), dtype=np.uint8)
    writer.add_tensor("blk.0.ffn_up.weight", packed, raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    read = GGUFReader(path)
    (folder / "header.json").write_text(
        json.dumps(
            {
                "file": base64.b64encode(path.read_bytes()).decode(),
                "dataStart": int(read.data_offset),
                "tensors": [
                    {
                        "name": t.name,
                        "type": t.tensor_type.name,
                        "shape": [int(n) for n in reversed(t.shape)],
                        "start": int(t.data_offset),
                        "byteLength": int(t.n_bytes),
                    }
                    for t in read.tensors
                ],
            }
        )
    )
