"""What the package's metadata say of the README: its links lead somewhere from anywhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)]+)\)")


def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return content


def test_links_are_absolute_and_lead_to_files() -> None:
    made = project()["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = (ROOT / made["fragments"][0]["path"]).read_text(encoding="utf-8")
    for change in made["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    source = project()["project"]["urls"]["Source"] + "/blob/main/"
    links = LINK.findall(text)
    assert links
    for link in links:
        assert link.startswith("https://")
        if link.startswith(source):
            assert (ROOT / link.removeprefix(source).partition("#")[0]).exists()


def test_a_source_distribution_has_the_files_that_a_build_of_it_reads() -> None:
    hatch = project()["tool"]["hatch"]
    read = {one["path"] for one in hatch["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"]}
    # The site includes the latter.
    assert {*read, "CONTRIBUTING.md"} <= {
        path.removeprefix("/") for path in hatch["build"]["targets"]["sdist"]["include"]
    }


def test_addresses_are_those_of_the_source() -> None:
    urls = project()["project"]["urls"]
    assert {"Source", "Documentation", "Changelog", "Issues"} <= set(urls)
    assert all(url.startswith(urls["Source"]) for url in urls.values())
