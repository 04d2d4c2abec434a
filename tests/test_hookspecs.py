"""The names of the hooks and of their arguments: others implement them."""

from __future__ import annotations

import inspect

import pytest

from pytest_trtperf import hookspecs

HOOKS = {
    "pytest_trtperf_backends": ["config"],
    "pytest_trtperf_measured": ["item", "record"],
    "pytest_trtperf_run_finished": ["config", "record"],
    "pytest_trtperf_summary": ["terminalreporter", "record"],
}


def test_names_and_arguments():
    found = {
        name: list(inspect.signature(value).parameters)
        for name, value in vars(hookspecs).items()
        if name.startswith("pytest_trtperf")
    }
    assert found == HOOKS


def test_pytest_knows_them_without_the_option(pytestconfig: pytest.Config):
    for name in HOOKS:
        assert getattr(pytestconfig.hook, name).spec is not None


@pytest.mark.parametrize("name", HOOKS)
def test_each_says_that_it_may_change_and_where_it_is_called(name):
    assert "provisional" in (hookspecs.__doc__ or "")
    assert "Called " in (inspect.getdoc(getattr(hookspecs, name)) or "")
