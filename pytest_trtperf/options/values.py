"""Parsers of option values, from text or from Python; each raises a ValueError that says why."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from pytest_trtperf.baseline.layout import LAYOUTS

Tolerance = float | Mapping[str, float]
KernelsChoice: TypeAlias = Literal["cached", "fresh"]
ToleranceKind: TypeAlias = Literal["median", "p99", "throughput"]
InconclusivePolicy: TypeAlias = Literal["warn", "fail", "estimate"]
Arrivals: TypeAlias = Literal["poisson", "constant"]
TOLERANCE_KINDS: tuple[str, ...] = get_args(ToleranceKind)
INCONCLUSIVE_POLICIES: tuple[str, ...] = get_args(InconclusivePolicy)
ARRIVALS: tuple[str, ...] = get_args(Arrivals)
KERNELS: tuple[str, ...] = get_args(KernelsChoice)
MAX_NUMBER = 1e7
MAX_RATE = 1e9
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_INPUTS = "write name:file,name2:file2 or the path of one .npz file"
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def parse_bool(value: object) -> bool:
    """Accepts a bool or one of 1/0, true/false, yes/no, on/off."""
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"expected true or false, got {value!r}")


def parse_backends(value: object) -> tuple[str, ...]:
    """A comma-separated preference list of backends, or a list of names.

    Only the spelling is checked. An unknown name is refused when its backend is looked up.
    """
    items = value if isinstance(value, (list, tuple)) else str(value).split(",")
    names = tuple(str(name).strip() for name in items if str(name).strip())
    if not names or not all(re.fullmatch(r"[a-z0-9-]+", name) for name in names):
        raise ValueError(f"expected names of backends such as auto,onnxruntime, got {value!r}")
    return names


def parse_tolerance(value: object) -> Tolerance:
    """A share for all kinds (`0.02`), or one for each (`median=0.02,p99=0.1`, or such a dict)."""
    if isinstance(value, str) and "=" in value:
        value = {kind: share for kind, _, share in (i.partition("=") for i in value.split(","))}
    if isinstance(value, Mapping):
        shares = {str(kind).strip(): parse_share(share) for kind, share in value.items()}
        unknown = sorted(set(shares) - set(TOLERANCE_KINDS))
        if unknown:
            raise ValueError(f"unknown kind {', '.join(unknown)}; choose from {TOLERANCE_KINDS}")
        return shares
    return parse_share(value)


def parse_share(value: object) -> float:
    """A share above 0 and below 1."""
    share = _number(value)
    if not 0 < share < 1:
        raise ValueError(f"expected a share above 0 and below 1, 0.05 for 5 %, got {value!r}")
    return share


def _number(value: object) -> float:
    if isinstance(value, bool):
        raise ValueError(f"expected a number, got {value!r}")
    try:
        return float(value)  # type: ignore[arg-type]
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"expected a number, got {value!r}") from None


def parse_positive(value: object) -> float:
    """A number above zero, up to `MAX_NUMBER`."""
    number = _number(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"expected a number above 0, got {value!r}")
    return _bounded(number, MAX_NUMBER)


def _bounded(number: float, maximum: float) -> float:
    if number > maximum:
        raise ValueError(f"expected at most {maximum:g}, got {number:g}")
    return number


def parse_count(minimum: int, maximum: int = 100_000_000) -> Callable[[object], int]:
    """A parser for whole numbers from `minimum` to `maximum`."""

    def parse(value: object) -> int:
        number = _number(value)
        if not number.is_integer() or number < minimum:
            raise ValueError(f"expected a whole number of at least {minimum}, got {value!r}")
        return int(_bounded(number, maximum))

    return parse


def parse_not_negative(value: object) -> float:
    """A finite number of zero or more."""
    number = _number(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"expected a number of 0 or more, got {value!r}")
    return _bounded(number, MAX_NUMBER)


def parse_rate(value: object) -> float | None:
    """Queries per second up to `MAX_RATE`; `closed` stands for no rate."""
    if value == "closed":
        return None
    number = _number(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"expected a number above 0, or closed, got {value!r}")
    return _bounded(number, MAX_RATE)


def parse_size(value: object) -> float:
    """Bytes, such as `20GiB`, `500 MB` or a number alone; `none` is no limit."""
    text = str(value).strip()
    if text.lower() == "none":
        return math.inf
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) *([A-Za-z]*)", text)
    unit = _SIZES.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(f"expected a size such as 20GiB, or none, got {value!r}")
    return float(found[1]) * unit


def parse_age(value: object) -> float:
    """Seconds, such as `30d`, `12h`, `30m` or `90s`."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *([smhdw])", str(value).strip().lower())
    if found is None:
        raise ValueError(f"expected an age such as 30d or 12h, got {value!r}")
    return float(found[1]) * _AGES[found[2]]


def parse_choice(*choices: str) -> Callable[[object], str]:
    """A parser for one of `choices`."""

    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}, got {value!r}")
        return str(value)

    return parse


InputSet: TypeAlias = dict[str, object] | Path
"""Values of inputs: by name, or the file that has them; a pattern is that of several files."""


def parse_inputs(value: object) -> InputSet | tuple[InputSet, ...]:
    """What a user writes for ``inputs=``, checked; no file is opened.

    It is a set of values, or a list of several that queries take in turns. A set is a mapping of
    input names to arrays or paths, trtexec's ``name:file,name2:file2``, or the path of one
    ``.npz``, which may be a pattern. In trtexec's form a name ends at the last colon, or it is
    quoted: ``'``.

    Raises:
        ValueError: it is none of these; the message says how to write it.
    """
    if not isinstance(value, (list, tuple)):
        return parse_input_set(value)
    found = []
    for place, one in enumerate(value):
        try:
            found.append(parse_input_set(one))
        except ValueError as error:
            raise ValueError(f"inputs[{place}]: {error}") from None
    if not found:
        raise ValueError("the list has no set of inputs: leave inputs= out to have them generated")
    return found[0] if len(found) == 1 else tuple(found)


