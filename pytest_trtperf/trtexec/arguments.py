"""A command as a text, a list or a file -> trtexec's arguments, and its other words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.text import LONGEST_QUOTE, brief, in_brief, nearest

_PROGRAM = re.compile(r"(?!-|[A-Za-z_]\w*=)(.*/)?(trtexec|tensorrt_rtx)")
_ARGUMENT = re.compile(r"--[A-Za-z].*|-h", re.DOTALL)
LONGEST_COMMAND = 1 << 16
"""Characters; the kernel takes little more, and `shlex` is slow."""
_SHOWN = 120
"""Characters of a text that errors show."""
_MOST_PROBLEMS = 100


class Words(NamedTuple):
    """The words of a command.

    Attributes:
        arguments: trtexec's own.
        others: the rest, such as ``CUDA_VISIBLE_DEVICES=0`` or ``2>&1``, in one line.
    """

    arguments: list[str]
    others: str


def read_words(command: object, find: Callable[[Path], Path]) -> Words:
    """The words of a text, a list of texts or a file, without the program's name.

    Raises:
        ValueError: it neither names the program nor begins with an argument, a quote has no end,
            or the file holds no text.
        TypeError: the command is neither text, list nor path.
        EngineBuildError: the file cannot be read.
    """
    where = ""
    if path := _file_of(command, find):
        command, where = _text_of(path), f"{path}: "
    if isinstance(command, str):
        command = _split(command, where)
    if not isinstance(command, Sequence) or not all(isinstance(one, str) for one in command):
        raise TypeError(
            f"{command!r} is not a trtexec command: give a text, a list of texts, or the path of "
            "a file"
        )
    words = list(command)
    program = next((i for i, word in enumerate(words) if _PROGRAM.fullmatch(word)), None)
    if program is None and words and not _ARGUMENT.fullmatch(words[0]):
        raise ValueError(
            f"{where}{_shown(' '.join(words))!r} is not a trtexec command: give 'trtexec --onnx=…' "
            "or its arguments alone"
        )
    before, after = ([], words) if program is None else (words[:program], words[program + 1 :])
    others = before + [word for word in after if not _ARGUMENT.fullmatch(word)]
    return Words(
        [word for word in after if _ARGUMENT.fullmatch(word)],
        _shown(" ".join(visible(word) for word in others)),
    )


def refusal(source: str, problems: Sequence[str]) -> ValueError:
    """The error that lists what `source` cannot take of a command, a problem a line."""
    shown, more = problems[:_MOST_PROBLEMS], problems[_MOST_PROBLEMS:]
    listed = "\n  ".join([*shown, *[f"and {len(more)} more"] * bool(more)])
    return ValueError(f"{source} cannot take these arguments:\n  {listed}")


def problem_of(argument: str, problem: object) -> str:
    """What is wrong with an argument, in a line."""
    return f"{in_brief(visible(argument), LONGEST_QUOTE)}: {in_brief(problem)}"


def no_arguments(others: str) -> str:
    """What is wrong with words that are no arguments."""
    return (
        f"{others}: not arguments of trtexec, which begin with --: drop what belongs to the "
        "shell; variables and wrappers go in front of pytest"
    )


def unknown(flag: str, known: Iterable[str]) -> str:
    """What is wrong with a flag that trtexec does not have; the nearest one that it has."""
    # The dashes, which all have in common, would bring short names near to any.
    names = {one.strip("-").lower(): one for one in sorted(known)}
    near = nearest(flag.strip("-").lower(), names)
    meant = f": did you mean {names[near]}?" if near else ""
    return f"trtexec has no option {brief(flag)}{meant}"


def visible(word: str) -> str:
    """The word, in quotes if it would be invisible without them."""
    return word if word.strip() and word.isprintable() else repr(word)


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _file_of(command: object, find: Callable[[Path], Path]) -> Path | None:
    if isinstance(command, Path):
        return find(command)
    if not isinstance(command, str) or not command.strip():
        return None
    try:
        path = find(Path(command))
        is_file = path.is_file()
    except OSError:  # commands may be longer than names of files
        path, is_file = Path(command), False
    return path if is_file or "--" not in command else None


def _text_of(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EngineBuildError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        text = "\0"
    # ONNX files begin with one of these characters, and small ones decode as UTF-8.
    if re.search(r"[\0-\b]", text):
        raise ValueError(
            f"{path}: the file holds no command in UTF-8; give a model as --onnx={path}, a plan as "
            f"--loadEngine={path}"
        )
    return text


def _split(text: str, where: str) -> list[str]:
    if len(text) > LONGEST_COMMAND:
        raise ValueError(f"{where}a trtexec command has at most {LONGEST_COMMAND} characters")
    try:
        return shlex.split(_joined(text))
    except ValueError as error:
        raise ValueError(f"{where}{_shown(text)!r} is not a trtexec command: {error}") from None


def _joined(text: str) -> str:
    """The text without comments and continued lines.

    Unlike in `shlex`, a ``#`` inside a word is no comment. A backslash continues its line also
    before blanks and a carriage return.
    """
    continuation = r"\\[ \t]*\r?(?:\n|\Z)"
    quoted = r"""\\.|'[^']*'|"(?:\\.|[^"\\])*["]"""
    return re.sub(rf"{continuation}|({quoted})|(?<!\S)#.*", lambda match: match[1] or "", text)
