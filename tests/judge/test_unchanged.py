"""What counts as a change since the baseline, and how it is said."""

from __future__ import annotations

import msgspec
import pytest

from pytest_trtperf.baseline.schema import BaselineSession
from pytest_trtperf.judge.unchanged import asked_changes, engine_changes
from pytest_trtperf.record.model import EngineRecord
from tests.baseline.conftest import make_entry

ENGINE = EngineRecord(name="m", backend="tensorrt", digest="cd" * 32, plan_sha256="ab" * 32)
SHAPES = {"input": (8, 3, 224, 224)}
SOFTWARE = {"driver": "1"}


def changes(engine=ENGINE, shapes=SHAPES, software=SOFTWARE, kernels=(), recorded=(None,)):
    """Those of an engine, whose baseline has sessions with these digests of kernels."""
    entry = make_entry()
    (run,) = entry.runs
    sessions = [
        BaselineSession(
            rounds=run.sessions[0].rounds, kernels=digest and "cached", kernels_digest=digest
        )
        for digest in recorded
    ]  # fmt: skip
    run = msgspec.structs.replace(run, sessions=sessions)
    found = engine_changes(make_entry(runs=[run]), engine, shapes, software, kernels)
    return ", ".join(found)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ""),
        ({"shapes": {}}, ""),
        ({"software": {"driver": "2"}}, "driver 1 -> 2"),
        ({"software": {}}, "driver 1 -> none"),
        ({"software": {"cuda": "12", "driver": "1"}}, "cuda none -> 12"),
        ({"shapes": {"input": (8, 3, 9, 9)}}, "shape of input 8x3x224x224 -> 8x3x9x9"),
        ({"shapes": {"other": (8,)}}, "shape of other none -> 8"),
        (
            {"engine": msgspec.structs.replace(ENGINE, plan_sha256="00")},
            "the plan was built anew",
        ),
        (
            {"engine": msgspec.structs.replace(ENGINE, digest="00", plan_sha256="00")},
            "another model, other build options, another version or GPU",
        ),
    ],
)
def test_changes_of_the_engine_and_its_surroundings(given, expected):
    assert changes(**given) == expected


@pytest.mark.parametrize(
    ("recorded", "kernels", "is_same"),
    [
        (["a"], ["a"], True),
        (["a"], ["0", "a", "b"], True),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a"], False),
        (["a"], ["b"], False),
        (["a"], [], False),
        ([None], [], True),
    ],
)
def test_kernels_have_to_be_those_of_the_baseline(recorded, kernels, is_same):
    assert (changes(recorded=recorded, kernels=kernels) == "") is is_same


def test_kernels_without_a_digest_are_not_known():
    entry = make_entry()
    rounds = entry.runs[0].sessions[0].rounds
    session = BaselineSession(rounds=rounds, kernels="fresh")
    run = msgspec.structs.replace(entry.runs[0], sessions=[session])
    found = engine_changes(make_entry(runs=[run]), ENGINE, SHAPES, SOFTWARE, ["a"])
    assert [*found] == ["other kernels than in the baseline, or it is not known which"]


def asked_since(then, now):
    (run,) = make_entry().runs
    entry = make_entry(runs=[msgspec.structs.replace(run, asked=then)])
    return [*asked_changes(entry, now)]


def test_changes_of_what_is_asked():
    then = {"code": "1", "budget P99": "2.0", "seed": "1", "input x": "1"}
    assert asked_since(then, then) == []
    now = {"code": "2", "budget P99": "1.8", "layers": "True", "input x": "2"}
    assert asked_since(then, now) == [
        "budget P99 2.0 -> 1.8",
        "other code of the test, its fixtures or hooks",
        "other values of input x",
        "layers none -> True",
        "seed 1 -> none",
    ]


def test_what_is_not_known_is_a_change():
    (unknown,) = asked_since({}, {"code": "1"})
    assert unknown.startswith("the baseline does not say all")
    assert asked_since({"code": ""}, {"code": ""}) == ["the code of the test cannot be read"]
