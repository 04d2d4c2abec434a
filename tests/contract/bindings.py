"""NVIDIA's Python bindings, each release in a directory and a process of its own.

The lean and RTX wheels are the real thing. Those of TensorRT itself come without libraries from
the ordinary registry, so that they are imported over stand-ins: nine C functions that return null.
Classes, enums and docstrings are the bindings' own, nothing can be built or run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_trtperf
from pytest_trtperf.files.locks import exclusive

# To check a new release, change one number here (the oldest are those that pyproject allows).
VERSIONS: Mapping[str, tuple[str, ...]] = {
    "tensorrt": ("10.0.1", "10.16.1.11", "11.4.0.106"),
    "tensorrt-lean": ("10.16.1.11", "11.4.0.106"),
    "tensorrt-rtx": ("1.4.0.76", "1.7.1.116"),
}

# Where they are kept; nothing is downloaded without it.
DIRECTORY_VARIABLE = "TRTPERF_X_CONTRACT_DIR"
# Makes what cannot be had a failure instead of a skip.
REQUIRE_VARIABLE = "TRTPERF_X_CONTRACT_REQUIRE"

_FIRST_FOR_CUDA_13 = (10, 13)
_STAND_IN_SYMBOLS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
)
_STAND_INS = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
_CHECKER = Path(__file__).parent / "checker.py"


class CannotProvide(Exception):
    """The bindings of a release cannot be had here; says why."""


@dataclass(frozen=True)
class Target:
    """A release of one member of the TensorRT family."""

    backend: str
    version: str

    def __str__(self) -> str:
        return f"{self.backend}-{self.version}"

    @property
    def major(self) -> int:
        """The 11 of 11.4.0.106."""
        return int(self.version.split(".")[0])

    @property
    def module(self) -> str:
        """Of the front package: `tensorrt`, `tensorrt_lean` or `tensorrt_rtx`."""
        return self.backend.replace("-", "_")

    @property
    def has_libraries(self) -> bool:
        """Whether the libraries are NVIDIA's, or stand-ins."""
        return self.backend != "tensorrt"

    @property
    def wheels(self) -> list[str]:
        """What pip is asked for."""
        first, second = (int(part) for part in self.version.split(".")[:2])
        old = self.backend != "tensorrt-rtx" and (first, second) < _FIRST_FOR_CUDA_13
        names = ["bindings", "libs"] if self.has_libraries else ["bindings"]
        cuda = "cu12" if old else "cu13"
        return [f"{self.module}_{cuda}_{name}=={self.version}" for name in names]

    @property
    def directory(self) -> Path:
        """Where its packages are; wheels are made for one Python."""
        python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
        return Path(os.environ[DIRECTORY_VARIABLE]).resolve() / f"{self}-{python}"


def targets() -> list[Target]:
    """All of the table."""
    return [Target(name, version) for name, versions in VERSIONS.items() for version in versions]


def provide(target: Target) -> None:
    """Downloads the bindings of a release unless they are there.

    Raises:
        CannotProvide: there is no registry, wheel, compiler or space.
    """
    directory = target.directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(directory.with_name(f"{directory.name}.lock"), 0o644, wait=True):
        if not directory.exists():
            with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
                made = Path(temporary) / "made"
                _install(target, made)
                if not target.has_libraries:
                    _compile_stand_ins(target, made / "lib")
                made.rename(directory)


def _install(target: Target, directory: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--target", str(directory)]
    done = subprocess.run([*command, *target.wheels], capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " ".join(done.stderr.split())[-500:]
        raise CannotProvide(f"pip cannot install {' '.join(target.wheels)}: {tail}")
    # The front package has only an sdist, whose older releases run pip; this is all that it holds.
    front = directory / target.module
    front.mkdir()
    inner = f"{target.module}_bindings"
    (front / "__init__.py").write_text(f"from {inner} import *\nfrom {inner} import __version__\n")
    if not target.has_libraries:
        # Else a TensorRT of this environment would be loaded.
        (directory / "tensorrt_libs").mkdir()
        (directory / "tensorrt_libs" / "__init__.py").touch()


def _compile_stand_ins(target: Target, directory: Path) -> None:
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None:
        raise CannotProvide("no gcc to compile the stand-in libraries with; CC names another")
    directory.mkdir()
    source = directory / "stand_in.c"
    lines = [f"void *{symbol}(void) {{ return 0; }}" for symbol in _STAND_IN_SYMBOLS]
    source.write_text("\n".join(lines) + "\n")
    for name in _STAND_INS:
        library = f"lib{name}.so.{target.major}"
        command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{library}"]
        command += ["-o", str(directory / library), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotProvide(f"{compiler} cannot make a library: {done.stderr[-300:]}")


def ask(target: Target, command: str, **request: Any) -> Any:
    """Runs a command of `checker` over the bindings of a release; a crash is a failure."""
    with tempfile.TemporaryDirectory() as temporary:
        question, answer = Path(temporary) / "question.json", Path(temporary) / "answer.json"
        question.write_text(json.dumps({"backend": target.backend, **request}))
        paths = [target.directory, Path(pytest_trtperf.__file__).parent.parent]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        if not target.has_libraries:
            environment["LD_LIBRARY_PATH"] = str(target.directory / "lib")
        done = subprocess.run(
            [sys.executable, str(_CHECKER), command, str(question), str(answer)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{target}: {command} ended with {done.returncode}:\n" + (
            done.stdout[-1000:] + done.stderr[-3000:]
        )
        return json.loads(answer.read_text())
