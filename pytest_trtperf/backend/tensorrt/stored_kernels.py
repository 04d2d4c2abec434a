"""What is stored of TensorRT for RTX's kernels: its runtime cache, and the stages of its growth.

Sessions of more shapes let a runtime cache grow, and its digest changes. The digests of earlier
stages show that the kernels of that time are still the same. They follow the runtime cache: 32
bytes each, their number in four bytes (little-endian), and a mark.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

MOST_STAGES = 64
"""The latest are kept."""

_MARK = b"trtperf1"
_END = struct.Struct(f"<I{len(_MARK)}s")
_DIGEST_BYTES = 32


def with_stages(runtime_cache: bytes, stages: Sequence[str]) -> bytes:
    """What is stored.

    Args:
        stages: SHA-256s (hexadecimal), the latest last.
    """
    kept = stages[-MOST_STAGES:]
    digests = b"".join(map(bytes.fromhex, kept))
    return runtime_cache + digests + _END.pack(len(kept), _MARK)


def without_stages(stored: bytes) -> tuple[bytes, list[str]]:
    """Runtime cache and stages; none of what was stored without them."""
    if len(stored) < _END.size:
        return stored, []
    count, mark = _END.unpack(stored[-_END.size :])
    size = len(stored) - _END.size - count * _DIGEST_BYTES
    if mark != _MARK or size < 0:
        return stored, []
    digests = stored[size : -_END.size]
    places = range(0, len(digests), _DIGEST_BYTES)
    return stored[:size], [digests[place : place + _DIGEST_BYTES].hex() for place in places]
