"""What the tests of this directory share: the package's uses of TensorRT, and the bindings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_trtperf

if TYPE_CHECKING:
    from tests.contract.bindings import Target
    from tests.contract.uses import Found

_HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `target` runs for every backend and version of the table."""
    from tests.contract.bindings import targets

    if "target" in metafunc.fixturenames:
        metafunc.parametrize("target", targets(), ids=str, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nothing is downloaded unless somebody asks; one line of the summary says so."""
    from tests.contract.bindings import DIRECTORY_VARIABLE

    if os.environ.get(DIRECTORY_VARIABLE):
        return
    reason = (
        f"downloads up to 230 MB for each release of TensorRT: set {DIRECTORY_VARIABLE} to a "
        "directory to keep them in, or run tox -e contract"
    )
    for item in items:
        if "target" in getattr(item, "fixturenames", ()) and item.path.parent == _HERE:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def found() -> Found:
    """What the package uses of TensorRT."""
    from tests.contract.reader import read_package
    from tests.contract.reviewed import REVIEW

    return read_package(Path(pytest_trtperf.__file__).parent, REVIEW)


@pytest.fixture(scope="session")
def bindings(target: Target) -> Target:
    """The target, once its bindings can be imported by a child process."""
    from tests.contract.bindings import REQUIRE_VARIABLE, CannotProvide, provide

    try:
        provide(target)
    except CannotProvide as error:
        if os.environ.get(REQUIRE_VARIABLE):
            raise
        pytest.skip(str(error))
    return target
