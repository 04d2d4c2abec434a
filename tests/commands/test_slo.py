"""`trtperf slo`: models without a table, and the schema for editors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_trtperf.cli import main

TABLE = """
[a]
onnx = "models/a.onnx"
p99_ms = 3
[b]
onnx = "models/b*.onnx"
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Three models in the current directory, of which none is ONNX: no model is opened."""
    monkeypatch.chdir(tmp_path)
    for name in ("models/a.onnx", "models/b.onnx", "models/deep/c.onnx", ".hidden/d.onnx"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"model")


def test_models_in_no_table_are_listed(capsys):
    Path("models.slo.toml").write_text(TABLE)
    assert main(["slo", "check", "models"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "3 models, 1 table",
        "in no table (1):",
        "  models/deep/c.onnx",
        "in a table without a budget (1):",
        "  models/b.onnx",
    ]
    assert main(["slo", "check", "models", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "tables": ["models.slo.toml"],
        "models": 3,
        "in_no_table": ["models/deep/c.onnx"],
        "without_budget": ["models/b.onnx"],
    }


def test_tables_may_be_named_and_links_are_followed(capsys):
    Path("perf").mkdir()
    Path("perf/one.slo.toml").write_text('[c]\nonnx = "c.onnx"\nqps = 3')
    Path("perf/c.onnx").symlink_to(Path("models/deep/c.onnx").absolute())
    Path("broken.slo.toml").write_text("[")
    assert main(["slo", "check", "models/deep", "--table", "perf/one.slo.toml"]) == 0
    assert capsys.readouterr().out.splitlines() == ["1 model, 1 table", "each model has a budget"]


@pytest.mark.parametrize(
    ("table", "words"),
    [("[a]\nonnx = 3", "models.slo.toml:1: [a] onnx: expected text"), (None, "cannot be read: No")],
)
def test_a_table_that_is_wrong_is_named(capsys, table, words):
    if table:
        Path("models.slo.toml").write_text(table)
    assert main(["slo", "check", "models", "--table", "models.slo.toml"]) == 2
    assert words in capsys.readouterr().err


def test_an_entry_without_a_model_is_an_error(capsys):
    dead = '[gone]\nonnx = "gone.onnx"\n[none]\nonnx = "none/*.onnx"\n'
    Path("models.slo.toml").write_text(TABLE + dead)
    assert main(["slo", "check", "models"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "models.slo.toml:7: [gone] onnx: 'gone.onnx': there is no file" in printed.err
    assert "models.slo.toml:9: [none] onnx: 'none/*.onnx' matches no file" in printed.err


def test_what_is_named_twice_counts_once(capsys):
    Path("models.slo.toml").write_text(TABLE)
    tables = ("--table", "models.slo.toml", "--table", "./models.slo.toml")
    assert main(["slo", "check", "models", str(Path("models").absolute()), *tables]) == 1
    assert capsys.readouterr().out.startswith("3 models, 1 table\n")


def test_a_table_that_pytest_would_not_collect_is_refused(capsys):
    Path("models.toml").write_text(TABLE)
    with pytest.raises(SystemExit) as ended:
        main(["slo", "check", "models", "--table", "models.toml"])
    assert ended.value.code == 2
    assert "'models.toml': call it NAME.slo.toml" in capsys.readouterr().err


def test_a_directory_without_models_is_no_success(capsys):
    Path("empty").mkdir()
    assert main(["slo", "check", "empty"]) == 2
    assert "no ONNX file is in empty" in capsys.readouterr().err


def test_the_schema_is_printed(capsys):
    assert main(["slo", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    parts = {"Accuracy", "Defaults", "Entry", "Measurement", "MaxQpsSearch", "MetricBudgets"}
    assert set(schema["definitions"]) == parts
    assert schema["definitions"]["Measurement"]["additionalProperties"]["type"] == "integer"
