"""Which value an option has: call > mark > command line > environment > ini file > default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_trtperf.options import DECLARED, OF_MEASUREMENT, Option
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.values import PARSERS
from pytest_trtperf.record.text import shortened
from pytest_trtperf.text import in_brief, nearest, with_escapes

STRICT_MEANS: Mapping[str, Any] = {
    "require_baseline": True,
    "inconclusive": "fail",
    "environment": "fail",
}
"""The options that --trtperf-strict stands for."""

FREE_PREFIX = "TRTPERF_X_"
"""Variables that begin with it are of others."""

NO_OPTIONS = ("TRTPERF_CACHE_KEY_FILE", "TRTPERF_EXTRA", "TRTPERF_GPU_SITE")
"""Known variables that are no options: of `trtperf cache`, and of the project's own runs."""


class Sources(NamedTuple):
    """Where the options of a run may be given.

    Attributes:
        command_line: the value for a key, or None.
        environment: the process's variables.
        ini: the value for a key, or an empty text.
        folder: the ini file's, which its relative paths start from.
    """

    command_line: Callable[[str], object]
    environment: Mapping[str, str]
    ini: Callable[[str], object]
    folder: Path | None


class Given(NamedTuple):
    """The value of an option, and where it was given, in words."""

    value: Any
    source: str


def resolve(sources: Sources) -> Settings:
    """The settings of a run.

    Raises:
        ValueError: a value is not acceptable, or two options contradict each other; the message
            names where a value was given.
    """
    given = {option.name: look_up(option, sources) for option in DECLARED}
    settings = Settings(**{name: found.value for name, found in given.items() if found})
    if settings.smoke and settings.build_only:
        raise ValueError("--trtperf-smoke builds as well: leave --trtperf-build-only out")
    if settings.smoke or settings.build_only:
        settings = settings.replaced(enabled=True, build_only=True, changed_only=False)
    if settings.strict:
        settings = settings.replaced(**STRICT_MEANS)
    _check(settings)
    updates = ("trtperf_update", "trtperf_update_new")
    if any(sources.command_line(key) for key in updates) and not settings.enabled:
        raise ValueError("--trtperf-update records what is measured: give --trtperf as well")
    is_of_git = settings.reference is not None and settings.reference.kind == "git"
    if sources.command_line("trtperf_reference_setup") and not is_of_git:
        raise ValueError(
            "--trtperf-reference-setup runs in the tree of a revision: give "
            "--trtperf-reference=git:REV as well"
        )
    if settings.enabled:
        for flaw in unknown_variables(sources.environment):
            raise ValueError(flaw)
    return settings


def override(settings: Settings, options: Mapping[str, Any], source: str) -> Settings:
    """The settings with a mark's or a call's options on top; None means not given.

    Raises:
        ValueError: an unknown option or a value that is not acceptable.
    """
    known = {option.name: option for option in OF_MEASUREMENT}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(
            f"{source}: unknown option {', '.join(unknown)}; known are {', '.join(known)}"
        )
    given = {
        name: _parse(known[name], value, f"{source}: {name}")
        for name, value in options.items()
        if value is not None
    }
    if "labels" in given:
        given["labels"] = {**(settings.labels or {}), **given["labels"]}
    return settings.replaced(**given)


def _check(settings: Settings) -> None:
    if settings.update and settings.update_new:
        raise ValueError("--trtperf-update and --trtperf-update-new exclude each other")
    if settings.against and (settings.update or settings.update_new):
        raise ValueError("--trtperf-against compares with a record: leave --trtperf-update out")
    if settings.build_only and (settings.update or settings.update_new or settings.against):
        flag = "--trtperf-smoke" if settings.smoke else "--trtperf-build-only"
        raise ValueError(
            f"{flag} measures nothing: leave --trtperf-update and --trtperf-against out"
        )
    if settings.changed_only and settings.update:
        raise ValueError(
            "--trtperf-changed-only and --trtperf-update exclude each other, since an update "
            "measures all tests; --trtperf-update-new only records what has no baseline"
        )
    if settings.request_rate is not None and settings.idle_ms:
        raise ValueError("idle_ms is for a closed load: give either idle_ms or request_rate")


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Says of each variable that is no option's what is meant: whoever set it relies on it."""
    known = {option.variable for option in DECLARED}
    free = known.union(NO_OPTIONS)
    for name in sorted(environment):
        if name.startswith("TRTPERF_") and not (name in free or name.startswith(FREE_PREFIX)):
            yield (
                f"unknown environment variable {_nearest(name, known)} (names that begin with "
                f"{FREE_PREFIX} are free)"
            )


def unknown_keys(given: Iterable[str]) -> Iterator[str]:
    """The same of keys of an ini file.

    Args:
        given: those that pytest does not know.
    """
    for key in sorted(given):
        if key.startswith("trtperf"):
            yield f"unknown ini key {_nearest(key, {one.key for one in DECLARED})}"


def _nearest(name: str, known: Iterable[str]) -> str:
    by_rest = {one.partition("_")[2]: one for one in known}
    near = nearest(name.partition("_")[2], by_rest)
    remedy = f": write {by_rest[near]}" if near else ": no option has this name"
    return with_escapes(shortened(name)) + remedy


def look_up(option: Option, sources: Sources) -> Given | None:
    """The value of one option; None where it is not given.

    Raises:
        ValueError: it is not acceptable; the message names where it was given.
    """
    value: Any
    if (value := sources.command_line(option.key)) is not None:
        return _parsed(option, value, option.flag)
    if value := sources.environment.get(option.variable):
        return _parsed(option, value, f"environment variable {option.variable}")
    if (value := sources.ini(option.key)) == "":
        return None
    if option.kind in ("path", "reference") and sources.folder:
        value = _from_folder(option.kind, str(value), sources.folder)
    return _parsed(option, value, f"ini key {option.key}")


def _parsed(option: Option, value: object, source: str) -> Given:
    return Given(_parse(option, value, source), source)


def _from_folder(kind: str, value: str, folder: Path) -> object:
    """A path of the ini file, which starts from that file's folder."""
    what, colon, place = value.partition(":") if kind == "reference" else ("", "", value)
    if what == "git" or place.startswith("~") or not place:
        return value
    return f"{what}{colon}{folder / place}"


def _parse(option: Option, value: object, source: str) -> Any:
    try:
        return PARSERS[option.kind](value)
    except ValueError as error:
        raise ValueError(f"{source}: {in_brief(error)}") from None
