r"""Text as it is printed: how many of something, what was meant, and text of others.

Names, notes, messages and records are of others. A terminal obeys control characters, and services
of continuous integration obey lines such as `::error::` (GitHub) or `##vso[…]` (Azure). Everything
that is printed goes through `one_line` or `many_lines`, which leave ordinary text as it is. A
character that is not shown becomes its escape, such as `\x1b`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# A runner obeys `::` at the start of a line, blanks aside, and `##[`, `##name[` anywhere in it.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#[A-Za-z]*\[)")
_COMMAND_INSIDE = re.compile(r"#(?=#[A-Za-z]*\[)")
LONGEST_QUOTE, LONGEST_PROBLEM = 160, 1000
"""Characters of a value in a message, and of what a message says of a file."""

_LONGEST_NAME = 80
"""Characters that are compared; difflib is slow."""

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def one_line(text: str) -> str:
    """A text of others as one line without control characters or commands."""
    return _without_commands(with_escapes(text))


def counted(count: int, noun: str) -> str:
    """Such as `1 alarm` and `2 alarms`; `entry` becomes `entries`, and `series` stays."""
    if count == 1 or noun.endswith("series"):
        return f"{count} {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one may mean."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name[:_LONGEST_NAME], list(known), 1)), None)


def meant(name: str, known: Iterable[str]) -> str:
    """Which name may have been meant, else all that there are."""
    listed = list(known)
    near = nearest(name, listed)
    return f": did you mean {near!r}?" if near else f"; there are {', '.join(listed)}"


def many_lines(text: str) -> str:
    """The same for a text with lines of its own."""
    return "\n".join(map(one_line, text.split("\n")))


def with_escapes(text: str) -> str:
    """A text with escapes for what is not shown: control characters, ends of lines, surrogates."""
    if text.isprintable():
        return text
    return "".join(char if _is_shown(char) else _escape(char) for char in text)


def without_middle(text: str, longest: int) -> str:
    """A text as it is, without its middle where it is too long."""
    if len(text) <= longest:
        return text
    ending = (longest - 1) // 2
    return f"{text[: longest - 1 - ending]}…{text[len(text) - ending :]}"


def brief(value: object) -> str:
    """A value as messages quote it, of which a file of others may have a megabyte."""
    return without_middle(with_escapes(repr(value)), LONGEST_QUOTE)


def in_brief(problem: object, longest: int = LONGEST_PROBLEM) -> str:
    """What is wrong with a file, with as much of its content as helps."""
    return without_middle(str(problem), longest)


def json_escaped(text: str) -> str:
    """JSON with JSON's own escapes for what is not shown; its lines stay."""
    lines = _COMMAND_INSIDE.sub(r"\\u0023", text).split("\n")
    if all(map(str.isprintable, lines)):
        return "\n".join(lines)
    return "\n".join("".join(map(_json_escape, line)) for line in lines)


def is_text(text: str) -> bool:
    """Whether a text has nothing to escape."""
    return with_escapes(text) == text


def _is_shown(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    return _SHORT.get(char) or char.encode("unicode_escape", "surrogatepass").decode()


def _json_escape(char: str) -> str:
    if _is_shown(char):
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _without_commands(line: str) -> str:
    return _COMMAND.sub(r"\g<0> ", line)
