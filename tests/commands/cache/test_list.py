"""`trtperf cache list` and `show`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache.cache import PlanCache
from tests.commands.cache.cached import ABOUT, Run, key


def test_list_names_each_engine_and_why_it_is_not_for_this_machine(run: Run) -> None:
    status, out, _ = run("list")
    assert status == 0
    header, *rows, total = out.splitlines()
    assert header.split() == ["key", "model", "built", "by", "for", "size", "last", "used", "here"]
    assert [row[:12] for row in rows] == [letter * 12 for letter in "abc"]
    assert "resnet50.onnx  tensorrt-rtx 1.0  NVIDIA H200 9.0" in rows[0]
    assert "no: " in rows[0]
    assert total.startswith("engines in ")


def test_list_as_json(run: Run, directory: Path) -> None:
    status, out, _ = run("list", "--json")
    assert status == 0
    assert out["directory"] == str(directory)
    first = out["engines"][0]
    assert first["key"] == key("a")
    assert first["path"] == str(directory / f"{key('a')}.plan")
    assert first["identity"]["about"] == msgspec.to_builtins(ABOUT)
    assert first["here"] is False
    assert first["why"]


def test_show_takes_the_beginning_of_a_key(run: Run, directory: Path) -> None:
    layers = [{"Name": "conv", "TacticName": "sm90_conv"}]
    PlanCache(directory).store_layers(key("b"), layers, ["x", "y"])
    status, out, _ = run("show", "bb")
    assert status == 0
    assert f"key: {key('b')}\n" in out
    assert "device: NVIDIA H200 9.0\n" in out
    assert "layers: 1\n  conv: sm90_conv\n" in out
    assert "layers: not known" in run("show", "c")[1]
    assert run("show", "b", "--json")[1]["identity"]["layers"][0]["Name"] == "conv"


def test_names_do_not_command_the_terminal(run: Run, directory: Path) -> None:
    about = msgspec.structs.replace(ABOUT, onnx="\x1b[2Jgone.onnx")
    PlanCache(directory).get_or_build(key("d"), lambda: b"plan", about)
    for words in (["list"], ["show", "d"]):
        out = run(*words)[1]
        assert "[2Jgone.onnx" in out
        assert "\x1b" not in out


def test_show_of_an_unknown_key_is_an_error(run: Run) -> None:
    status, out, err = run("show", "f")
    assert (status, out) == (2, "")
    assert err == "trtperf: error: f: no such engine; see trtperf cache list\n"


def test_show_of_several_keys_names_them(run: Run, directory: Path) -> None:
    other = "a" * 63 + "b"
    PlanCache(directory).get_or_build(other, lambda: b"plan", EngineIdentity())
    status, _, err = run("show", "aaa")
    assert status == 2
    assert key("a") in err
    assert other in err
    assert run("show", key("a"))[0] == 0
