"""The package's metadata and the pages agree: links, addresses, extras."""

from __future__ import annotations

import re
import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from tests.docs.pages import DOCS, ROOT

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


def test_extras_that_pages_install_exist() -> None:
    pages = [ROOT / "README.md", ROOT / "example_project" / "README.md", *DOCS.rglob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    found = re.findall(r"(?:pytest-trtperf|'\.+)\[([\w, -]+)\]", text)
    named = {extra.strip() for extras in found for extra in extras.split(",")}
    assert {"cpu", "rtx", "report"} <= named <= {*project()["project"]["optional-dependencies"]}
