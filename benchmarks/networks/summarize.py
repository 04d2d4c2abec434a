"""Print the record of `test_networks.py` as a Markdown table.

    trtperf cache list --json > cache.json
    python -m benchmarks.networks.summarize networks.json cache.json

`trtperf export --format markdown` has no engines in it: how long they took to build and how large
they are is what the cache knows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import RunRecord
from pytest_trtperf.report.markdown import markdown_table

COLUMNS = (
    "network", "precision", "GPU compute median ms", "latency P99 ms", "QPS", "build s", "plan MB",
    "fp16 / fp32",
)  # fmt: skip


def rows(run: RunRecord, engines: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row for each engine that was measured.

    Args:
        engines: the identities in the cache, by the SHA-256 of the plan.

    Raises:
        SystemExit: a measured engine is not in the cache.
    """
    ratios = {pair.engines["new"].name: pair.ratios["median"] for pair in run.pairs}
    for one in run.measurements:
        engine = engines.get(one.engine.plan_sha256)
        if engine is None:
            raise SystemExit(f"{one.key}: its engine is not listed; list the cache of that run")
        name, _, precision = one.engine.name.rpartition("_")
        ratio = ratios.get(one.engine.name)
        yield (
            name,
            precision,
            f"{one.summary['gpu_compute']['median']:.4g}",
            f"{one.summary['latency']['p99']:.4g}",
            f"{one.throughput:.5g}",
            f"{engine['build_s']:.1f}",
            f"{engine['size'] / 1e6:.1f}",
            "{value:.3f} [{lower:.3f}, {upper:.3f}]".format(**ratio) if ratio else "-",
        )


def main() -> None:
    """Read the command line and print a table for each run of the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("record", type=Path, help="of --trtperf-json")
    parser.add_argument("cache", type=Path, help="what `trtperf cache list --json` printed")
    chosen = parser.parse_args()
    listed = json.loads(chosen.cache.read_bytes())["engines"]
    identities = [entry["identity"] for entry in listed if entry["identity"]]
    engines = {identity["sha256"]: identity for identity in identities}
    for run in read_runs(chosen.record):
        print("\n".join(markdown_table(COLUMNS, rows(run, engines))))


if __name__ == "__main__":
    main()
