"""Options in pytest's configuration files, of both syntaxes and with each type of value."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_trtperf.options.declared import Settings
from pytest_trtperf.run.pytest_options import settings_of_run, take_settings

has_typed_toml = pytest.version_tuple >= (9,)


def test_home_directory_of_the_ini_file(pytester, monkeypatch):
    """It is expanded, and one that there is not is a usage error that names the key."""
    monkeypatch.setenv("HOME", str(pytester.path / "home"))
    pytester.makeini("[pytest]\ntrtperf_cache_dir = ~/cache\ntrtperf_lock_dir = locks")
    config = pytester.parseconfig()
    settings = settings_of_run(config)
    assert settings.cache_dir == pytester.path / "home" / "cache"
    assert settings.lock_dir == pytester.path / "locks"
    pytester.makeini("[pytest]\ntrtperf_cache_dir = ~nobody-of-this-name/cache")
    expected = "ini key trtperf_cache_dir: the home directory of '~nob"
    with pytest.raises(pytest.UsageError, match=expected):
        settings_of_run(pytester.parseconfig())


# A spelling as text, one with a type of TOML, the option and its value.
SPELLINGS: tuple[tuple[str, str, str, Any], ...] = (
    ("true", "true", "cuda_graph", True),
    ("off", "false", "transfers", False),
    ("0", "0", "seed", 0),
    ("7", "7", "concurrency", 7),
    ("600", "600", "round_queries", 600),
    ("0.5", "0.5", "max_time", 0.5),
    ("30", "30", "max_time", 30.0),
    ("1e3", "1e3", "warm_up_ms", 1000.0),
    ("median=0.02", '"median=0.02"', "tolerance", {"median": 0.02}),
    ("closed", '"closed"', "request_rate", None),
    ("20GiB", '"20GiB"', "cache_size", 20.0 * 2**30),
    ("none", '"none"', "cache_size", math.inf),
    ("auto, onnxruntime", '"auto, onnxruntime"', "backend", ("auto", "onnxruntime")),
    ("warn", '"warn"', "inconclusive", "warn"),
)


@pytest.mark.parametrize(("text", "typed", "name", "value"), SPELLINGS)
@pytest.mark.parametrize("form", ["pytest.ini", "text in TOML", "types in TOML", "pytest.toml"])
def test_spellings_of_a_value(pytester, form, text, typed, name, value):
    if form in ("types in TOML", "pytest.toml") and not has_typed_toml:
        pytest.skip("pytest 9 reads typed values")
    key = f"trtperf_{name}"
    if form == "pytest.ini":
        pytester.makeini(f"[pytest]\n{key} = {text}")
    elif form == "text in TOML":
        pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\n{key} = {typed}")
    elif form == "types in TOML":
        pytester.makepyprojecttoml(f"[tool.pytest]\n{key} = {typed}")
    else:
        pytester.makefile(".toml", pytest=f"[pytest]\n{key} = {typed}")
    assert getattr(settings_of_run(pytester.parseconfig()), name) == value


@pytest.mark.skipif(not has_typed_toml, reason="pytest 9 reads typed values")
@pytest.mark.parametrize(
    ("name", "value"), [("tolerance", 0.02), ("request_rate", 90.0), ("cache_size", 0.0)]
)
def test_numbers_where_text_has_a_meaning_too(pytester, name, value):
    pytester.makepyprojecttoml(f"[tool.pytest]\ntrtperf_{name} = {value}")
    assert getattr(settings_of_run(pytester.parseconfig()), name) == value


@pytest.mark.skipif(not has_typed_toml, reason="pytest 9 reads typed values")
@pytest.mark.parametrize(
    ("name", "value"), [("transfers", "[1]"), ("max_time", "true"), ("seed", "1.5")]
)
def test_a_wrong_type_names_the_key(pytester, name, value):
    pytester.makepyprojecttoml(f"[tool.pytest]\ntrtperf_{name} = {value}")
    with pytest.raises(pytest.UsageError, match=f"trtperf_{name}.* (expects|expected)"):
        settings_of_run(pytester.parseconfig())


@pytest.mark.parametrize("name", ["transfers", "max_time", "seed", "tolerance", "json"])
def test_an_empty_value_is_not_given(pytester, name):
    pytester.makeini(f"[pytest]\ntrtperf_{name} =")
    assert settings_of_run(pytester.parseconfig()) == Settings()


@pytest.mark.parametrize(
    ("arguments", "ini", "message"),
    [
        ((), "trtperf_tolerence = 0.1", "unknown ini key trtperf_tolerence: write trtperf_tolera"),
        (("-o", "trtperf_jason=x"), "", "unknown ini key trtperf_jason: write trtperf_json"),
        ((), "trtperf_zzz = 1", "unknown ini key trtperf_zzz: no option has this name"),
    ],
)
def test_an_unknown_key_is_refused_where_the_run_measures(pytester, arguments, ini, message):
    pytester.makeini(f"[pytest]\n{ini}")
    assert take_settings(pytester.parseconfig(*arguments)) is None
    with pytest.raises(pytest.UsageError, match=message):
        take_settings(pytester.parseconfig("--trtperf", *arguments))


def test_a_key_of_another_plugin_is_none_of_ours(pytester):
    pytester.makeconftest("def pytest_addoption(parser):\n    parser.addini('trtperf_zoo', '')")
    pytester.makeini("[pytest]\ntrtperf_zoo = x\nlog_level = INFO\nother_tool = 1")
    assert take_settings(pytester.parseconfig("--trtperf"))


CI = ("CI", "JENKINS_URL", "GITLAB_CI", "TF_BUILD")


@pytest.mark.parametrize("variable", CI)
@pytest.mark.parametrize("place", ["TRTPERF_UPDATE", "PYTEST_ADDOPTS", "ini"])
def test_what_was_left_over_records_nothing_in_ci(pytester, monkeypatch, variable, place):
    if place == "ini":
        pytester.makeini("[pytest]\ntrtperf_update = true")
    else:
        monkeypatch.setenv(place, "1" if place == "TRTPERF_UPDATE" else "--trtperf-update")
    settings = take_settings(pytester.parseconfig("--trtperf"))
    assert settings
    assert settings.update
    monkeypatch.setenv(variable, "true")
    with pytest.raises(pytest.UsageError, match="give --trtperf-update on the command line"):
        take_settings(pytester.parseconfig("--trtperf"))
    for options in (["--trtperf-update"], ["--no-trtperf-update"]):
        assert take_settings(pytester.parseconfig("--trtperf", *options))


@pytest.mark.parametrize("said", ["", "0", "false", "False"])
def test_a_machine_that_is_no_ci_records(pytester, monkeypatch, said):
    monkeypatch.setenv("CI", said)
    monkeypatch.setenv("TRTPERF_UPDATE", "1")
    assert take_settings(pytester.parseconfig("--trtperf"))


@pytest.mark.parametrize("place", ["option", "TRTPERF_BASELINE_DIR", "ini"])
def test_baselines_that_are_not_there_are_refused_unless_they_are_recorded(
    pytester, monkeypatch, place
):
    arguments = ["--trtperf"]
    if place == "option":
        arguments.append("--trtperf-baseline-dir=gone")
    elif place == "ini":
        pytester.makeini("[pytest]\ntrtperf_baseline_dir = gone")
    else:
        monkeypatch.setenv(place, "gone")
    with pytest.raises(pytest.UsageError, match="gone is no directory, so that nothing would be"):
        take_settings(pytester.parseconfig(*arguments))
    (pytester.path / "record.json").touch()
    for more in ("--trtperf-update", "--trtperf-update-new", "--trtperf-against=record.json"):
        assert take_settings(pytester.parseconfig(*arguments, more))
    (pytester.path / "gone").mkdir()
    assert take_settings(pytester.parseconfig(*arguments))
