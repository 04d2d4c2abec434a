"""`Settings`: the values of the options that `options` declares.

`resolve` finds the values, and `plugin` adds the options to pytest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_trtperf.baseline.layout import Layout
from pytest_trtperf.options import DECLARED
from pytest_trtperf.options.values import KernelsChoice, ReferencePlace, Tolerance


class Settings:
    """The values of all options: of a run, or of one measurement with its mark and call.

    Immutable. `options.DECLARED` has the default of each and says what it is for.

    Raises:
        TypeError: there is no such option.
    """

    enabled: bool
    backend: tuple[str, ...]
    cache_dir: Path | None
    shared_cache: bool
    cache_size: float | None
    reference_size: float | None
    reference: ReferencePlace | None
    reference_setup: str | None
    race: str
    environment: str
    software: str
    build_log: str
    build_only: bool
    smoke: bool
    baseline_dir: Path | None
    baseline_files: Layout | None
    lock_dir: Path | None
    lock_timeout: float
    against: Path | None
    update: bool
    update_new: bool
    require_baseline: bool
    strict: bool
    time_limit: float | None
    changed_only: bool
    host: str | None
    json: Path | None
    html: Path | None
    traces: Path | None
    github: bool
    export_times: Path | None
    export_profile: Path | None
    nvtx: bool
    tolerance: Tolerance | None
    widening: float
    inconclusive: str
    sessions: int
    max_time: float
    warm_up_ms: float
    max_warm_up: float
    round_ms: float
    round_queries: int
    transfers: bool
    spin_wait: bool
    cuda_graph: bool
    streams: int
    concurrency: int | None
    kernels: KernelsChoice
    idle_ms: float
    request_rate: float | None
    arrivals: str
    profile: int | None
    layers: bool
    inputs: Any
    seed: int
    owner: str | None
    labels: dict[str, str] | None

    def __init__(self, **values: Any) -> None:
        if unknown := values.keys() - {option.name for option in DECLARED}:
            raise TypeError(f"no such option: {', '.join(sorted(unknown))}")
        vars(self).update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings do not change: make others with replaced({name}=…)")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return all(getattr(self, one.name) == getattr(other, one.name) for one in DECLARED)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def replaced(self, **values: Any) -> Settings:
        """These settings with other values of some options."""
        return Settings(**{**vars(self), **values})


for _option in DECLARED:
    setattr(Settings, _option.name, _option.default)
