"""What a query of one set of inputs copies and queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_trtperf.backend.tensorrt.cuda import Buffer


@dataclass(frozen=True)
class Part:
    """The part of a buffer that an output fills; it looks like a buffer."""

    host: Any
    device: Any
    size: int


@dataclass
class Feed:
    """Buffers of one set of inputs, and what a query of it does with them.

    Attributes:
        addresses: where the context reads each input.
        inputs, outputs: the buffers that a query copies.
        enqueue: queues one query's compute.
    """

    addresses: Mapping[str, int]
    inputs: list[Buffer]
    enqueue: Callable[[], None]
    outputs: list[Buffer | Part] = field(default_factory=list)
