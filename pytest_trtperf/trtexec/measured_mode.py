"""trtexec's command line of a measurement -> its mode and shapes, as our sessions have them.

NVIDIA/TensorRT, samples/common: sampleOptions.cpp reads the command line, sampleInference.cpp has
the loop. What a command line builds is read by `command`.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Collection, Mapping

from pytest_trtperf.engine.shapes import parse_shape
from pytest_trtperf.errors import BaselineError, ShapeError
from pytest_trtperf.text import LONGEST_QUOTE, brief, without_middle
from pytest_trtperf.trtexec.arguments import LONGEST_COMMAND, unknown
from pytest_trtperf.trtexec.command import KNOWN

PROFILE_SHAPES = ("--optShapes", "--maxShapes", "--minShapes")
"""Of the shapes that a command builds for, those that trtexec measures with come first."""


def mode_of_trtexec(arguments: str, version: int = 10) -> dict[str, bool | int | float | str]:
    """The mode in which trtexec measures with these arguments, named as in our sessions.

    Args:
        arguments: trtexec's command line, quoted as for a shell.
        version: TensorRT's major version: most defaults of 11 are the opposite.

    Raises:
        BaselineError: trtexec does not accept an option, or no session of ours measures like this.
    """
    options = _options(arguments)
    for name, reason in _INCOMPARABLE.items():
        if name in options:
            raise BaselineError(f"trtexec's {name} {reason}: measure again without it")
    streams = "--infStreams" if "--infStreams" in options else "--streams"
    return {
        **switches_of(options, version),
        "streams": _whole(streams, options.get(streams, "1")),
        "concurrency": 1 if "--exposeDMA" in options else 2,
        "inputs": "seeded",
        "seed": 0,
        "load": "closed",
        "idle_ms": _milliseconds("--idleTime", options.get("--idleTime", "0")),
    }


def shapes_of_trtexec(arguments: str) -> dict[str, list[int]]:
    """The input shapes that these arguments give to trtexec.

    As in trtexec, an input without `--shapes` has the opt shape of the engine that the same command
    builds, or else its max or min shape.

    Raises:
        BaselineError: a shape cannot be read.
    """
    options = _options(arguments)
    built = next((name for name in PROFILE_SHAPES if name in options), None)
    shapes: dict[str, list[int]] = {}
    for option in (built, "--shapes"):
        if option is not None and option in options:
            shapes |= _shapes(option, options[option])
    return shapes


def switches_of(flags: Collection[str], version: int) -> dict[str, bool]:
    """Transfers, spin wait and CUDA graph, as trtexec of a version measures with these flags.

    Raises:
        BaselineError: this version has no such option.
    """
    if version < 11 and (new := sorted(_NEW_IN_11 & set(flags))):
        raise BaselineError(f"{', '.join(new)}: only trtexec of version 11 has this option")
    return {
        name: (flag in flags) is not flag.startswith("--no")
        for name, flag in _switches(version).items()
    }


def origin(name: str, value: object, version: int) -> str:
    """Which flag, given or not, is behind a value of the mode; empty where it names itself."""
    if name == "concurrency":
        return "by --exposeDMA" if value == 1 else "without --exposeDMA transfers overlap"
    flag = _switches(version).get(name)
    if flag is None:
        return ""
    return f"{'without' if bool(value) is flag.startswith('--no') else 'by'} {flag}"


def _switches(version: int) -> Mapping[str, str]:
    """By what they switch, the flags of a version; 11 accepts those of 10, and ignores them."""
    return _SWITCHES[11 if version >= 11 else 10]


_SWITCHES: Mapping[int, Mapping[str, str]] = {
    10: {
        "transfers": "--noDataTransfers",
        "spin_wait": "--useSpinWait",
        "cuda_graph": "--useCudaGraph",
    },
    11: {
        "transfers": "--includeDataTransfers",
        "spin_wait": "--noSpinWait",
        "cuda_graph": "--noCudaGraph",
    },
}
_INCOMPARABLE = {
    "--loadInputs": "feeds values that the command line does not show",
    "--refPair": "feeds values that the command line does not show",
    "--useManagedMemory": "copies in a way that pytest-trtperf does not measure",
}
_NEW_IN_11 = frozenset(_SWITCHES[11].values())


def _options(arguments: str) -> dict[str, str]:
    """trtexec's options by name; the value follows the first `=`, and other words are skipped."""
    if len(arguments) > LONGEST_COMMAND:
        raise BaselineError(f"trtexec's arguments have at most {LONGEST_COMMAND} characters")
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise BaselineError(f"trtexec's arguments {brief(arguments)}: {error}") from error
    options: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name.startswith("-") and name not in KNOWN:
            raise BaselineError(unknown(name, KNOWN))
        if options.get(name, value) != value:
            raise BaselineError(
                f"trtexec's arguments have {_cut(name)} twice, with different values"
            )
        if name.startswith("-"):
            options[name] = value
    return options


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value) or not int(value):
        raise BaselineError(
            f"trtexec's {name}={_cut(value)}: a whole number of at least 1 is expected"
        )
    return int(value)


def _milliseconds(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise BaselineError(
            f"trtexec's {name}={_cut(value)}: milliseconds of at least 0 are expected"
        )
    return number


def _shapes(option: str, value: str) -> dict[str, list[int]]:
    shapes: dict[str, list[int]] = {}
    for item in value.split(","):
        # As trtexec has it: a name may contain colons, and may stand in single quotes.
        name, _, text = item.rpartition(":")
        name = name.replace("'", "")
        if not (name and text):
            raise BaselineError(
                f"trtexec's {option}={_cut(value)}: {brief(item)} is not NAME:SHAPE"
            )
        try:
            shapes[name] = [] if text == "scalar" else list(parse_shape(text))
        except ShapeError as error:
            raise BaselineError(f"trtexec's {option}={_cut(value)}: {error}") from error
    return shapes


def _cut(text: str) -> str:
    return without_middle(text, LONGEST_QUOTE)
