"""Where the entries of a test module are: in one file, or in a file for each of its tests."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePath, PurePosixPath
from typing import Literal, TypeAlias, TypeVar

from pytest_trtperf.errors import BaselineError

Layout: TypeAlias = Literal["module", "test"]
"""Of what there is a file each."""

LAYOUTS: tuple[Layout, ...] = ("module", "test")

TABLE_SUFFIX = ".slo.toml"
"""What the names of tables of SLOs end with, which are test modules, too."""

_LONGEST_NAME = 100
_Path = TypeVar("_Path", bound=PurePath)
# Up to the name of a measurement, which follows the parameters of its test.
_TEST = re.compile(r"[^\[#]*(?:\[.*\])?", flags=re.DOTALL)


def baseline_path(directory: Path, hardware_class: str, backend: str, module: str) -> Path:
    """The path of the one file of `module`, a posix path such as "tests/test_x.py".

    Raises:
        BaselineError: a part would lead out of `directory`, or `module` is no test module.
    """
    parts = PurePosixPath(module)
    if not is_module(module) or parts.is_absolute() or not _stay_inside(*module.split("/")):
        raise BaselineError(
            f"module {module!r} cannot have a baseline: its path must be that of a Python file "
            f"or of a table of SLOs ({TABLE_SUFFIX}), relative to the parent of the baseline "
            "directory and inside it"
        )
    for name in (hardware_class, backend):
        if "/" in name or not _stay_inside(name):
            raise BaselineError(f"{name!r} cannot name a folder of baselines")
    name = parts.stem if parts.suffix == ".py" else parts.name
    return directory.joinpath(hardware_class, backend, *parts.with_name(f"{name}.json").parts)


def is_module(name: str) -> bool:
    """Whether a file of this name may have tests: Python, or a table of SLOs."""
    stem = name.removesuffix(".py")
    return name.endswith(TABLE_SUFFIX) if stem == name else not stem.endswith(TABLE_SUFFIX)


def _stay_inside(*parts: str) -> bool:
    return all(part not in ("", ".", "..") and not set(part) & set("\\:\0") for part in parts)


def folder_of_tests(path: Path) -> Path:
    """The folder of the files of a module's tests, given the path of its one file.

    It has the module's own name, `test_x.py`: there is a file of that name in the repository, so
    no module can lie in a folder of that name.
    """
    return _of_file(path)


def file_of_test(path: Path, key: str) -> Path:
    """The file of one test, by the key of one of its entries.

    Its name ends with a digest, since file systems take different names for the same.
    """
    test = key.partition("::")[2]
    whole = _TEST.match(test)
    assert whole is not None  # it matches an empty text, too
    digest = hashlib.sha256(whole[0].encode()).hexdigest()[:8]
    name = re.sub(r"[^\w.=-]+", "-", whole[0], flags=re.ASCII)[:_LONGEST_NAME].strip("-.")
    return folder_of_tests(path) / f"{name}-{digest}.json".lstrip("-")


def module_of(path: PurePath) -> str:
    """The test module that a baseline file belongs to; both are relative to their folders."""
    folder = path.parent
    return (folder if is_module(folder.name) else _of_file(path)).as_posix()


def _of_file(path: _Path) -> _Path:
    plain = path.with_suffix("")
    return plain if plain.name.endswith(TABLE_SUFFIX) else path.with_suffix(".py")


def is_baseline(name: str) -> bool:
    """Whether a file of this name holds baselines: others are temporary, or not ours."""
    return name.endswith(".json") and not name.startswith(".")
