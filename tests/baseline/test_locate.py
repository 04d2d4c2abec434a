"""Which directory of baselines a module has."""

from __future__ import annotations

import pytest

from pytest_trtperf.baseline.locate import locate


@pytest.fixture
def repository(tmp_path):
    """A repository with a package in it; `perf-baselines` of the top has a file."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "package" / "tests").mkdir(parents=True)
    filled = tmp_path / "perf-baselines" / "gpu" / "tensorrt"
    filled.mkdir(parents=True)
    (filled / "test_x.json").touch()
    return tmp_path


def place(repository):
    return locate(repository / "package" / "tests" / "test_x.py", repository / "package", None)


def test_the_nearest_one(repository):
    assert place(repository) == (repository / "perf-baselines", "package/tests/test_x.py")
    nearer = repository / "package" / "perf-baselines"
    (nearer / "gpu").mkdir(parents=True)
    (nearer / "gpu" / "a.json").touch()
    assert place(repository) == (nearer, "tests/test_x.py")


@pytest.mark.parametrize("what", ["nothing", ".gitkeep", "gpu/tensorrt/README.md"])
def test_an_empty_one_hides_no_other(repository, what):
    empty = repository / "package" / "tests" / "perf-baselines"
    (empty / what).parent.mkdir(parents=True)
    if what != "nothing":
        (empty / what).touch()
    assert place(repository) == (repository / "perf-baselines", "package/tests/test_x.py")
    (repository / "perf-baselines" / "gpu" / "tensorrt" / "test_x.json").unlink()
    assert place(repository) == (empty, "test_x.py")


def test_none_is_made_in_rootdir(tmp_path):
    (tmp_path / ".git").mkdir()
    module = tmp_path / "tests" / "test_x.py"
    assert locate(module, tmp_path, None) == (tmp_path / "perf-baselines", "tests/test_x.py")
