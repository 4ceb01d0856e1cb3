"""Keys and types of the configs of TRL, Axolotl, LLaMA-Factory, Unsloth and Accelerate, out of their own sources.

    python3 scripts/oracle/handOver/schemas.py --trl DIR --axolotl DIR --llamafactory DIR --unsloth DIR --accelerate DIR
        --transformers FOLDER > tests/golden/handOver/schemas.json

Each DIR is a git directory of the project, FOLDER an installed transformers. Nothing is imported: the classes are parsed, each
with the classes that it inherits in the same project. A type is its annotation as Python writes it.
"""

import argparse
import ast
import json
import subprocess
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
for name in ("trl", "axolotl", "llamafactory", "unsloth", "accelerate", "transformers"):
    parser.add_argument(f"--{name}", required=True)
places = parser.parse_args()


def git(folder, revision, *paths):
    """The parsed files below the paths of a commit."""
    names = subprocess.run(
        ["git", "--git-dir", folder, "ls-tree", "-r", "--name-only", revision, "--", *paths],
        capture_output=True, text=True, check=True,
    ).stdout.split()
    for name in names:
        if name.endswith(".py"):
            show = ["git", "--git-dir", folder, "show", f"{revision}:{name}"]
            yield ast.parse(subprocess.run(show, capture_output=True, text=True, check=True).stdout)


def classes_of(modules):
    return {node.name: node for module in modules for node in ast.walk(module) if isinstance(node, ast.ClassDef)}


def fields_of(classes, name):
    """Annotated fields of a class, those of its bases first."""
    node = classes.get(name)
    if node is None:
        return {}
    fields = {}
    for base in node.bases:
        fields.update(fields_of(classes, ast.unparse(base).split(".")[-1]))
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            fields[item.target.id] = ast.unparse(item.annotation).strip("'\"")
            # Pydantic's aliases are keys too.
            for call in ast.walk(item):
                if isinstance(call, ast.keyword) and call.arg in ("alias", "validation_alias"):
                    if isinstance(call.value, ast.Constant):
                        fields[call.value.value] = fields[item.target.id]
    return fields


def enums_of(*groups):
    """The values of every enumeration of texts."""
    enums = {}
    for classes in groups:
        for name, node in classes.items():
            if any("Enum" in ast.unparse(base) for base in node.bases):
                values = [item.value.value for item in node.body if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)]
                if values and all(isinstance(value, str) for value in values):
                    enums[name] = values
    return enums


def arguments_of(modules, owner, function):
    """Parameters of a method with the type of their default."""
    node = classes_of(modules)[owner]
    method = next(item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == function)
    defaults = dict(zip([arg.arg for arg in method.args.args][-len(method.args.defaults):], method.args.defaults))
    types = {}
    for name, value in defaults.items():
        found = type(value.value).__name__ if isinstance(value, ast.Constant) else "Any"
        types[name] = "Any" if found == "NoneType" else found
    # Its default is "unsloth", and its documentation has True and False beside it.
    return {**types, "use_gradient_checkpointing": "str | bool"}


def options_of(modules, prefix):
    """Options of a command line, whose names are the keys of a file; such a file has truth values where the text is one."""
    options = {}
    for module in modules:
        for call in ast.walk(module):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func).endswith("add_argument") and call.args):
                continue
            name = call.args[0].value if isinstance(call.args[0], ast.Constant) else ""
            if name.startswith(f"--{prefix}"):
                kind = next((ast.unparse(item.value) for item in call.keywords if item.arg == "type"), "str")
                choices = next((ast.unparse(item.value) for item in call.keywords if item.arg == "choices"), "")
                numbers = kind == "int" or any(digit in choices for digit in "123456789")
                options[name.removeprefix("--")] = "int" if numbers else "str | bool"
    return options


training = classes_of([ast.parse((Path(places.transformers) / "training_args.py").read_text())])
trl = {**training, **classes_of(git(places.trl, "HEAD", "trl/trainer"))}
trl024 = {**training, **classes_of(git(places.trl, "v0.24.0", "trl/trainer/sft_config.py", "trl/trainer/utils.py"))}
axolotl = classes_of(git(places.axolotl, "HEAD", "src/axolotl/utils/schemas"))
factory = classes_of(git(places.llamafactory, "HEAD", "src/llamafactory/hparams"))
accelerate = classes_of(git(places.accelerate, "HEAD", "src/accelerate/commands/config", "src/accelerate/utils/dataclasses.py"))
seq2seq = classes_of([ast.parse((Path(places.transformers) / "training_args_seq2seq.py").read_text())])

schemas = {
    "trl": fields_of(trl, "SFTConfig"),
    "axolotl": fields_of(axolotl, "AxolotlInputConfig"),
    "axolotlDataset": fields_of(axolotl, "SFTDataset"),
    "llamaFactory": {
        **fields_of({**training, **seq2seq}, "Seq2SeqTrainingArguments"),
        **fields_of(factory, "ModelArguments"),
        **fields_of(factory, "DataArguments"),
        **fields_of(factory, "FinetuningArguments"),
        **fields_of({**training, **seq2seq, **factory}, "TrainingArguments"),
        **{key: kind for key, kind in fields_of(factory, "GeneratingArguments").items()},
    },
    "unslothModel": arguments_of(git(places.unsloth, "HEAD", "unsloth/models/loader.py"), "FastLanguageModel", "from_pretrained"),
    "unslothTraining": fields_of(trl024, "SFTConfig"),
    "accelerate": fields_of(accelerate, "ClusterConfig"),
    "accelerateFsdp": options_of(git(places.accelerate, "HEAD", "src/accelerate/commands/launch.py"), "fsdp_"),
}
for name, schema in schemas.items():
    if len(schema) < 5:
        sys.exit(f"{name} has {len(schema)} keys: the project's classes have moved.")
needed = json.dumps(schemas)
constants = classes_of(git(places.llamafactory, "HEAD", "src/llamafactory/extras/constants.py"))
general = classes_of(git(places.accelerate, "HEAD", "src/accelerate/utils/dataclasses.py"))
schemas["enums"] = {name: values for name, values in enums_of(axolotl, factory, constants, general).items() if name in needed}
json.dump(schemas, sys.stdout, indent=1, sort_keys=True)
print()
