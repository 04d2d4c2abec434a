"""What changed of the software that a run was measured with."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def changed_versions(
    then: Mapping[str, str], now: Mapping[str, str], *, besides: Collection[str] = ()
) -> list[tuple[str, str, str]]:
    """Name, version then and version now of what changed, sorted by name.

    A name that one of the two lacks is left out: runs of older versions name less.

    Args:
        besides: names that are left out.
    """
    return [
        (name, then[name], now[name])
        for name in sorted((then.keys() & now.keys()) - {*besides})
        if then[name] != now[name]
    ]
