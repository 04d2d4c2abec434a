"""How pytest was called, as far as its run for another revision takes after it."""

from __future__ import annotations

import pytest

from pytest_trtperf.run import invocation
from pytest_trtperf.run.invocation import Invocation


@pytest.fixture
def called(pytester):
    """What is taken of a command line; nothing runs."""

    def call(*words):
        pytester.makeini("[pytest]\n")
        return Invocation.of(pytester.parseconfig(*words))

    return call


def test_options_of_measurements_and_plugins_come_along(called, pytester, monkeypatch):
    monkeypatch.setattr(invocation, "entry_points", lambda **_: [])
    found = called(
        "-p", "no:doctest", "--trtperf-cuda-graph", "--no-trtperf-spin-wait", "--trtperf-seed=3",
        "--trtperf-json=run.json", "-x",
    )  # fmt: skip
    words = list(found.arguments)
    assert words[words.index("no:doctest") - 1] == "-p"
    assert "pytest_trtperf.plugin" in words
    options = [word for word in words if word.startswith("--")]
    assert sorted(options) == ["--no-trtperf-spin-wait", "--trtperf-cuda-graph", "--trtperf-seed=3"]
    assert found.folder == pytester.path
    assert found.ini == pytester.path / "tox.ini"


def test_a_plugin_that_is_installed_is_not_named_again(called):
    assert "pytest_trtperf.plugin" not in called().arguments


def test_workers_are_not_started_there(called):
    pytest.importorskip("xdist")
    assert "-n0" in called("-n", "2").arguments
    assert "-n0" not in called("-p", "no:xdist").arguments