def parse_input_set(value: object) -> InputSet:
    """One set of `parse_inputs`.

    Raises:
        ValueError: see there.
    """
    if isinstance(value, str):
        text = value.strip()
        alone = text.lower().endswith(".npz") and ":" not in text
        value = Path(text) if alone else _named_files(text)
    if isinstance(value, os.PathLike):
        path = Path(value)
        if path.suffix.lower() != ".npz":
            raise ValueError(f"{str(path)!r} does not say for which input it is: {_INPUTS}")
        return path
    if not isinstance(value, Mapping):
        raise ValueError(
            f"expected a mapping of names to arrays or files, not {type(value).__name__}; "
            f"as text {_INPUTS}"
        )
    given: dict[str, object] = {}
    for name, item in value.items():
        if not isinstance(name, str) or not name:
            raise ValueError(f"{name!r} is not the name of an input")
        if not isinstance(item, (str, os.PathLike)):
            given[name] = item
        elif Path(item).suffix.lower() == ".npz":
            raise ValueError(
                f"input {name!r}: {str(item)!r} may hold several arrays; give the path of an .npz "
                "file alone, or save this array as .npy"
            )
        else:
            given[name] = Path(item)
    return given


def _named_files(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in text.split(","):
        if part.strip().startswith("'"):
            name, _, file = part.strip()[1:].partition("':")
        else:
            name, _, file = part.rpartition(":")
        name, file = name.strip(), file.strip()
        if not name or not file:
            raise ValueError(f"{part!r} is not name:file; {_INPUTS}")
        if name in given:
            raise ValueError(f"input {name!r} is given twice")
        given[name] = file
    return given


def parse_path(value: object) -> Path:
    """A path, with `~` expanded."""
    if not str(value):
        raise ValueError("expected a path, got an empty string")
    try:
        expanded = Path(str(value)).expanduser()
    except RuntimeError:
        raise ValueError(f"the home directory of {str(value)!r} cannot be found") from None
    # Not resolve(): a link in the caller's path stays one.
    return Path(os.path.abspath(expanded))  # noqa: PTH100


class ReferencePlace(NamedTuple):
    """Where references are.

    Attributes:
        kind: what `place` is: a directory of references, an engine cache, or a revision of git.
    """

    kind: Literal["dir", "cache", "git"]
    place: str


def parse_reference(value: object) -> ReferencePlace:
    """A place such as `dir:PATH`, `cache:PATH` or `git:REV`; paths as of `parse_path`."""
    if isinstance(value, ReferencePlace):
        return value
    kind, colon, place = str(value).partition(":")
    if kind not in ("dir", "cache", "git") or not colon or not place.strip():
        raise ValueError(f"expected dir:PATH, cache:PATH or git:REV, got {value!r}")
    if kind == "git":
        if place.startswith("-") or not place.isprintable():
            raise ValueError(f"{place!r} is no revision of git")
        return ReferencePlace("git", place)
    return ReferencePlace("dir" if kind == "dir" else "cache", str(parse_path(place)))


def parse_widening(value: object) -> float:
    """A factor of at least 1."""
    factor = parse_positive(value)
    if factor < 1:
        raise ValueError(f"expected a factor of at least 1, got {value!r}")
    return factor


def parse_text(value: object) -> str:
    """A text with more than blanks."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a text, got {value!r}")
    return value


def parse_labels(value: object) -> dict[str, str]:
    """Labels by name: a mapping, or `name=text,name=text`.

    Raises:
        ValueError: a name is empty, or there is no text.
    """
    if isinstance(value, Mapping):
        pairs = [(str(name).strip(), str(text).strip()) for name, text in value.items()]
    else:
        parts = [part.partition("=") for part in str(value).split(",")]
        if not all(separator for _, separator, _ in parts):
            raise ValueError(f"expected name=text,name=text, got {value!r}")
        pairs = [(name.strip(), text.strip()) for name, _, text in parts]
    if not all(name for name, _ in pairs):
        raise ValueError(f"a label has no name: {value!r}")
    return dict(pairs)


PARSERS: Mapping[str, Callable[[object], Any]] = {
    "arrivals": parse_choice(*ARRIVALS),
    "backends": parse_backends,
    "baseline_files": parse_choice(*LAYOUTS),
    "bool": parse_bool,
    "build_log": parse_choice("info", "verbose"),
    "changed": parse_choice("warn", "fail"),
    "concurrency": parse_count(1, 4096),
    "inconclusive": parse_choice(*INCONCLUSIVE_POLICIES),
    "inputs": parse_inputs,
    "kernels": parse_choice(*KERNELS),
    "labels": parse_labels,
    "not_negative": parse_not_negative,
    "path": parse_path,
    "positive": parse_positive,
    "rate": parse_rate,
    "profile": parse_count(1),
    "race": parse_choice("auto", "always", "never"),
    "reference": parse_reference,
    "round_queries": parse_count(2),
    "seed": parse_count(0),
    "sessions": parse_count(1, 100),
    "size": parse_size,
    "streams": parse_count(1, 1024),
    "text": parse_text,
    "tolerance": parse_tolerance,
    "widening": parse_widening,
}
"""What parses an option's values, by its kind."""
