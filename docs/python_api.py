"""The section "Python API" of the reference, from signatures and docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest_trtperf
from pytest_trtperf import errors, hookspecs, plugin
from pytest_trtperf.analysis.diagnosis import Finding, FindingCode
from pytest_trtperf.analysis.paired import Ratio
from pytest_trtperf.analysis.rate_estimate import Trial
from pytest_trtperf.analysis.verdict import Reason, Status
from pytest_trtperf.backend.session import DeviceMemory
from pytest_trtperf.engine.shapes import TensorInfo
from pytest_trtperf.fixtures.result import Result

HELD: Mapping[str, tuple[str, str]] = {
    "TrtEngine": ("trt_engine", "The fixture `trt_engine`."),
    "TrtMeasure": ("trt_measure", "The fixture `trt_measure`."),
    "TrtCompare": ("trt_compare", "The fixture `trt_compare`."),
    "Engine": ("engine", "What `trt_engine(…)` returns."),
    "Perf": ("perf", "What `trt_measure(…)` returns."),
    "Pair": ("pair", "What `trt_compare(…)` returns."),
    "Sweep": ("sweep", "What `trt_measure.sweep(…)` and `trt_measure.builds(…)` return."),
    "MaxQps": ("max_qps", "What `trt_measure.max_qps(…)` returns."),
}
VALUES = ("Round", "Summary", "Layer", "Verdict")
OTHER_VALUES = (Finding, Ratio, Trial, DeviceMemory, TensorInfo)
"""Values without a public name: nothing but the plugin makes them."""

CODES = (Status, Reason, FindingCode)
"""Members are text, so that a test compares them with text: `finding.code == "bimodal"`."""

ALIASES: Mapping[str, str] = {
    "ShapeLike": '`(8, 3, 224, 224)` or `"8x3x224x224"`',
    "Shapes": "by input, one shape or (minimum, optimum, maximum), each as `ShapeLike`",
    "Limit": 'a number, or one for each pattern of device names: `{"NVIDIA H200*": 2.0}`',
    "Tolerance": "a share such as 0.02, or one for each kind: `median`, `p99`, `throughput`",
    "FloatArray": "a numpy array of float64",
    "MeasureOptions": "the options of [the mark](#the-mark)",
    "BuildOptions": "the options in the table of [engines.md](engines.md#options)",
}

SECTIONS = ("Args", "Attributes", "Raises")
_ENTRY = re.compile(r"([*\w]+(?:, \w+)*): (.*)")

_INTRODUCTION = """\
## Python API

`from pytest_trtperf import TrtEngine, TrtMeasure, TrtCompare` gives the types of the fixtures, so
that an editor and a type checker know a test's calls and their options. All names below that have a
heading can be imported from `pytest_trtperf`, and so can the errors and warnings. What begins with
an underscore, and all that stands in other modules, may change in any release.

