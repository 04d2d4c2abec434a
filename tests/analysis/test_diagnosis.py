"""trtexec's warnings, each under its condition and only there."""

from __future__ import annotations

import pytest

from pytest_trtperf.analysis.diagnosis import diagnose

HEALTHY = {"enqueue": 0.1, "h2d": 0.2, "gpu_compute": 1.0, "d2h": 0.2}


@pytest.mark.parametrize(
    ("medians", "cov", "streams", "codes"),
    [
        ({}, 0.025, 1, []),
        ({"enqueue": 0.8}, 0.0, 1, []),
        ({"enqueue": 0.81}, 0.0, 1, ["enqueue_bound"]),
        ({"h2d": 1.0}, 0.0, 1, ["h2d_bound"]),
        ({"d2h": 1.0}, 0.0, 1, ["d2h_bound"]),
        ({}, 0.026, 1, ["unstable"]),
        ({}, 0.0, 2, ["multiple_streams"]),
        (
            {"enqueue": 2.0, "h2d": 2.0, "d2h": 2.0},
            1.0,
            4,
            ["enqueue_bound", "h2d_bound", "d2h_bound", "unstable", "multiple_streams"],
        ),
    ],
)
def test_findings(medians: dict[str, float], cov: float, streams: int, codes: list[str]) -> None:
    findings = diagnose({**HEALTHY, **medians}, cov, streams)
    assert [finding.code for finding in findings] == codes
    assert all(finding.message for finding in findings)


def test_enqueue_bound_names_the_way_out() -> None:
    (finding,) = diagnose({**HEALTHY, "enqueue": 3.0}, 0.0)
    assert "cuda_graph" in finding.message


def test_backend_without_gpu_metrics_has_no_bottleneck() -> None:
    assert diagnose({"latency": 3.0}, 0.0) == []
