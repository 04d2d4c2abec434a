"""Values as TOML writes them, for tables that commands print."""

from __future__ import annotations

import re
from collections.abc import Mapping


def toml(value: object) -> str:
    """A text, number, list or mapping in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return inline_table({str(name): toml(one) for name, one in value.items()})
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def inline_table(values: Mapping[str, str]) -> str:
    """An inline table of values that are TOML already."""
    return "{ " + ", ".join(f"{_key(name)} = {value}" for name, value in values.items()) + " }"


def quoted(text: str) -> str:
    """The text as a basic string of TOML."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    # TOML has no half of a surrogate pair, and no file that pytest could name has one.
    return "?" if "\ud800" <= char <= "\udfff" else f"\\U{ord(char):08X}"
