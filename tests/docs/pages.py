"""Pages of docs/ as the tests read them: their blocks, files and commands in order.

A comment of HTML before a block says what a reader knows from the text: `<!-- exits with 1 -->`,
`<!-- install -->`, `<!-- not run: why -->`, `<!-- file name.sh -->`, `<!-- steps are run -->`. A
block that begins with `# some/file.py` is that file. One of `text` after commands is what they
print, among other lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(
    r"(?:^<!-- (?P<remark>[^\n]+) -->\n)?^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"# ((?:[\w.-]+/)*[\w.-]+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """A block of code in a page."""

    page: Path
    line: int
    language: str
    text: str
    remark: str = ""

    @property
    def file(self) -> str:
        """The name of the file that it is; empty of others."""
        if self.remark.startswith("file "):
            return self.remark.removeprefix("file ")
        named = _FILE.match(self.text)
        return named[1] if named else ""

    @property
    def status(self) -> int:
        """How its commands end."""
        return int(self.remark.removeprefix("exits with ")) if "exits with" in self.remark else 0

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        code = re.sub(rf"(?m)^{found['indent']}", "", found["text"])
        yield Block(page, line, found["language"], code, found["remark"] or "")
