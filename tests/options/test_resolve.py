"""Which of several places an option is taken from, and what marks and calls may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.resolve import Sources, override, resolve
from pytest_trtperf.options.values import INCONCLUSIVE_POLICIES


def sources(command_line=None, environment=None, ini=None, folder=None):
    return Sources(
        (command_line or {}).get, environment or {}, lambda key: (ini or {}).get(key, ""), folder
    )


def test_nothing_given_is_the_default():
    assert resolve(sources()) == Settings()


def test_command_line_before_environment_before_ini():
    line, environment = {"trtperf_seed": "1"}, {"TRTPERF_SEED": "2"}
    assert resolve(sources(line, environment, {"trtperf_seed": 3})).seed == 1
    assert resolve(sources({}, environment, {"trtperf_seed": 3})).seed == 2
    assert resolve(sources({}, {"TRTPERF_SEED": ""}, {"trtperf_seed": 3})).seed == 3


@pytest.mark.parametrize("off", [False, "false", "0"])
def test_what_an_ini_file_turns_off_is_off(off):
    assert resolve(sources(ini={"trtperf_transfers": off})).transfers is False


def test_a_zero_in_an_ini_file_is_given():
    settings = resolve(sources(ini={"trtperf_cache_size": 0, "trtperf_seed": 0}))
    assert (settings.cache_size, settings.seed) == (0, 0)


def test_relative_paths_of_an_ini_file_start_from_it():
    given = {"trtperf_lock_dir": "locks", "trtperf_cache_dir": "/cache"}
    settings = resolve(sources(ini=given, folder=Path("/repository")))
    assert (settings.lock_dir, settings.cache_dir) == (Path("/repository/locks"), Path("/cache"))
    assert resolve(sources(ini=given)).lock_dir == Path("locks").absolute()


def test_paths_of_references_start_from_the_ini_file_and_revisions_do_not():
    folder = Path("/repository")
    of_ini = [
        resolve(sources(ini={"trtperf_reference": place}, folder=folder)).reference
        for place in ("dir:kept", "cache:/cache", "git:main")
    ]
    assert of_ini == [("dir", "/repository/kept"), ("cache", "/cache"), ("git", "main")]


def test_building_alone_needs_no_other_option():
    assert resolve(sources({"trtperf_build_only": True})).enabled


@pytest.mark.parametrize("other", ["update", "update_new", "against"])
def test_building_alone_records_and_compares_nothing(other):
    given = {"trtperf_build_only": True, f"trtperf_{other}": "1"}
    with pytest.raises(ValueError, match="--trtperf-build-only measures nothing"):
        resolve(sources(given))


def test_a_setup_is_for_a_revision():
    given = {"trtperf_reference_setup": "make"}
    with pytest.raises(ValueError, match="give --trtperf-reference=git:REV as well"):
        resolve(sources(given | {"trtperf_reference": "dir:/kept"}))
    assert resolve(sources(given | {"trtperf_reference": "git:main"})).reference_setup == "make"
    # An ini file says what a revision takes, for the runs that ask for one.
    assert resolve(sources(ini=given)).reference_setup == "make"


def test_override_changes_what_was_given_and_nothing_else():
    settings = Settings(seed=3)
    changed = override(settings, {"tolerance": "0.02", "cuda_graph": True, "seed": None}, "mark")
    assert (changed.tolerance, changed.cuda_graph, changed.seed) == (0.02, True, 3)
    assert settings == Settings(seed=3)


@pytest.mark.parametrize("name", ["enabled", "backend", "update", "json", "lock_dir"])
def test_options_of_a_run_are_not_those_of_a_measurement(name):
    with pytest.raises(ValueError, match=f"the test: unknown option {name}; known are tolerance"):
        override(Settings(), {name: True}, "the test")


@pytest.mark.parametrize("policy", INCONCLUSIVE_POLICIES)
def test_policies(policy):
    assert override(Settings(), {"inconclusive": policy}, "mark").inconclusive == policy
    with pytest.raises(ValueError, match=r"mark: inconclusive: expected one of [a-z, ]*estimate"):
        override(Settings(), {"inconclusive": policy.upper()}, "mark")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TRTPERF_TOLERANC", "TRTPERF_TOLERANCE"),
        ("TRTPERF_CACHEDIR", "TRTPERF_CACHE_DIR"),
        ("TRTPERF_STREAM", "TRTPERF_STREAMS"),
        ("TRTPERF_REQUIRE_BASELINES", "TRTPERF_REQUIRE_BASELINE"),
    ],
)
def test_a_misspelt_variable_is_refused_where_the_run_measures(name, meant):
    assert resolve(sources(environment={name: "3"})) == Settings()
    with pytest.raises(ValueError, match=f"unknown environment variable {name}: write {meant} "):
        resolve(sources({"trtperf": True}, {name: "3"}))


@pytest.mark.parametrize("name", ["TRTPERF_", "TRTPERF_ZQ", "TRTPERF_\x1b[31m" + "x" * 9000])
def test_a_variable_of_no_option_is_refused_and_named_as_text(name):
    with pytest.raises(ValueError, match=r"^unknown environment variable TRTPERF_.*_X_") as caught:
        resolve(sources({"trtperf": True}, {name: "3"}))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_long_value_is_not_quoted_whole():
    with pytest.raises(ValueError, match="TRTPERF_TOLERANCE: expected a number") as caught:
        resolve(sources(environment={"TRTPERF_TOLERANCE": "x" * 200_000}))
    assert len(str(caught.value)) < 1100


@pytest.mark.parametrize(
    "name", ["TRTPERF_EXTRA", "TRTPERF_GPU_SITE", "TRTPERF_X_MODEL_DIR", "TOLERANCE"]
)
def test_variables_of_other_tools_are_left_alone(name):
    assert resolve(sources({"trtperf": True}, {name: "3"})) == Settings(enabled=True)
