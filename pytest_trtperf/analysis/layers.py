"""Layer times -> a table: what each layer takes, and which share of the whole that is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_PROFILE = re.compile(r"(\s*\[profile \d+\])+$", re.IGNORECASE)


@dataclass(frozen=True)
class Layer:
    """A layer as profiled.

    Attributes:
        name: the engine's name of it.
        median_ms: over the profiled queries, ms.
        average_ms: over the profiled queries, ms.
        total_ms: of the profiled queries together, ms.
        share: of the sum of the layers' medians, 0 to 1.
        information: the engine inspector's entry, or None where it has none of this name.
    """

    name: str
    median_ms: float
    average_ms: float
    total_ms: float
    share: float
    information: Mapping[str, Any] | None = None


def summarize_layers(
    times: Mapping[str, ArrayLike], information: Sequence[Mapping[str, Any]] = ()
) -> list[Layer]:
    """The layers in the order of `times`, which is the order of execution.

    Args:
        times: The milliseconds of each layer, one number a query.
        information: The engine inspector's entries, each with a ``"Name"``.

    Raises:
        ValueError: a layer has no times, or one that is not finite.
    """
    samples = {name: _checked(name, values) for name, values in times.items()}
    medians = {name: float(np.median(values)) for name, values in samples.items()}
    whole = sum(medians.values())
    find = _Index(information)
    return [
        Layer(
            name=name,
            median_ms=medians[name],
            average_ms=float(np.mean(values)),
            total_ms=float(np.sum(values)),
            share=medians[name] / whole if whole else 0.0,
            information=find(name),
        )
        for name, values in samples.items()
    ]


def _checked(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if not array.size:
        raise ValueError(f"layer {name!r} has no times")
    if not np.isfinite(array).all():
        raise ValueError(f"layer {name!r} has times that are not finite")
    return array


class _Index:
    """Entries by name, then by name without the optimization profile; ambiguity finds none."""

    def __init__(self, information: Sequence[Mapping[str, Any]]) -> None:
        self._exact: dict[str, Mapping[str, Any] | None] = {}
        self._plain: dict[str, Mapping[str, Any] | None] = {}
        for entry in information:
            for index, name in (
                (self._exact, str(entry["Name"])),
                (self._plain, _plain(str(entry["Name"]))),
            ):
                index[name] = entry if index.get(name, entry) == entry else None

    def __call__(self, name: str) -> Mapping[str, Any] | None:
        return self._exact[name] if name in self._exact else self._plain.get(_plain(name))


def _plain(name: str) -> str:
    """The name of a layer as it is in every optimization profile."""
    return _PROFILE.sub("", name.strip())


def times_by_type(layers: Sequence[Layer]) -> dict[str, float]:
    """The medians of layers by their type, ms, the largest first.

    A type is the engine inspector's ``LayerType``; ``unknown`` where it names none.
    """
    times: dict[str, float] = {}
    for layer in layers:
        kind = str((layer.information or {}).get("LayerType") or "unknown")
        times[kind] = times.get(kind, 0.0) + layer.median_ms
    return dict(sorted(times.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class LayerChange:
    """A layer in two profiles, in milliseconds; None where it is in one of them alone.

    `share` is of the sum of all changes; negative where it went against them.
    """

    name: str
    before_ms: float | None
    after_ms: float | None
    share: float

    @property
    def change_ms(self) -> float:
        """How much longer it takes."""
        return (self.after_ms or 0.0) - (self.before_ms or 0.0)


def compare_layers(before: Mapping[str, float], after: Mapping[str, float]) -> list[LayerChange]:
    """The layers of two profiles by what they add to the time, the largest first.

    Args:
        before, after: Median milliseconds by name.
    """
    whole = sum(after.values()) - sum(before.values())
    changes = []
    for name in dict.fromkeys([*after, *before]):
        grown = after.get(name, 0.0) - before.get(name, 0.0)
        share = grown / whole if whole else 0.0
        changes.append(LayerChange(name, before.get(name), after.get(name), share))
    return sorted(changes, key=lambda change: -change.change_ms)
