"""What is wrong with a table of SLOs: file, line of the entry, key, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_trtperf.errors import TableError
from pytest_trtperf.slo.types import CHOICES, SHA256
from pytest_trtperf.text import brief, in_brief, meant

_PLACE = re.compile(r"(.*?)(?: - at (?:`key` in )?`\$\.?(.*)`)?", re.DOTALL)
_HEADER = re.compile(r"\s*\[\s*([^\[\].\s]+|\"[^\"]*\"|'[^']*')\s*\]")
_ADVICE = re.compile(r"\b(dims|shapes|inputs)=\{([^{}]+)\}")
_NAMED = re.compile(r"([\"'])([^\"']+)\1: ")
_ARRAY = re.compile(r"np\.array\(([^,()]+)(?:, [^()]*)?\)")
_TUPLE = re.compile(r"\(([^()]*?),?\)")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_WORDS = {
    "object": "a table", "array": "an array", "str": "text", "int": "a whole number",
    "float": "a number", "bool": "true or false", "null": "nothing",
}  # fmt: skip
_TYPES = re.compile(f"`((?:(?:{'|'.join(_WORDS)})(?: \\| )?)+)`")


def shown(path: Path) -> str:
    """A path as messages name it: relative where it is below the working directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def headers(text: str) -> dict[str, int]:
    """The line that each entry begins in, from 1; those without a header of their own lack."""
    found = ((number, _HEADER.match(line)) for number, line in enumerate(text.splitlines(), 1))
    return {header[1].strip("\"'"): number for number, header in found if header}


def problem(path: Path, line: int | None, entry: str, key: str, what: object) -> TableError:
    """The error that names them all."""
    where = shown(path) if line is None else f"{shown(path)}:{line}"
    place = in_brief(f"[{entry}]" + (f" {key}" if key else ""))
    return TableError(f"{where}: {place}: {in_brief(what)}")


def in_toml(text: str) -> str:
    """A message whose advice is in Python, as one has to write it in a table.

    Such as `dims = { batch = 8 }` in place of `dims={"batch": 8}`.
    """
    return _ADVICE.sub(_mapping, text).replace("(min, opt, max)", "[min, opt, max]")


def _mapping(found: re.Match[str]) -> str:
    items = _NAMED.sub(lambda one: f"{_key(one[2])} = ", found[2])
    items = _ARRAY.sub(r"\1", items).replace("True", "true").replace("False", "false")
    items = _TUPLE.sub(r"[\1]", items)
    return f"{found[1]} = {{ {items} }}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def of_validation(
    error: msgspec.ValidationError, known: Mapping[str, Iterable[str]]
) -> tuple[str, str]:
    """The key that a value is wrong of, and what is wrong with it.

    Args:
        known: the keys there are in tables by the key of each; of an entry by an empty text.
    """
    found = _PLACE.fullmatch(str(error))
    what, key = (found[1], found[2] or "") if found else (str(error), "")
    if unknown := _UNKNOWN.fullmatch(what):
        name, kind = unknown[1], key.replace("[...]", "").rpartition(".")[2].partition("[")[0]
        hint = " (a dimension is named in the entry's dims=)" if kind == "measure" else ""
        return key, f"unknown key {brief(name)}{meant(name, known.get(kind, known['']))}{hint}"
    what = what.replace("Object missing required field", "it lacks the key")
    what = what.replace(f"matching regex '{SHA256}'", "of 64 hexadecimal digits, as of sha256sum")
    words = _TYPES.sub(_in_words, what)
    words = words[:1].lower() + words[1:].replace("`", "'")
    if words.startswith("invalid enum value") and (choices := _choices(key)):
        words = f"{words}; it takes {', '.join(choices)}"
    return key, words


def _choices(key: str) -> Sequence[str]:
    """The words that a key takes, the last one known on its way."""
    known = [CHOICES[name] for name in re.findall(r"\w+", key) if name in CHOICES]
    return known[-1] if known else ()


def _in_words(found: re.Match[str]) -> str:
    kinds = [kind for kind in found[1].split(" | ") if kind != "null" or found[1] == "null"]
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds)
