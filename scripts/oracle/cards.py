"""Reads model cards as others do.

Input on stdin: {"cards": [text], "lines": [Markdown of one line]}. Output: JSON. For each card the metadata of huggingface_hub's
ModelCard, its text, and the syntax errors of its Python code; for each line the text that CommonMark shows in a table's cell, a
heading and a sentence.
"""

import json
import sys

from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shown(tokens):
    """The texts of inline tokens; what is not plain text is named."""
    out = []
    for token in tokens:
        if token.type != "inline":
            continue
        plain = all(child.type in ("text", "text_special") for child in token.children)
        out.append("".join(child.content for child in token.children) if plain else [c.type for c in token.children])
    return out


def code_errors(text):
    errors = []
    for token in markdown.parse(text):
        if token.type == "fence" and token.info == "python":
            try:
                compile(token.content, "card", "exec")
            except SyntaxError as error:
                errors.append(str(error))
        if token.type == "fence" and token.info == "json":
            json.loads(token.content)
    return errors


given = json.load(sys.stdin)
out = {"cards": [], "lines": []}
for text in given["cards"]:
    card = ModelCard(text)
    out["cards"].append({"data": card.data.to_dict(), "text": card.text, "errors": code_errors(card.text)})
for line in given["lines"]:
    cell = shown(markdown.parse(f"| a |\n| --- |\n| {line} |"))
    heading = shown(markdown.parse(f"# {line}"))
    sentence = shown(markdown.parse(f"It is {line}."))
    out["lines"].append([cell[1:], heading, sentence])
json.dump(out, sys.stdout)
