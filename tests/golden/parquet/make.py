"""Writes the Parquet tables of this folder with pyarrow, each with its rows as JSON Lines.

    python make.py FOLDER [all]

Needs pyarrow (25.0.1 wrote the committed files). `all` also writes each compression, page version and encoding, and tables
with random schemas: about 950 files, an oracle for development. Rows are what `to_pylist` gives, in JSON: floats as Python's repr, decimals with all their
digits, dates and times as `str` writes them (in UTC), durations as a count of their unit, bytes as text or null.

    HONE_PARQUET=FOLDER npx vitest run --project unit tests/unit/records/read/pyarrow.test.ts

compares Hone's rows with those of any folder.
"""

import datetime
import decimal
import json
import math
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(sys.argv[1])
D = decimal.Decimal


def clock(count, per_second):
    seconds, rest = divmod(count, per_second)
    nanos = rest * (10**9 // per_second)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if nanos == 0:
        return text
    digits = f"{nanos:09}"
    return f"{text}.{digits[:6] if digits.endswith('000') else digits}"


PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def written(scalar):
    """The JSON text of a pyarrow scalar."""
    kind = scalar.type
    if not scalar.is_valid:
        return "null"
    if isinstance(scalar, pa.ExtensionScalar):
        # Hone gives the value of a JSON text; the texts here are written as it writes them.
        return json.dumps(str(scalar.as_py())) if isinstance(kind, pa.UuidType) else scalar.value.as_py()
    if pa.types.is_dictionary(kind):
        return written(scalar.dictionary[scalar.index.as_py()])
    if pa.types.is_struct(kind):
        return "{" + ",".join(f"{json.dumps(field.name, ensure_ascii=False)}:{written(scalar[i])}" for i, field in enumerate(kind)) + "}"
    if pa.types.is_map(kind):
        pairs = [(written(pair[0]), written(pair[1])) for pair in scalar.values] if scalar.values is not None else []
        if pa.types.is_string(kind.key_type) or pa.types.is_large_string(kind.key_type):
            return "{" + ",".join(f"{key}:{value}" for key, value in dict(pairs).items()) + "}"
        return "[" + ",".join(f"[{key},{value}]" for key, value in pairs) + "]"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return "[" + ",".join(written(item) for item in scalar.values) + "]"
    if pa.types.is_timestamp(kind):
        seconds, rest = divmod(scalar.value, PER_SECOND[kind.unit])
        days, of_day = divmod(seconds, 86400)
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
        zone = "+00:00" if kind.tz else ""
        return json.dumps(f"{day} {clock(of_day * PER_SECOND[kind.unit] + rest, PER_SECOND[kind.unit])}{zone}")
    if pa.types.is_time(kind):
        return json.dumps(clock(scalar.value, PER_SECOND[kind.unit]))
    if pa.types.is_duration(kind):
        return str(scalar.value)
    value = scalar.as_py()
    if isinstance(value, bool):
        return "true" if value else "false"
    if pa.types.is_floating(kind):
        return json.dumps(float(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, D):
        return format(value, "f")
    if isinstance(value, datetime.date):
        return json.dumps(str(value))
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return "null"
    return json.dumps(value, ensure_ascii=False)


def write(name, table, expect=None, **options):
    """`expect`: the rows, where pyarrow cannot read them back."""
    path = FOLDER / f"{name}.parquet"
    pq.write_table(table, path, **options)
    shown = expect or pq.read_table(path)
    assert shown.num_rows == table.num_rows
    columns = [(json.dumps(field.name, ensure_ascii=False), shown.column(i)) for i, field in enumerate(shown.schema)]
    lines = ["{" + ",".join(f"{key}:{written(column[row])}" for key, column in columns) + "}" for row in range(shown.num_rows)]
    (FOLDER / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def column(kind, values):
    return pa.array(values, kind)


def integers():
    edges = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}
    columns = {}
    for name, bits in edges.items():
        columns[name] = column(getattr(pa, name)(), [0, -1, 2**bits - 1, -(2**bits), None, 7])
        columns[f"u{name}"] = column(getattr(pa, f"u{name}")(), [0, 1, 2 ** (bits + 1) - 1, 2**bits, None, 7])
    columns["beyond"] = column(pa.int64(), [2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 9007199254740993, None])
    columns["flag"] = column(pa.bool_(), [True, False, None, True, True, False])
    return pa.table(columns)


def floats():
    doubles = [0.1, 12.0, -0.0, 1e-7, 1e-5, 0.0001, 1e16, 1e15, 123456789012345680.0, 5e-324, 1.7976931348623157e308, 0.5, math.nan, math.inf, -math.inf, None, 100.0, -3.25, 1e22, 1e21]
    singles = [0.1, 12.0, -0.0, 1e-7, 1e-5, 16777216.0, 1e16, 3.4028234663852886e38, 1e-45, 0.5, math.nan, math.inf, -math.inf, None, 0.3, 1 / 3, 2.0, 1e10, 1e-4, 7.0]
    halves = [0.1, 12.0, -0.0, 6e-8, 65504.0, 0.5, math.nan, math.inf, -math.inf, None, 1 / 3, 2.0, 1e-5, 0.001, 1024.0, -1.5, 3.0, 6.1e-5, 0.0, 1.0]
    import numpy as np

    return pa.table({
        "double": column(pa.float64(), doubles),
        "single": column(pa.float32(), singles),
        "half": pa.array([None if v is None else np.float16(v) for v in halves], pa.float16()),
    })


def decimals():
    return pa.table({
        "small": column(pa.decimal128(5, 2), [D("0.10"), D("-0.05"), D("123.45"), D("0.00"), None, D("12.00")]),
        "middle": column(pa.decimal128(18, 6), [D("0.100000"), D("-99999.999999"), D("1.5"), D("123456789012.123456"), None, D("0.000001")]),
        "whole": column(pa.decimal128(20, 0), [D("12"), D("-7"), D("12345678901234567890"), D("0"), None, D("9007199254740993")]),
        "large": column(pa.decimal256(76, 38), [D("0.1"), D("-1") / 8, D("12345678901234567890123456789012345678.12345678901234567890123456789012345678"), D(0), None, D("1e-38")]),
        "fraction": column(pa.decimal128(10, 10), [D("0.5"), D("-0.0000000001"), D("0.1234567891"), D("0"), None, D("0.9")]),
    })


def times():
    day = datetime.date
    at = datetime.datetime
    clock_of = datetime.time
    moments = [at(2024, 2, 29, 12, 30, 5), at(1969, 12, 31, 23, 59, 59), at(1970, 1, 1), None, at(9999, 12, 31, 23, 59, 59), at(1, 1, 1)]
    fine = [at(2024, 2, 29, 12, 30, 5, 500000), at(1969, 12, 31, 23, 59, 59, 999999), at(1970, 1, 1, 0, 0, 0, 1), None, at(9999, 12, 31, 23, 59, 59, 1000), at(1, 1, 1)]
    return pa.table({
        "date32": column(pa.date32(), [day(2024, 2, 29), day(1970, 1, 1), day(1969, 12, 31), None, day(9999, 12, 31), day(1, 1, 1)]),
        "date64": column(pa.date64(), [day(2000, 2, 29), day(1900, 3, 1), day(1969, 12, 31), None, day(9999, 12, 31), day(1, 1, 1)]),
        "time32s": column(pa.time32("s"), [clock_of(0, 0, 0), clock_of(23, 59, 59), clock_of(1, 2, 3), None, clock_of(12, 0), clock_of(0, 0, 1)]),
        "time32ms": column(pa.time32("ms"), [clock_of(0, 0, 0, 1000), clock_of(23, 59, 59, 999000), clock_of(1, 2, 3), None, clock_of(12, 0), clock_of(0, 0, 1)]),
        "time64us": column(pa.time64("us"), [clock_of(0, 0, 0, 1), clock_of(23, 59, 59, 999999), clock_of(1, 2, 3), None, clock_of(12, 0), clock_of(0, 0, 1)]),
        "time64ns": pa.array([1, 86399999999999, 3723000000000, None, 43200000000000, 1000], pa.int64()).cast(pa.time64("ns")),
        "s": column(pa.timestamp("s"), moments),
        "ms": column(pa.timestamp("ms"), [None if m is None else m.replace(microsecond=m.microsecond // 1000 * 1000) for m in fine]),
        "us": column(pa.timestamp("us"), fine),
        "ns": pa.array([1709209805123456789, -1, 0, None, 253402300799, 1000], pa.int64()).cast(pa.timestamp("ns")),
        "utc": column(pa.timestamp("us", "UTC"), [m and m.replace(tzinfo=datetime.timezone.utc) for m in fine]),
        "zone": pa.array([1709209805123456, -1, 0, None, 1, 2], pa.int64()).cast(pa.timestamp("us")).cast(pa.timestamp("us", "Europe/Berlin")),
        "duration": column(pa.duration("us"), [datetime.timedelta(seconds=1), datetime.timedelta(days=-1), datetime.timedelta(0), None, datetime.timedelta(microseconds=5), datetime.timedelta(days=400)]),
    })


def texts():
    return pa.table({
        "string": column(pa.string(), ["a", "", None, "é😀\n", "\ufeffx", "\ufffd"]),
        "large": column(pa.large_string(), ["a", "", None, "é😀\n", "b", "c\0d"]),
        "binary": column(pa.binary(), [b"a", b"", None, "é😀".encode(), b"\x01", b"z"]),
        "large_binary": column(pa.large_binary(), [b"a", b"", None, "é😀".encode(), b"\x01", b"z"]),
        "fixed": column(pa.binary(3), [b"abc", b"\x00\x00\x00", None, "aé".encode(), b"xyz", b"123"]),
        "dictionary": pa.array(["x", "y", None, "x", "x", "y"]).dictionary_encode(),
        "view": column(pa.string_view(), ["a", "", None, "é😀\n", "a longer text than twelve bytes", "c"]),
        "none": pa.nulls(6),
        "all_null": pa.nulls(6, pa.string()),
        "1": column(pa.string(), ["a", "b", "c", "d", "e", "f"]),
        "0": column(pa.string(), ["a", "b", "c", "d", "e", "f"]),
        "a.b": column(pa.string(), ["a", None, "c", "d", "e", "f"]),
        "__proto__": column(pa.string(), ["a", "b", "c", "d", "e", "f"]),
        "uuid": pa.ExtensionArray.from_storage(pa.uuid(), column(pa.binary(16), [bytes(range(16)), bytes(16), None, bytes([255] * 16), bytes(16), bytes(16)])),
        "json": pa.ExtensionArray.from_storage(pa.json_(pa.string()), column(pa.string(), ['{"a":[1,null]}', "[]", None, '"x"', "true", '{"b":{"c":"d"}}'])),
    })


MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string()), ("tool_calls", pa.list_(pa.struct([("name", pa.string()), ("arguments", pa.struct([("city", pa.string()), ("days", pa.int64())]))])))])


def nested():
    rows = [
        {"messages": [{"role": "user", "content": "a", "tool_calls": None}, {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {"city": "Rome", "days": 9007199254740993}}, {"name": "g", "arguments": None}]}], "tags": ["x", None, ""], "grid": [[1, 2], [], None, [None]], "point": {"x": 1.0, "y": None, "deep": {"z": [True, None]}}, "map": [("b", 1), ("a", None)], "ids": [(2, "two"), (1, None)], "pair": [1, 2], "2d": [[1.5, 2.0], [None, 3.0]]},
        {"messages": [], "tags": [], "grid": [], "point": None, "map": [], "ids": [], "pair": None, "2d": []},
        {"messages": None, "tags": None, "grid": None, "point": {"x": None, "y": None, "deep": None}, "map": None, "ids": None, "pair": [None, 3], "2d": None},
        {"messages": [None, {"role": None, "content": None, "tool_calls": []}], "tags": [None], "grid": [[[]][0]], "point": {"x": 0.1, "y": "t", "deep": {"z": None}}, "map": [("10", 5), ("2", 6)], "ids": [(7, "")], "pair": [4, 5], "2d": [None]},
        {"messages": [{"role": "assistant", "content": "b", "tool_calls": [None, {"name": None, "arguments": {"city": None, "days": None}}]}], "tags": ["y"], "grid": [None], "point": {"x": 2.5, "y": "", "deep": {"z": []}}, "map": [("k", 0)], "ids": [(0, "zero")], "pair": [6, None], "2d": [[None, None]]},
    ]
    return pa.Table.from_pylist(rows, pa.schema([
        ("messages", pa.list_(MESSAGE)),
        ("tags", pa.large_list(pa.string())),
        ("grid", pa.list_(pa.list_(pa.int32()))),
        ("point", pa.struct([("x", pa.float64()), ("y", pa.string()), ("deep", pa.struct([("z", pa.list_(pa.bool_()))]))])),
        ("map", pa.map_(pa.string(), pa.int64())),
        ("ids", pa.map_(pa.int32(), pa.string())),
        ("pair", pa.list_(pa.int16(), 2)),
        ("2d", pa.list_(pa.list_(pa.float32(), 2))),
    ]))


