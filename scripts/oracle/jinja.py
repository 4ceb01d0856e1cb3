"""Renders templates with Python's Jinja, set up as transformers does.

Reads a JSON list of {"source", "variables"} from standard input, and writes a JSON list of {"text"} or {"error"}. A case may
have "row" in place of "variables": the JSON text of a row with messages and tools.
"""

import datetime
import json
import sys

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    """The block {% generation %}, which writes its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

    def _write(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
)
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = lambda form: datetime.datetime(2024, 7, 26).strftime(form)


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def variables_of(text, add_generation_prompt):
    """A row as transformers is given it: null keys are absent, and JSON texts of arguments and of tools are read."""
    row = without_nulls(json.loads(text))
    for message in row["messages"]:
        for call in message.get("tool_calls", []):
            if isinstance(call["function"]["arguments"], str):
                call["function"]["arguments"] = without_nulls(json.loads(call["function"]["arguments"]))
    tools = row.get("tools")
    return {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "messages": row["messages"],
        "tools": without_nulls(json.loads(tools)) if isinstance(tools, str) else tools,
        "documents": None,
        "add_generation_prompt": add_generation_prompt,
    }


def render(case):
    try:
        variables = variables_of(case["row"], case["prompt"]) if "row" in case else case["variables"]
        return {"text": environment.from_string(case["source"]).render(**variables)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error)[:200]}"}


json.dump([render(case) for case in json.load(sys.stdin)], sys.stdout)