| fixture | |
|---|---|
"""


def section() -> Iterator[str]:
    """The lines of the section."""
    yield from _INTRODUCTION.splitlines()
    for name in sorted(plugin.FIXTURES):
        yield row(f"`{name}`", parse(getattr(plugin, name))[0])
    yield ""
    yield from ("| in signatures | |", "|---|---|")
    yield from (row(f"`{name}`", about) for name, about in ALIASES.items())
    yield ""
    for name, (owner, origin) in HELD.items():
        yield from _held(getattr(pytest_trtperf, name), owner, origin)
    yield from _held(Result, "result", "What `pair.new` and `pair.reference` are.")
    for name in VALUES:
        yield from (f"### `{name}`", "")
        yield from _value(getattr(pytest_trtperf, name))
    yield from ("### Other values", "")
    for kind in OTHER_VALUES:
        yield from (f"**`{kind.__name__}`**", "")
        yield from _value(kind)
    yield from ("### Codes", "", "| | | values, which are text |", "|---|---|---|")
    for kind in CODES:
        values = ", ".join(f"`{member.value}`" for member in kind)
        yield row(f"`{kind.__name__}`", parse(kind)[0], values)
    yield ""
    yield from ("### Errors and warnings", "", "| | base | |", "|---|---|---|")
    for name, kind in vars(errors).items():
        if inspect.isclass(kind):
            bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
            yield row(f"`{name}`", bases, parse(kind)[0])
    yield ""


def hooks() -> Iterator[str]:
    """The lines of the section on hooks."""
    yield from ("## Hooks", "", "Provisional; [extending.md](extending.md) shows them in use.", "")
    for name in dir(hookspecs):
        function = getattr(hookspecs, name)
        parameters = inspect.signature(function).parameters.values()
        arguments = ", ".join(f"{one.name}: {one.annotation}" for one in parameters)
        returned = _type_of(function, "return")
        yield from (f"### `{name}`", "", "```python", f"{name}({arguments}) -> {returned}", "```")
        yield from ("", parse(function)[0], "")


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _held(kind: type, owner: str, origin: str) -> Iterator[str]:
    """What a test holds: its attributes as a table, then each method."""
    text, sections = parse(kind)
    yield from (f"### `{kind.__name__}`", "", f"{origin} {text}", "")
    used = dict(members(kind))
    attributes = {name: value for name, value in used.items() if not inspect.isfunction(value)}
    if attributes:
        yield from ("| attribute | type | |", "|---|---|---|")
    for name, value in attributes.items():
        if isinstance(value, str):
            yield row(
                f"`{owner}.{name}`", f"`{value}`", sections.get("Attributes", {}).get(name, "")
            )
            continue
        text, parts = parse(value)
        getter = getattr(value, "fget", None) or value.func
        raises = "".join(f" Raises {_quoted(e)}: {t}" for e, t in parts.get("Raises", {}).items())
        yield row(f"`{owner}.{name}`", f"`{_type_of(getter, 'return')}`", text + raises)
    if attributes:
        yield ""
    for name, value in used.items():
        if inspect.isfunction(value):
            yield from _method(owner if name == "__call__" else f"{owner}.{name}", value)


def _method(name: str, function: Any) -> Iterator[str]:
    text, sections = parse(function)
    yield from (f"#### `{name}`", "", "```python", *_signature(name, function), "```", "", text, "")
    arguments, raised = sections.get("Args", {}), sections.get("Raises", {})
    yield from (f"- {_quoted(argument)}: {about}" for argument, about in arguments.items())
    for error, about in raised.items():
        yield f"- raises {_quoted(error)}: {about}"
    if arguments or raised:
        yield ""


def _value(kind: type) -> Iterator[str]:
    """A frozen value: its docstring, and its fields."""
    text, sections = parse(kind)
    yield from (text, "", "| attribute | type | |", "|---|---|---|")
    for name, value in members(kind):
        if isinstance(value, str):
            yield row(f"`{name}`", f"`{value}`", sections.get("Attributes", {}).get(name, ""))
        elif isinstance(value, property):
            yield row(f"`{name}`", f"`{_type_of(value.fget, 'return')}`", parse(value)[0])
    yield ""


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """What a test may use, in the order of the source, inherited first; fields as their types."""
    found: dict[str, Any] = {}
    if dataclasses.is_dataclass(kind):
        found.update({field.name: str(field.type) for field in dataclasses.fields(kind)})
    for base in reversed(kind.__mro__[:-1]):
        found.update({n: v for n, v in vars(base).items() if _is_member(v)})
    for name, value in found.items():
        if name == "__call__" or not name.startswith("_"):
            yield name, value


def _is_member(value: Any) -> bool:
    return isinstance(value, property) or inspect.isfunction(value) or hasattr(value, "attrname")


def _signature(name: str, function: Any) -> Iterator[str]:
    """The call as a type checker knows it, one argument a line where there are several."""
    parts, starred = [], False
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        prefix = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        parts.append(f"{prefix}{parameter.name}: {parameter.annotation}{default}")
    end = f") -> {_type_of(function, 'return')}"
    line = f"{name}({', '.join(parts)}{end}"
    if len(line) <= 100:
        yield line
        return
    yield from (f"{name}(", *(f"    {part}," for part in parts), end)


def _quoted(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", "))


def _type_of(function: Any, name: str) -> str:
    return str(function.__annotations__[name])


def parse(value: Any) -> tuple[str, dict[str, dict[str, str]]]:
    """A docstring in Google's style: its text in one line, and its sections by name."""
    sections: dict[str, dict[str, str]] = {}
    text: list[str] = []
    entries: dict[str, str] | None = None
    for line in (inspect.getdoc(value) or "").splitlines():
        if line.rstrip(":") in SECTIONS and line.endswith(":"):
            entries = sections.setdefault(line.rstrip(":"), {})
        elif entries is None or (line and not line.startswith(" ")):
            entries = None
            text.append(line)
        elif match := _ENTRY.fullmatch(line.removeprefix("    ")):
            entries[match[1]] = match[2]
        elif line.strip() and entries:
            last = next(reversed(entries))
            entries[last] += f" {line.strip()}"
    return " ".join(filter(None, text)).replace("``", "`"), sections
