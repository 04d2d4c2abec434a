"""Somebody who follows a page: writes its files, runs its commands, looks at what they print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks_of
from tests.docs.workflows import lines_of

_ANY = (
    (r"…", ".*"),
    (r"[-+]\d[\d.,]*%", r"(?:<?[-+][\d.,]+%|[\d.,]+x)[*†‡§]*"),
    (r"cpu-[\w-]+", r"cpu-[\w-]+"),
    (r"[-+]?\d[\d.,]*", r"[-+]?\d[\d.,]*"),
    (r"\bpass$", "(?:pass|inconclusive|measured)"),
)
"""What is shown, and what may be printed in its place: by other numbers, hardware or a machine that
is too busy for a verdict."""
_VARIES = re.compile("|".join(f"({shown})" for shown, _ in _ANY))


@dataclass
class Walk:
    """Somebody who follows a page in a folder: writes its files, runs its commands, looks.

    Attributes:
        folder: Where it begins; `cd` of the page changes it.
        variables: Of the environment, besides this process's.
        words: What is printed here in place of what the page shows, on this hardware.
    """

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    output: str = ""

    def follow(self, blocks: Iterable[Block]) -> int:
        """Does what the blocks say, and returns how often there were commands."""
        commands = 0
        for block in blocks:
            if block.remark == "install" or block.remark.startswith("not run"):
                continue
            if block.file:
                path = self.folder / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            if block.remark == "steps are run":
                for line in lines_of(block):
                    self.run(block, line)
                    commands += 1
            elif block.language == "sh":
                self.run(block, block.text)
                commands += 1
            elif block.language == "text":
                shown = block.text
                for theirs, ours in self.words.items():
                    shown = shown.replace(theirs, ours)
                missing = missing_line(shown, self.output)
                assert missing is None, f"{block}: {missing!r} is not in\n{self.output}"
        return commands

    def run(self, block: Block, commands: str) -> None:
        """Runs commands of a block in one shell, which ends with the first that fails."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", f"trap 'pwd > \"$WALK\"' EXIT\n{commands}"],
            cwd=self.folder,
            env={**os.environ, **self.variables, "PATH": path, "WALK": str(self._place)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        self.output = done.stdout
        assert done.returncode == block.status, f"{block}: status {done.returncode}\n{done.stdout}"
        self.folder = Path(self._place.read_text(encoding="utf-8").strip())

    def follow_example(self) -> int:
        """Follows the example's README in a copy that is a repository of its own."""
        self.folder /= "copied"
        without = shutil.ignore_patterns("models", "__pycache__")
        shutil.copytree(ROOT / "example_project", self.folder, ignore=without)
        subprocess.run(["git", "init", "--quiet", str(self.folder)], check=True)
        return self.follow(blocks_of(self.folder / "README.md"))

    @property
    def _place(self) -> Path:
        return Path(self.variables["HOME"]) / "place"


def walk_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Begins in a folder, with a home of its own and a git that knows who commits."""
    for name in ("GIT_DIR", "PYTEST_ADDOPTS", "TRTPERF_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    home = folder / "home"
    home.mkdir()
    return Walk(
        folder,
        {
            "HOME": str(home),
            "COLUMNS": "200",
            "TRTPERF_CACHE_DIR": str(folder / "cache"),
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
        },
    )


def missing_line(shown: str, printed: str) -> str | None:
    """The first shown line that was not printed, in that order; numbers and `…` may be any."""
    lines = iter(" ".join(line.split()) for line in printed.splitlines())
    for line in filter(None, shown.splitlines()):
        pattern = _pattern(" ".join(line.split()))
        if not any(re.search(pattern, one) for one in lines):
            return line
    return None


def _pattern(line: str) -> str:
    pattern, end = "", 0
    for found in _VARIES.finditer(line):
        assert found.lastindex is not None
        pattern += re.escape(line[end : found.start()]) + _ANY[found.lastindex - 1][1]
        end = found.end()
    return pattern + re.escape(line[end:])
