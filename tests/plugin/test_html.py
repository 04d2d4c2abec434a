"""`--trtperf-html`: the page of a run."""

from __future__ import annotations

import sys

import pytest

# Runs in this process forget what they imported, and extension modules load only once.
pytest.importorskip("jinja2")


def test_page_of_a_run(repository):
    result = repository.run("--trtperf-html=out/run.html", "--trtperf-json=run.json")
    assert result.ret == 0
    text = (repository.path / "out" / "run.html").read_text(encoding="utf-8")
    assert 'data-key="test_perf.py::test_model"' in text
    assert "<dt>fake</dt>" in text


def test_no_page_unless_asked_for(repository):
    assert repository.run().ret == 0
    assert not list(repository.path.rglob("*.html"))


def test_a_place_that_cannot_be_written_is_reported_before_anything_is_measured(repository):
    (repository.path / "taken").write_text("")
    result = repository.run("--trtperf-html=taken/run.html")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --trtperf-html: *taken is not a directory"])


def test_a_missing_extra_is_reported_before_anything_is_measured(repository, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = repository.run("--trtperf-html=run.html")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --trtperf-html: *jinja2*pytest-trtperf?report?*"])
    assert "test_model" not in result.stdout.str()