def required():
    inner = pa.struct([pa.field("a", pa.int32(), nullable=False), pa.field("b", pa.string())])
    schema = pa.schema([
        pa.field("id", pa.int64(), nullable=False),
        pa.field("list", pa.list_(pa.field("element", inner, nullable=False)), nullable=False),
        pa.field("struct", pa.struct([pa.field("in", pa.struct([pa.field("c", pa.float64(), nullable=False)]), nullable=False)]), nullable=True),
        pa.field("deep", pa.list_(pa.list_(pa.list_(pa.string())))),
        pa.field("of_maps", pa.list_(pa.map_(pa.string(), pa.list_(pa.struct([("v", pa.string())]))))),
        pa.field("0", pa.struct([("1", pa.string()), ("0", pa.string())])),
    ])
    return pa.Table.from_pylist([
        {"id": 1, "list": [{"a": 1, "b": "x"}, {"a": 2, "b": None}], "struct": {"in": {"c": 1.0}}, "deep": [[["a", None], []], [], None], "of_maps": [[("k", [{"v": "w"}, None])], [], None], "0": {"1": "one", "0": "zero"}},
        {"id": 2, "list": [], "struct": None, "deep": [], "of_maps": [[("a", None), ("b", [])]], "0": None},
        {"id": 3, "list": [{"a": 3, "b": ""}], "struct": {"in": {"c": 0.5}}, "deep": [[None], [[]]], "of_maps": None, "0": {"1": None, "0": None}},
    ], schema)


