"""The command reads the configuration of pytest, and says where each value came from."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.options import DECLARED
from pytest_trtperf.record.as_baseline import baseline_entry

KEY = "tests/test_x.py::test_a"
INI = """
    [pytest]
    trtperf_baseline_dir = stored
    trtperf_cache_dir = engines
    trtperf_backend = onnxruntime
    trtperf_strict = true
    addopts = --trtperf-seed=3 --no-such-option-of-a-conftest
"""


@pytest.fixture
def project(tmp_path, make_measurement):
    """A project with a configuration and a baseline; its conftest cannot be imported."""
    lines = [line.strip() for line in INI.strip().splitlines()]
    (tmp_path / "pytest.ini").write_text("\n".join(lines))
    (tmp_path / "conftest.py").write_text("import nothing_of_this_name")
    (tmp_path / "tests" / "below").mkdir(parents=True)
    entry = baseline_entry(make_measurement(KEY), {}, "2026-01-01T00:00:00Z")
    BaselineStore(tmp_path / "stored", "nvidia-h200", "tensorrt").update(
        "tests/test_x.py", {KEY: entry}
    )
    return tmp_path


def command(folder, *words, **environment):
    kept = {name: value for name, value in os.environ.items() if "TRTPERF" not in name}
    return subprocess.run(
        [sys.executable, "-m", "pytest_trtperf.cli", *words], cwd=folder, check=False,
        env={**kept, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def rows(text):
    """The table, by option: value and source."""
    found = (line.split(maxsplit=2) for line in text.partition("\n\n")[0].splitlines()[1:])
    return {name: (value, source) for name, value, source in found}


def test_commands_use_what_the_project_says(project):
    listed = command(project / "tests" / "below", "baseline", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.endswith("1 entry\n")
    cache = command(project, "cache", "list")
    assert f"there is no engine cache at {project / 'engines'}" in cache.stderr


def test_a_command_line_comes_before_the_environment_and_that_before_the_file(project):
    (project / "other").mkdir()
    done = command(project, "baseline", "list", "--baseline-dir", "other")
    assert done.stdout == "0 entries\n"
    done = command(project, "baseline", "list", TRTPERF_BASELINE_DIR="other")
    assert done.stdout == "0 entries\n"


def test_show_config_says_where_each_value_came_from(project):
    done = command(project / "tests", "--show-config", TRTPERF_ROUND_MS="50")
    assert (done.returncode, done.stderr) == (0, "")
    found = rows(done.stdout)
    assert list(found) == [option.key for option in DECLARED]
    assert found["trtperf_baseline_dir"] == (
        str(project / "stored"),
        "ini key trtperf_baseline_dir",
    )
    assert found["trtperf_seed"] == ("3", "--trtperf-seed in addopts")
    assert found["trtperf_round_ms"] == ("50.0", "environment variable TRTPERF_ROUND_MS")
    assert found["trtperf_require_baseline"] == ("on", "trtperf_strict")
    assert found["trtperf_transfers"] == ("on", "default")
    assert found["trtperf_tolerance"] == ("-", "default")
    assert done.stdout.splitlines()[-4:] == [
        f"rootdir: {project}",
        f"configuration file: {project / 'pytest.ini'}",
        f"baseline directory of the current directory: {project / 'stored'}",
        f"engine cache: {project / 'engines'}",
    ]


def test_show_config_names_what_is_no_option(project):
    with (project / "pytest.ini").open("a") as file:
        file.write("\ntrtperf_sede = 4\n")
    done = command(project, "--show-config", TRTPERF_SEDE="4")
    assert done.returncode == 0
    assert "unknown environment variable TRTPERF_SEDE: write TRTPERF_SEED" in done.stderr
    assert "unknown ini key trtperf_sede: write trtperf_seed" in done.stderr


def test_without_a_project_there_are_defaults(tmp_path):
    done = command(tmp_path, "--show-config", HOME=str(tmp_path), XDG_CACHE_HOME="")
    assert done.returncode == 0
    assert {source for _, source in rows(done.stdout).values()} == {"default"}
    assert f"baseline directory of the current directory: {tmp_path}/perf-baselines" in done.stdout


def test_the_nearest_baseline_directory_is_taken(project):
    (project / "pytest.ini").write_text("[pytest]")
    (project / "stored").rename(project / "tests" / "perf-baselines")
    assert command(project / "tests" / "below", "baseline", "list").stdout.endswith("1 entry\n")
    missing = command(project, "baseline", "list")
    assert missing.returncode == 2
    assert "there is no baseline directory perf-baselines: " in missing.stderr


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ("[pytest]\ntrtperf_cache_dir = ~nobody-of-this-name/x", "ini key trtperf_cache_dir: "),
        ("[pytest\nx", "pytest's configuration cannot be read: ERROR: "),
        ("[pytest]\nminversion = 999", "pytest's configuration cannot be read: "),
    ],
)
def test_a_configuration_that_is_wrong_is_said(project, ini, said):
    (project / "pytest.ini").write_text(ini)
    for words in (("--show-config",), ("cache", "list")):
        done = command(project, *words)
        assert done.returncode == 2
        assert f"trtperf: error: {said}" in done.stderr


def test_a_plugin_that_cannot_be_imported_is_said(project):
    (project / "bad_plugin.py").write_text("raise RuntimeError('no GPU')")
    (project / "pytest.ini").write_text("[pytest]\naddopts = -p bad_plugin")
    done = command(project, "cache", "list", PYTHONPATH=os.pathsep.join([str(project), *sys.path]))
    assert done.returncode == 2
    assert done.stderr.startswith("trtperf: error: pytest's configuration cannot be read: ")
    assert "no GPU" in done.stderr
    assert "Traceback" not in done.stderr


def test_new_baselines_have_the_layout_of_the_project(project, write_run, make_measurement):
    with (project / "pytest.ini").open("a") as file:
        file.write("\ntrtperf_baseline_files = test\n")
    record = write_run("run", make_measurement(level=2.0))
    done = command(project, "baseline", "accept", str(record))
    assert done.returncode == 0
    assert "baseline written: stored/nvidia-h200/tensorrt/tests/test_x.py\n" in done.stdout
