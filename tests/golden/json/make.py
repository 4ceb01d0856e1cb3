"""Writes golden.jsonl: JSON texts, and the value that Python's json reads from each, or null where it refuses the text.

Run in this folder: python3 make.py. Any Python from 3.8 on writes the same file.
"""

import json
import random

NUMBERS = """0 -0 1 -1 7 42 100 12.0 0.0 -0.0 0.50 0.10 0.1 1.5 3.14 1e-7 1E5 1e5 1e+5 1.0e10 1e21 1e22 1e400 -1e400 1e-400
5e-324 1.7976931348623157e308 9007199254740991 9007199254740992 9007199254740993 -9007199254740993 18446744073709551615
12345678901234567000 123456789012345678901234567890 0.30000000000000004 0.1000000000000000055511151231257827
100000000000000000000.5 1234567890123456.5 NaN Infinity -Infinity""".split()

TEXTS = [
    "", " ", "{}", "[]", " [ ] ", "{ }", "null", "true", "false", '""', '"a"', "nul", "True", "None", "nan", "-NaN", "+1",
    "01", "-01", "1.", ".5", "-", "1e", "1e+", "0x10", "1_000", "- 1", "--1", "Infinityx", "-Infinit", "1 2", "[1,]", "[,1]",
    "[1 2]", "[1", "1]", "{", "}", "[", "]", '{"a"}', '{"a":}', '{"a":1,}', '{"a":1 "b":2}', "{'a':1}", "{a:1}", "{1:2}",
    '{"a" : 1 , "b":[ ]}', '{"b":1,"a":2}', '{"2":"b","1":"a"}', '{"10":1,"9":2,"x":3,"0":4}', '{"a":1,"2":2,"b":3,"1":4}',
    '{"01":1,"-1":2,"1.5":3,"4294967295":4,"1":5}', '{"a":1,"b":2,"a":3}', '{"2":1,"1":2,"2":3}', '{"a":1.0,"a":1}',
    '{"__proto__":{"a":1},"b":2}', '{"__proto__":1,"__proto__":2.0}', '{"constructor":1.0,"toString":2.0}', '{"":{"":{}}}',
    '"\\u0041\\n\\t\\/\\\\\\""', '"\\x41"', '"\\u12"', '"\\ud83d\\ude00"', '"é 😀"', '"a', '"a\\"', '"a\nb"', '"a\tb"', '"\x7f"',
    '"\u2028"', '"2.0"', '["1e-7",": 12.0, ","[0.10]"]', '"\\\\"', '["\\\\","\\\\\\"",1.0]', "\u00a0 1", "\ufeff1", "\f1",
    "[1.0,\r\n\t2.0 ]", '{"a":{"2":1.0,"1":[{"3":0.10,"b":1}]}}', "[[[[12.0]]]]", '[NaN,{"a":-Infinity}]', "[nan]", "[-]",
    '{"a":1}x', "[1]//", "/* */1", '{"a":1;"b":2}', '["a" "b"]', '"\\', '{"a', '{"a":', '{"a":1,', "tru", "t", "[t]",
]


def described(value):
    """A value with the kind of each number, and its members in their order."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, list):
        return {"list": [described(item) for item in value]}
    return {"members": [[key, described(item)] for key, item in value.items()]}


def read(text):
    try:
        return {"text": text, "value": described(json.loads(text))}
    except ValueError:
        return {"text": text, "value": None, "refused": True}


def composed(rng, depth=0):
    """Random JSON with odd spaces, numbers and keys; one in twelve has a character too much or too few."""
    space = rng.choice(["", "", " ", "\n ", "\t"])
    kind = rng.randrange(8 if depth < 3 else 4)
    if kind < 2:
        made = rng.choice(NUMBERS)
    elif kind == 2:
        made = json.dumps(rng.choice(["", "a", "1.0", ": 2.50,", 'q"\\', "é\n", "😀"]), ensure_ascii=rng.random() < 0.5)
    elif kind == 3:
        made = rng.choice(["true", "false", "null"])
    elif kind < 6:
        made = "[" + ",".join(composed(rng, depth + 1) for _ in range(rng.randrange(4))) + "]"
    else:
        keys = [rng.choice(["a", "b", "2", "1", "10", "__proto__", "1.0"]) for _ in range(rng.randrange(5))]
        made = "{" + ",".join(f"{space}{json.dumps(key)}{space}:{composed(rng, depth + 1)}" for key in keys) + "}"
    return space + made + space


def spoiled(rng, text):
    if rng.random() > 1 / 12 or not text:
        return text
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(["", ",", "}", "]", '"', "x", "-"]) + text[at + 1 :]


rng = random.Random(15)
texts = TEXTS + NUMBERS + [f"[{number}]" for number in NUMBERS] + [f'{{"a": {number} }}' for number in NUMBERS]
texts += [spoiled(rng, composed(rng)) for _ in range(200)]
with open("golden.jsonl", "w", encoding="utf-8") as file:
    file.writelines(json.dumps(read(text)) + "\n" for text in texts)