def many(rows=2000, seed=15):
    """Random rows with nulls, runs and long lists, over several pages and row groups."""
    draw = random.Random(seed)
    maybe = lambda value, share=0.2: None if draw.random() < share else value
    word = lambda: "".join(draw.choice("abcé😀 \n") for _ in range(draw.randrange(12)))
    message = lambda: maybe({"role": draw.choice(["user", "assistant"]), "content": maybe(word()), "tool_calls": maybe([maybe({"name": word(), "arguments": maybe({"city": maybe(word()), "days": maybe(draw.randrange(-(2**63), 2**63))})}) for _ in range(draw.randrange(3))], 0.6)}, 0.1)
    return pa.Table.from_pylist([
        {"id": i, "text": maybe(word()), "same": "s", "int": maybe(draw.randrange(-(2**31), 2**31)), "long": draw.randrange(-(2**63), 2**63), "real": maybe(draw.choice([draw.random(), 1.0, -0.0, math.nan])), "single": draw.random(), "flag": maybe(draw.random() < 0.9), "money": maybe(D(draw.randrange(-10**9, 10**9)) / 100), "at": maybe(datetime.datetime(2020, 1, 1) + datetime.timedelta(microseconds=draw.randrange(10**15))), "code": maybe(bytes(draw.choice(b"abc") for _ in range(4))), "messages": maybe([message() for _ in range(draw.choice([0, 1, 2, 3, 40 if i % 97 == 0 else 1]))]), "map": maybe([(word() + str(k), maybe(k)) for k in range(draw.randrange(3))])}
        for i in range(rows)
    ], pa.schema([("id", pa.int64()), ("text", pa.string()), ("same", pa.string()), ("int", pa.int32()), ("long", pa.int64()), ("real", pa.float64()), ("single", pa.float32()), ("flag", pa.bool_()), ("money", pa.decimal128(12, 2)), ("at", pa.timestamp("us", "UTC")), ("code", pa.binary(4)), ("messages", pa.list_(MESSAGE)), ("map", pa.map_(pa.string(), pa.int32()))]))


