"""The YAML of all pages is what GitHub and GitLab take, and its shell lines are shell."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
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


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="needs actionlint")
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_actionlint_has_nothing_to_say(block: Block, tmp_path: Path) -> None:
    if service_of(block) == "gitlab-ci":
        pytest.skip("is not GitHub's")
    file = tmp_path / "workflow.yml"
    file.write_text(yaml.safe_dump(document(block), sort_keys=False), encoding="utf-8")
    own_labels = "label .* is unknown"
    done = subprocess.run(
        ["actionlint", "-ignore", own_labels, file], stdout=subprocess.PIPE, check=False
    )
    assert done.stdout == b""
