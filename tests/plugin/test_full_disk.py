"""An output that cannot be written is named, and the run is not green."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf import Perf


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named_with_the_file(repository, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/dev/full")
    result = repository.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["ERROR: GITHUB_STEP_SUMMARY: /dev/full: No space left on device"])


EXPORTS = """
    from pytest_trtperf import Perf
    from pytest_trtperf.files.atomic import write_atomically

    def export(perf, path):
        write_atomically(path, b"[]")

    Perf.export_profile = export
"""


def test_an_id_of_many_bytes_names_a_file(repository, monkeypatch):
    monkeypatch.setattr(Perf, "export_profile", Perf.export_profile)
    repository.pytester.makeconftest(EXPORTS)
    repository.tests(f"""
        def test_model(trt_engine, trt_measure):
            engine = trt_engine("model.onnx")
            trt_measure(engine, shapes={{"x": (64, 256)}}, name="{"模" * 90}")
    """)
    repository.run("--trtperf-export-profile=out").assert_outcomes(passed=1)
    (path,) = (repository.path / "out").iterdir()
    assert "test_model-模模" in path.name