TABLES = {"integers": integers, "floats": floats, "decimals": decimals, "times": times, "texts": texts, "nested": nested, "required": required}


def expected(name, table):
    """pyarrow cannot read a null list of fixed size back."""
    return table if name == "nested" else None


def committed():
    for name, make in TABLES.items():
        table = make()
        write(name, table, expected(name, table), compression="snappy")
    some = many(60)
    write("lz4-v2-all-null", texts(), compression="lz4", data_page_version="2.0")
    write("zstd-v2-groups", some, compression="zstd", data_page_version="2.0", row_group_size=25, data_page_size=256, write_page_index=True)
    write("gzip-v1-pages", some, compression="gzip", row_group_size=35, data_page_size=128, use_dictionary=False)
    write("brotli-v1-plain", times(), compression="brotli", use_dictionary=False)
    delta = {"id": "DELTA_BINARY_PACKED", "long": "DELTA_BINARY_PACKED", "int": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY", "same": "DELTA_LENGTH_BYTE_ARRAY", "real": "BYTE_STREAM_SPLIT", "single": "BYTE_STREAM_SPLIT", "flag": "RLE", "code": "DELTA_BYTE_ARRAY"}
    write("encodings", some, compression="lz4", data_page_version="2.0", use_dictionary=False, column_encoding=delta)
    write("older-lists", nested(), nested(), use_compliant_nested_type=False)
    write("int96", times().drop_columns(["s", "ms", "us", "utc", "zone"]).append_column("x", times().column("ns")), use_deprecated_int96_timestamps=True)


def encrypted():
    """A table with one encrypted column and a readable footer."""
    import base64

    import pyarrow.parquet.encryption as pe

    class Keys(pe.KmsClient):
        def wrap_key(self, key, master):
            return base64.b64encode(key)

        def unwrap_key(self, wrapped, master):
            return base64.b64decode(wrapped)

    if (FOLDER / "encrypted").exists():
        return  # The keys are random.
    table = pa.table({"question": ["a", "b"], "answer": ["c", "d"]})
    factory = pe.CryptoFactory(lambda _: Keys())
    settings = pe.EncryptionConfiguration(footer_key="footer", column_keys={"columns": ["answer"]}, plaintext_footer=True)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), settings)
    (FOLDER / "encrypted").mkdir()
    with pq.ParquetWriter(FOLDER / "encrypted" / "column.parquet", table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)


