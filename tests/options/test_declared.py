"""What holds for the declaration of every option."""

from __future__ import annotations

import pytest

from pytest_trtperf.analysis.gates import P99_TOLERANCE, TOLERANCE
from pytest_trtperf.options import DECLARED
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.values import PARSERS


@pytest.mark.parametrize("option", DECLARED, ids=lambda option: option.name)
def test_defaults_are_acceptable_values(option):
    if option.default is not None:
        assert PARSERS[option.kind](option.default) == option.default
    assert option.help.endswith((".", ")"))


def test_names_of_an_option():
    names = {option.name: (option.flag, option.key, option.variable) for option in DECLARED}
    assert names["enabled"] == ("--trtperf", "trtperf", "TRTPERF")
    assert names["max_time"] == ("--trtperf-max-time", "trtperf_max_time", "TRTPERF_MAX_TIME")


def test_help_gives_the_tolerances_of_the_gates():
    help = next(option.help for option in DECLARED if option.name == "tolerance")
    assert help.endswith(f"(default: {TOLERANCE:g}, and {P99_TOLERANCE:g} for P99).")


def test_settings_have_a_typed_attribute_for_each_option():
    assert list(Settings.__annotations__) == [option.name for option in DECLARED]
    assert [getattr(Settings(), option.name) for option in DECLARED] == [
        option.default for option in DECLARED
    ]


def test_every_parser_is_of_an_option():
    assert {option.kind for option in DECLARED} == set(PARSERS)
