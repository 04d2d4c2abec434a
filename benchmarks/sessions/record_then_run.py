"""Ten networks, each recorded in an empty cache and run again: nothing changed, nothing may fail.

    python -m benchmarks.sessions.record_then_run [--network efficientnet_b0] [--minutes 8]
        [--json FILE]

Needs a GPU, TensorRT for RTX, torch and torchvision. The networks have random weights and a dynamic
batch, of which 8 is measured with a CUDA graph (the LSTM without). Each step is a pytest run of its
own: one records in an empty cache, three follow, and one has lost the cache. Then efficientnet_b0
is recorded with eight sessions. The figures are appended to the file, and what is there already is
not taken again, so that several calls add up. Exits 1 when a target is missed:

- no failure at a tolerance of 2 % in the three runs,
- without the cache, the median of GPU compute within 2 %; where the digests of the kernels differ,
  the run says that other kernels run than in the baseline,
- of eight sessions' medians the standard deviation at most 0.25 %, the range at most 0.8 %.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.repository import Repository
from benchmarks.sessions.kernel_state import MAX_RANGE, MAX_SD, spread
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineSession, decode
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import MeasurementRecord, SessionRecord

BATCHES = (1, 8, 32)
RUNS = 3
TOLERANCE = 0.02
SESSIONS = 8
OTHER_KERNELS = "other kernels"
EIGHT_SESSIONS = "eight sessions"
OF_EIGHT = "efficientnet_b0"

_MEDIAN = 8
"""Where 0.5 stands among a round's quantiles, see `analysis.summary.QUANTILES`."""

TEST = """
def test_network(trt_engine, trt_measure):
    engine = trt_engine("model.onnx", shapes={profile!r})
    trt_measure(engine, shapes={shapes!r}, cuda_graph={cuda_graph!r})
"""

WITHOUT_GRAPH = ("lstm",)
TORCHVISION = ("efficientnet_b0", "densenet121", "swin_t", "mobilenet_v3_small")
NETWORKS = (
    "resnet50",
    "mobilenet_v2",
    "vit_b_16",
    "encoder",
    *TORCHVISION,
    "lstm",
    "small_encoder",
)


def export(name: str, path: Path) -> tuple[str, tuple[int, ...]]:
    """Writes a network; its input's name and shape without the batch."""
    import torch
    import torchvision

    from benchmarks.networks import export as networks

    torch.backends.mha.set_fastpath_enabled(False)
    torch.manual_seed(networks.SEED)
    if name in networks.NETWORKS:
        make, tensor, example = networks.NETWORKS[name]
    elif name in TORCHVISION:
        make, tensor, example = lambda: torchvision.models.get_model(name), "image", networks.images
    elif name == "lstm":
        make, tensor, example = lstm, "steps", lambda batch: torch.rand(batch, 64, 256)
    else:
        make, tensor, example = lambda: networks.Encoder(6, 384, 12), "ids", networks.token_ids
    inputs = example(networks.TRACED_BATCH)
    networks.write(make().eval(), inputs, tensor, path)
    return tensor, tuple(inputs.shape[1:])