def matrix():
    flat = {"id": ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"], "long": ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"], "int": ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"], "text": ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"], "same": ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"], "real": ["BYTE_STREAM_SPLIT", "PLAIN"], "single": ["BYTE_STREAM_SPLIT", "PLAIN"], "flag": ["RLE", "PLAIN"], "code": ["DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT"], "at": ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"]}
    big = many(2000)
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        for page in ["1.0", "2.0"]:
            for dictionary in [True, False]:
                options = {"compression": codec, "data_page_version": page, "use_dictionary": dictionary}
                tag = f"{codec}-{page}-{'dict' if dictionary else 'plain'}"
                for name, make in TABLES.items():
                    table = make()
                    write(f"m-{name}-{tag}", table, expected(name, table), **options)
                write(f"m-many-{tag}", big, row_group_size=700, data_page_size=1024, write_page_index=dictionary, **options)
                empty = big.slice(0, 0)
                write(f"m-empty-{tag}", pa.concat_tables([empty, big.slice(0, 1)]), **options)
                nulls = pa.table({"a": pa.nulls(50, pa.string()), "b": pa.nulls(50), "c": pa.nulls(50, MESSAGE), "d": pa.nulls(50, pa.list_(MESSAGE)), "e": pa.nulls(50, pa.int64()), "f": pa.nulls(50, pa.float64()), "g": pa.nulls(50, pa.map_(pa.string(), pa.int64())), "x": pa.array(["v"] * 50), "h": pa.nulls(50, pa.bool_()), "i": pa.nulls(50, pa.decimal128(30, 2))})
                write(f"m-null-{tag}", nulls, **options)
            for which in [0, 1]:
                encodings = {name: kinds[which] for name, kinds in flat.items()}
                write(f"m-enc{which}-{codec}-{page}", big, compression=codec, data_page_version=page, use_dictionary=False, column_encoding=encodings, data_page_size=2000)
                sparse = pa.table({name: pa.nulls(30, big.schema.field(name).type) for name in flat} | {"x": pa.array(["v"] * 30)})
                write(f"m-encnull{which}-{codec}-{page}", sparse, compression=codec, data_page_version=page, use_dictionary=False, column_encoding=encodings)
    for version in ["1.0", "2.4", "2.6"]:
        for name, make in TABLES.items():
            table = make()
            if name == "times" and version != "2.6":
                table = table.drop_columns(["ns"])
            write(f"m-version{version}-{name}", table, expected(name, table), version=version)
    write("m-no-arrow-schema", nested(), nested(), store_schema=False)
    write("m-decimal-as-integer", decimals(), store_decimal_as_integer=True)
    write("m-checksum", many(300), write_page_checksum=True)
    write("m-no-statistics", many(300), write_statistics=False)
    write("m-bloom", many(300), sorting_columns=[pq.SortingColumn(0)])
    write("m-wide", pa.table({f"c{i}": pa.array([i, None, i]) for i in range(300)}))
    runs = pa.table({"r": pa.array([i // 1000 for i in range(20000)]), "n": pa.array([None if i % 5000 < 4000 else "t" for i in range(20000)]), "u": pa.array([str(i * 7919) for i in range(20000)]), "i": pa.array(range(20000), pa.int64()), "l": pa.array([[i] * (i % 4) for i in range(20000)])})
    write("m-runs", runs)
    write("m-runs-v2", runs, data_page_version="2.0", compression="lz4", dictionary_pagesize_limit=2000)
    write("m-long-list", pa.table({"l": pa.array([list(range(100000)), [], None, list(range(50000))])}), data_page_size=1000)
    for count in [1, 2, 7, 8, 9, 31, 32, 33, 127, 128, 129, 257]:
        write(f"m-count{count}", many(count, seed=count), data_page_version="2.0", use_dictionary=False, column_encoding={k: v[0] for k, v in flat.items()})


def random_type(draw, depth=0):
    leaves = [pa.string(), pa.int64(), pa.int32(), pa.float64(), pa.float32(), pa.bool_(), pa.decimal128(12, 3), pa.binary(), pa.timestamp("us"), pa.uint64(), pa.int8(), pa.null(), pa.large_string(), pa.date32()]
    if depth >= 4 or draw.random() < 0.4:
        return draw.choice(leaves)

    def field(name):
        kind = random_type(draw, depth + 1)
        return pa.field(name, kind, nullable=pa.types.is_null(kind) or draw.random() < 0.8)

    kind = draw.randrange(5)
    if kind == 2:
        return pa.struct([field(draw.choice("abcxyz") + str(i) if draw.random() < 0.9 else str(i)) for i in range(draw.randrange(1, 4))])
    if kind == 3:
        return pa.map_(draw.choice([pa.string(), pa.int32()]), field("value"))
    return (pa.large_list if kind == 4 else pa.list_)(field("element"))


def random_value(draw, field):
    kind = field.type
    types = pa.types
    if types.is_null(kind) or (field.nullable and draw.random() < 0.25):
        return None
    if types.is_struct(kind):
        return {member.name: random_value(draw, member) for member in kind}
    if types.is_map(kind):
        return [(f"k{key}" if types.is_string(kind.key_type) else key, random_value(draw, kind.item_field)) for key in range(draw.randrange(4))]
    if types.is_list(kind) or types.is_large_list(kind):
        return [random_value(draw, kind.value_field) for _ in range(draw.choice([0, 0, 1, 2, 5]))]
    if types.is_string(kind) or types.is_large_string(kind):
        return "".join(draw.choice('aé😀 \n"') for _ in range(draw.randrange(5)))
    if types.is_binary(kind):
        return bytes(draw.choice(b"abc") for _ in range(draw.randrange(4)))
    if types.is_boolean(kind):
        return draw.random() < 0.5
    if types.is_decimal(kind):
        return D(draw.randrange(-(10**11), 10**11)).scaleb(-3)
    if types.is_timestamp(kind):
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=draw.randrange(-(10**15), 10**16))
    if types.is_date(kind):
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=draw.randrange(-(10**5), 10**5))
    if types.is_floating(kind):
        return draw.choice([draw.random(), 1.0, -0.0, 1e30, math.nan, -math.inf, 1e-9])
    bits = kind.bit_width
    return draw.randrange(2**bits) if types.is_unsigned_integer(kind) else draw.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1))


def random_tables(count=600):
    for seed in range(count):
        draw = random.Random(seed)
        schema = pa.schema([pa.field(f"c{i}", random_type(draw)) for i in range(draw.randrange(1, 4))])
        rows = [{field.name: random_value(draw, field) for field in schema} for _ in range(draw.choice([1, 3, 20, 200]))]
        try:
            write(f"random-{seed}", pa.Table.from_pylist(rows, schema), compression=draw.choice(["none", "snappy", "lz4", "zstd", "gzip", "brotli"]), data_page_version=draw.choice(["1.0", "2.0"]), use_dictionary=draw.random() < 0.5, data_page_size=draw.choice([64, 500, 10**6]), row_group_size=draw.choice([7, 50, 1000]), use_compliant_nested_type=draw.random() < 0.7, write_batch_size=draw.choice([1, 10, 1024]))
        except pa.ArrowInvalid:
            # pyarrow cannot read some of its own tables with a null type in a list of structs.
            (FOLDER / f"random-{seed}.parquet").unlink()


committed()
encrypted()
if sys.argv[2:] == ["all"]:
    matrix()
    random_tables()
