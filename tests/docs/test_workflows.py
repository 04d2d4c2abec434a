"""The YAML of all pages is what GitHub and GitLab take, and its shell lines are shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, Block, blocks_of
from tests.docs.workflows import document, shell_lines

yaml = pytest.importorskip("yaml")

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
BLOCKS = [block for page in PAGES for block in blocks_of(page) if block.language == "yaml"]
EXAMPLE = ROOT / "example_project" / ".github" / "workflows" / "perf.yml"


@pytest.fixture
def check(tmp_path: Path):
    """Holds a document against the schema of its service."""
    pytest.importorskip("check_jsonschema")

    def check(content: str, service: str) -> str:
        file = tmp_path / "document.yml"
        file.write_text(content)
        schema = f"vendor.{service}"
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    return check


def service_of(block: Block) -> str:
    return "gitlab-ci" if block.file == ".gitlab-ci.yml" else "github-workflows"


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_has_its_service_s_schema(block: Block, check) -> None:
    assert check(json.dumps(document(block)), service_of(block)) == ""


def test_the_example_has_its_service_s_schema(check) -> None:
    assert check(EXAMPLE.read_text(encoding="utf-8"), "github-workflows") == ""


def test_a_wrong_document_is_noticed(check) -> None:
    assert "runs-on" in check('{"on": "push", "jobs": {"a": {"steps": []}}}', "github-workflows")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_shell_lines_are_shell(block: Block) -> None:
    for line in shell_lines(document(block)):
        done = subprocess.run(
            ["bash", "-n"], input=line, stderr=subprocess.PIPE, text=True, check=False
        )
        assert done.stderr == ""


@pytest.fixture
def lint(tmp_path: Path) -> Callable[[str], str]:
    """What actionlint says of a workflow, on runners with labels of one's own."""
    if shutil.which("actionlint") is None:
        if os.environ.get("TRTPERF_X_ACTIONLINT_REQUIRE"):
            pytest.fail("needs actionlint, which the dependency group docs has")
        pytest.skip("needs actionlint")

    def lint(content: str) -> str:
        file = tmp_path / "workflow.yml"
        file.write_text(content, encoding="utf-8")
        command = ["actionlint", "-oneline", "-no-color", "-ignore", "label .* is unknown"]
        command.append(str(file))
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout

    return lint


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if service_of(block) == "github-workflows"], ids=str
)
def test_actionlint_has_nothing_to_say(block: Block, lint) -> None:
    assert lint(yaml.safe_dump(document(block), sort_keys=False)) == ""


def test_actionlint_has_nothing_to_say_of_the_example(lint) -> None:
    assert lint(EXAMPLE.read_text(encoding="utf-8")) == ""


def test_actionlint_notices_what_the_schema_does_not(lint) -> None:
    step = "{uses: actions/checkout@v5, with: {ref: '${{ github.nope }}'}}"
    text = f"on: push\njobs: {{a: {{runs-on: gpu, steps: [{step}]}}}}\n"
    assert "nope" in lint(text)
