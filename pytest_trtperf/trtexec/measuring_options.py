"""trtexec's command line of a measurement -> the arguments of `trt_measure`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.trtexec import values
from pytest_trtperf.trtexec.arguments import (
    no_arguments,
    problem_of,
    read_words,
    refusal,
    unknown,
)
from pytest_trtperf.trtexec.command import KNOWN
from pytest_trtperf.trtexec.measured_mode import PROFILE_SHAPES, switches_of
from pytest_trtperf.trtexec.measuring_flags import NOT_MEASURED, SWITCHES, VALUES

_ITERATIONS = 10
"""What trtexec runs at least."""
_SHAPES = ("--shapes", *PROFILE_SHAPES)


class MeasuringCommand(NamedTuple):
    """How a trtexec command measures.

    Attributes:
        shapes: what ``--shapes`` says, by input.
        profile: by input, the shapes that trtexec takes for other inputs: those that the same
            command builds for.
        options: of `trt_measure`.
    """

    shapes: dict[str, str]
    profile: dict[str, str]
    options: dict[str, Any]


@dataclass
class _Reading:
    """The arguments that were read so far.

    Attributes:
        number: of the profile that shapes belong to. used: of that which is measured.
    """

    flags: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    shapes: dict[tuple[int, str], dict[str, str]] = field(default_factory=dict)
    number: int = 0
    used: int = 0


def read_measuring(
    command: str | Sequence[str] | Path,
    find: Callable[[Path], Path] = Path,
    version: int | None = None,
) -> MeasuringCommand:
    """Reads how trtexec would measure; what it builds is left to `read_command`.

    Args:
        command: arguments as for a shell, as a list, or the path of a file that holds them.
        find: finds the file of a path.
        version: trtexec's major version, 10 or 11, for the defaults of what is not given;
            None leaves it open.

    Raises:
        ValueError: it is not a trtexec command, or some arguments are unknown, or have no
            counterpart among the options of a measurement; the message names all of them.
        TypeError: the command is neither text, list nor path.
        EngineBuildError: the file cannot be read.
    """
    if version not in (None, 10, 11):
        raise ValueError(f"version={version!r}: give 10 or 11, trtexec's major version, or None")
    arguments, others = read_words(command, find)
    reading, problems = _Reading(), []
    for argument in arguments:
        flag, _, value = argument.partition("=")
        try:
            _read_argument(reading, flag, value)
        except ValueError as problem:
            problems.append(problem_of(argument, problem))
        reading.flags.append(flag)
    if others:
        problems.append(no_arguments(others))
    try:
        _take_profile(reading.options)
        switches = _switches(reading.flags, version)
    except (ValueError, BaselineError) as problem:
        problems.append(str(problem))
    if problems:
        raise refusal("trt_measure.from_trtexec", problems)
    built = (reading.shapes.get((reading.used, flag)) for flag in PROFILE_SHAPES)
    return MeasuringCommand(
        reading.shapes.get((0, "--shapes"), {}),
        next(filter(None, built), {}),
        switches | reading.options,
    )


def _read_argument(reading: _Reading, flag: str, value: str) -> None:
    if flag in _SHAPES:
        key = (0 if flag == "--shapes" else reading.number, flag)
        if key in reading.shapes:
            raise values.Unusable(f"{flag} was given before: keep one")
        reading.shapes[key] = values.shapes(value)
    elif flag == "--profile":
        reading.number = values.whole(value)
    elif flag == "--useProfile":
        reading.used = values.whole(value)
    elif flag in SWITCHES:
        if value:
            raise values.Unusable("takes no value")
    elif flag in VALUES:
        name, convert = VALUES[flag]
        if not value:
            raise values.Unusable(f"needs a value: {flag}=…")
        if name in reading.options:
            raise values.Unusable("contradicts an argument before it: keep one")
        reading.options[name] = convert(value)
    elif flag in NOT_MEASURED:
        raise values.Unusable(NOT_MEASURED[flag])
    elif flag not in KNOWN:
        raise values.Unusable(unknown(flag, KNOWN))


def _take_profile(options: dict[str, Any]) -> None:
    """Without a warm-up and a duration, trtexec runs so many iterations for a profiler."""
    if 0 not in (options.get("warm_up_ms"), options.get("max_time")):
        return
    if options.pop("warm_up_ms", None) != 0 or options.pop("max_time", None) != 0:
        raise values.Unusable(
            "--warmUp=0 and --duration=0 go together, and run a profile: cold numbers decide "
            "nothing, nor do those of no time"
        )
    options["profile"] = options.pop("round_queries", _ITERATIONS)


def _switches(flags: Collection[str], version: int | None) -> dict[str, Any]:
    of_version = {} if version is None else switches_of(flags, version)
    given: dict[str, Any] = {}
    for flag in flags:
        name, wanted = SWITCHES.get(flag, ("", None))
        if name and name not in of_version and given.setdefault(name, wanted) != wanted:
            raise values.Unusable(f"{flag}: contradicts an argument before it: keep one")
    return given | of_version
