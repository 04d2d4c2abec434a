"""How Sphinx makes the site of these pages: `tox run -e docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

project = "pytest-trtperf"
author = "The pytest-trtperf developers"
copyright = author

extensions = ["myst_parser"]
html_theme = "furo"
html_title = project
html_copy_source = False

exclude_patterns = ["README.md"]  # index.rst includes it
myst_heading_anchors = 4  # as GitHub makes them, so that a link works in both places
nitpicky = True

CONTRIBUTING = "../CONTRIBUTING.md"


def setup(app: Any) -> None:
    """Registers what happens to pages before they are parsed."""
    app.connect("source-read", _place_contributing)


def _place_contributing(_app: Any, page: str, source: list[str]) -> None:
    """Puts the file that lies above docs/, where GitHub looks for it, into its page here."""
    if page == "contributing":
        text = Path(__file__).parent.joinpath(CONTRIBUTING).read_text(encoding="utf-8")
        source[0] = text.replace("](docs/", "](").replace("](benchmarks/", "](path:../benchmarks/")
    else:
        source[0] = source[0].replace(f"]({CONTRIBUTING}", "](contributing.md")
