"""`trtperf layers`: what is kept beside plans of their layers."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_trtperf.cli import main
from pytest_trtperf.onnx_file.external_data import files_digest, model_files
from pytest_trtperf.plan_cache.cache import PlanCache
from tests.commands.cache.cached import ABOUT, key

DETAILED: list[dict[str, Any]] = [
    {
        "Name": "conv + relu",
        "LayerType": "CaskConvolution",
        "Outputs": [{"Name": "y", "Dimensions": [8, 64, 56, 56], "Format/Datatype": "Half"}],
        "TacticName": "sm90_xmma_fprop_implicit_gemm_f16f16_f16f16_f16",
    },
    {"Name": "softmax", "LayerType": "SoftMax", "Outputs": "of a strange kind"},
]

Layers = Callable[..., tuple[int, str, str]]


@pytest.fixture
def layers(directory: Path, capsys: pytest.CaptureFixture[str]) -> Layers:
    """Runs `trtperf layers …`; gives its status, what it printed and its notes."""
    PlanCache(directory).store_layers(key("a"), DETAILED, ["x", "y"])

    def call(*words: str | Path) -> tuple[int, str, str]:
        status = main(["layers", *map(str, words)])
        return status, *capsys.readouterr()

    return call


def test_layers_of_a_key_as_a_table(layers: Layers) -> None:
    status, out, err = layers("aa")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "layer        type             output           tactic",
        f"conv + relu  CaskConvolution  Half 8x64x56x56  {DETAILED[0]['TacticName']}",
        "softmax      SoftMax",
        f"resnet50.onnx {key('a')}: 2 layers; bindings: x, y",
    ]


def test_layers_as_the_json_of_trtexec(layers: Layers) -> None:
    status, out, _ = layers("aa", "--json")
    assert status == 0
    assert json.loads(out) == {
        "Layers": DETAILED, "Bindings": ["x", "y"], "I/O Tensors": ["x", "y"],
    }  # fmt: skip


def test_a_terminal_gets_lines_that_fit(
    layers: Layers, on_terminal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = on_terminal([sys.executable, "-m", "pytest_trtperf.cli", "layers", "aa"]).splitlines()
    assert shown[1] == "conv + relu  CaskConvolution  Half 8x64x56x56"
    assert "tactic" not in shown[0]


def test_a_copy_of_a_plan_stands_for_its_engine(
    layers: Layers, directory: Path, tmp_path: Path
) -> None:
    cache = PlanCache(directory)
    cache.get_or_build(key("d"), lambda: b"another plan", ABOUT)
    cache.store_layers(key("d"), [{"Name": "only"}], ["z"])
    shutil.copy(directory / f"{key('d')}.plan", tmp_path / "copy.engine")
    status, out, err = layers(tmp_path / "copy.engine")
    assert status == 0
    assert out == f"layer\nonly\nresnet50.onnx {key('d')}: 1 layer; bindings: z\n"
    assert 'profiling_verbosity="detailed"' in err
    (tmp_path / "copy.engine").write_bytes(b"a stranger")
    status, out, err = layers(tmp_path / "copy.engine")
    assert (status, out) == (2, "")
    assert f"no engine in {directory} is this plan" in err
    assert "export_layers(path)" in err
    assert "where the backend is of TensorRT: ONNX Runtime has no engine inspector" in err


def test_a_model_stands_for_all_engines_of_it(
    layers: Layers, directory: Path, write_model: Any, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "m.onnx")
    about = msgspec.structs.replace(ABOUT, model=files_digest(model_files(model)))
    cache = PlanCache(directory)
    for letter in "def":
        cache.get_or_build(key(letter), lambda: b"plan", about)
    cache.store_layers(key("d"), DETAILED, ["x"])
    cache.store_layers(key("e"), [], ["x"])
    status, out, err = layers(model)
    assert status == 1
    assert out.count("bindings: x\n") == 1
    assert f"{key('e')}: its engine inspector has no entries" in err
    assert 'profiling_verbosity="detailed"' in err
    assert f"{key('f')}: its layers are not kept" in err
    status, _, err = layers(model, "--json")
    assert status == 2
    assert "--json prints one engine, and these are 3: " in err
    write_model(model, layers=2)
    assert "was built from this model" in layers(model)[2]


@pytest.mark.parametrize("word", ["f", "models/absent.onnx"])
def test_what_is_no_engine_and_no_file_is_an_error(layers: Layers, word: str) -> None:
    status, out, err = layers(word)
    assert (status, out) == (2, "")
    assert err == (
        f"trtperf: error: {word}: no such engine, nor such a file; see trtperf cache list\n"
    )


def test_a_damaged_identity_is_named(layers: Layers, directory: Path) -> None:
    (directory / f"{key('b')}.json").write_text("{")
    status, out, err = layers("b")
    assert (status, out) == (1, "")
    assert f"{key('b')}: the plan has a broken" in err


def test_older_files_do_not_know_the_bindings(layers: Layers, directory: Path) -> None:
    path = directory / f"{key('a')}.json"
    identity = json.loads(path.read_text())
    del identity["bindings"]
    path.write_text(json.dumps(identity))
    assert layers("a")[1].endswith("2 layers; bindings: not known\n")
