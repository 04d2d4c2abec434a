"""The raw times of all queries of a run, in one compressed `.npz`.

An array is named `<place>/<round>/<column>`; the place is that of `MeasurementRecord.traces`.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.files.atomic import PendingFile, naming, remove_leftovers


def pack(traces: Sequence[Trace]) -> bytes:
    """The rounds of one measurement as an `.npz`, named `<round>/<column>`."""
    arrays: dict[str, npt.NDArray[Any]] = {
        f"{index}/{column}": values
        for index, trace in enumerate(traces)
        for column, values in _columns(trace)
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # of numpy 2.1 and 2.2
    return buffer.getvalue()


def _columns(trace: Trace) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Nanoseconds of the host's clock, and milliseconds of the device's."""
    times = {"issued": trace.issued, "done": trace.done, "enqueue": trace.enqueue, "due": trace.due}
    yield from ((f"{name}_ns", values) for name, values in times.items() if values is not None)
    yield from ((f"{name}_ms", values) for name, values in trace.stages.items())
    yield from ((f"{name}_start_ms", values) for name, values in trace.starts.items())


class TraceFile:
    """Collects measurements one by one; the file appears, whole, when it is closed.

    Raises:
        OSError: the directory cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        self._pending, self._count = PendingFile(path), 0
        self._archive = zipfile.ZipFile(self._pending.file, "w", zipfile.ZIP_DEFLATED)

    def add(self, packed: bytes) -> str:
        """Adds what `pack` made; returns its place."""
        place = str(self._count)
        with naming(self._pending.path), zipfile.ZipFile(io.BytesIO(packed)) as parts:
            for name in parts.namelist():
                self._archive.writestr(f"{place}/{name}", parts.read(name))
        self._count += 1
        return place

    def close(self) -> None:
        """Publishes the file."""
        try:
            with naming(self._pending.path):
                self._archive.close()
            self._pending.finish()
            self._pending.publish()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Removes what was collected."""
        with contextlib.suppress(OSError, ValueError):
            self._archive.close()
        self._pending.discard()