def lstm() -> Any:
    """Two layers, of which the output of each step is returned."""
    from torch import nn

    class Outputs(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.LSTM(256, 512, num_layers=2, batch_first=True)

        def forward(self, steps: Any) -> Any:
            return self.layers(steps)[0]

    return Outputs()


class Network(Repository):
    """A network of a library."""

    def __init__(self, directory: Path, name: str) -> None:
        tensor, shape = export(name, directory / "model.onnx")
        profile = {tensor: [(batch, *shape) for batch in BATCHES]}
        words = {"profile": profile, "shapes": {tensor: (BATCHES[1], *shape)}}
        source = TEST.format(**words, cuda_graph=name not in WITHOUT_GRAPH)
        super().__init__(directory, harness.BACKEND, {"test_network.py": source})

    def run(self, *options: str) -> tuple[bool, MeasurementRecord, str]:
        """Whether a run was green, what it measured, and what it printed last.

        Raises:
            RuntimeError: it measured nothing.
        """
        status, record, printed = self.pytest(f"--trtperf-tolerance={TOLERANCE}", *options)
        runs = read_runs(record) if record.exists() else []
        if not runs or not runs[0].measurements:
            raise RuntimeError(printed)
        return status == 0, runs[0].measurements[0], printed

    def lose_cache(self) -> None:
        """Removes plan and kernels."""
        shutil.rmtree(self.directory / "cache")

    @property
    def baseline(self) -> BaselineEntry:
        """What was recorded."""
        (file,) = (self.directory / "perf-baselines").rglob("*.json")
        (entry,) = decode(file.read_bytes(), file).entries.values()
        return entry


def medians(sessions: Sequence[SessionRecord | BaselineSession]) -> list[float]:
    """Of GPU compute, ms, of each session."""
    return [
        statistics.median(round.quantiles["gpu_compute"][_MEDIAN] for round in one.rounds)
        for one in sessions
    ]


def described(green: bool, record: MeasurementRecord, printed: str) -> dict[str, Any]:
    """The figures of a run."""
    return {
        "green": green,
        "medians": medians(record.sessions),
        "kernels": [one.kernels for one in record.sessions],
        "digests": [one.kernels_digest for one in record.sessions],
        "cold_start_ms": [one.cold_start_ms for one in record.sessions],
        "findings": [one.code for one in record.findings],
        "differences": record.differences,
        "verdicts": {
            one.metric: [one.status, one.reason, one.lower, one.upper] for one in record.verdicts
        },
        **({} if green else {"printed": printed}),
    }


def take_network(directory: Path, name: str) -> dict[str, Any]:
    """Records a network, runs it three times, and once more without the cache."""
    repository = Network(directory, name)
    recorded = described(*repository.run("--trtperf-update"))
    runs = [described(*repository.run()) for _ in range(RUNS)]
    repository.lose_cache()
    lost = described(*repository.run())
    stored = repository.baseline.sessions
    middle = statistics.median(medians(stored))
    apart = statistics.median(lost["medians"]) / middle - 1
    known, digest = {one.kernels_digest for one in stored} - {None}, lost["digests"][-1]
    differ = digest not in known if digest and known else None
    says_so = any(line.startswith(OTHER_KERNELS) for line in lost["differences"])
    kept = recorded["green"] and all(one["green"] for one in runs)
    return {
        "recorded": recorded, "runs": runs, "lost": lost, "apart": apart, "differ": differ,
        "kept": kept and abs(apart) <= TOLERANCE and bool(differ) == says_so,
    }  # fmt: skip


def take_sessions(directory: Path) -> dict[str, Any]:
    """Records efficientnet_b0 with eight sessions."""
    repository = Network(directory, OF_EIGHT)
    recorded = described(*repository.run("--trtperf-update", f"--trtperf-sessions={SESSIONS}"))
    deviation, width = spread(recorded["medians"])
    kept = recorded["green"] and deviation <= MAX_SD and width <= MAX_RANGE
    return {"recorded": recorded, "sd": deviation, "range": width, "kept": kept}


def report(name: str, row: dict[str, Any]) -> None:
    """Prints what was found out about a network."""
    word = "kept" if row["kept"] else "MISSED"
    recorded = row["recorded"]
    first = " ".join(f"{value:.4f}" for value in recorded["medians"])
    states = ", ".join(sorted({str(state) for state in recorded["kernels"]}))
    if name == EIGHT_SESSIONS:
        print(
            f"{OF_EIGHT}, {len(recorded['medians'])} sessions ({states}): {first} ms, standard "
            f"deviation {row['sd']:.2%} (target {MAX_SD:.2%}), range {row['range']:.2%} (target "
            f"{MAX_RANGE:.1%}): {word}",
            flush=True,
        )
        return
    later = " ".join(f"{statistics.median(one['medians']):.4f}" for one in row["runs"])
    green = sum(one["green"] for one in row["runs"])
    kinds = {None: "no digests of kernels", True: "other kernels", False: "the same kernels"}
    kernels = kinds[row["differ"]]
    print(
        f"{name}: recorded {first} ms ({states}; first queries "
        f"{'/'.join(f'{ms / 1e3:.2f}' for ms in recorded['cold_start_ms'])} s), then {later}: "
        f"{green} of {len(row['runs'])} green; without the cache {row['apart']:+.2%} ({kernels}): "
        f"{word}",
        flush=True,
    )
    found = sorted(
        {code for one in (recorded, *row["runs"], row["lost"]) for code in one["findings"]}
    )
    if found:
        print(f"  findings: {', '.join(found)}", flush=True)


def main() -> int:
    """Take what is not there yet, print and judge."""
    parser = argparse.ArgumentParser(description="Networks that are recorded and run again.")
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        name: lambda directory, name=name: take_network(directory, name)  # type: ignore[misc]
        for name in NETWORKS
    }
    parts[EIGHT_SESSIONS] = take_sessions
    parser.add_argument("--network", choices=[*parts], help="one alone")
    parser.add_argument("--minutes", type=float, default=8.0, help="to work in (default: 8)")
    parser.add_argument("--json", type=Path, help="append all figures to this file")
    options = parser.parse_args()
    begun, slowest = time.monotonic(), 0.0
    gpu = harness.find_gpu()
    print(f"{gpu.name}; batch {BATCHES[1]}, transfers, CUDA graph\n")
    file: Path | None = options.json
    lines = file.read_text().splitlines() if file and file.exists() else []
    rows = {row["name"]: row for row in map(json.loads, lines)}
    for name in [options.network] if options.network else parts:
        began = time.monotonic()
        if name not in rows and began - begun + slowest <= 60 * options.minutes:
            with tempfile.TemporaryDirectory() as directory:
                rows[name] = {"name": name, "gpu": gpu.name, **parts[name](Path(directory))}
            slowest = max(slowest, time.monotonic() - began)
            if file:
                with file.open("a", encoding="utf-8") as appended:
                    appended.write(json.dumps(rows[name]) + "\n")
        if name in rows:
            report(name, rows[name])
    missing = [name for name in parts if name not in rows]
    print(f"\nnot taken yet: {', '.join(missing) or 'nothing'}")
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes")
    return 0 if all(row["kept"] for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
