"""The list of uses is complete and was reviewed; needs no bindings."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_trtperf
from tests.contract.reader import read_package, read_sources
from tests.contract.reviewed import FEATURES, INTERFACES, REVIEW
from tests.contract.uses import OURS, Found, Review


@pytest.fixture(scope="module")
def found() -> Found:
    return read_package(Path(pytest_trtperf.__file__).parent, REVIEW)


def test_every_use_was_reviewed(found):
    assert not found.problems, "look at these and add them to reviewed.py:\n" + "\n".join(
        found.problems
    )


def test_the_list_has_what_everyone_uses(found):
    paths = {use.path for use in found.uses}
    assert {"Runtime", "Runtime.deserialize_cuda_engine", "Builder.create_network"} <= paths
    assert {"TensorIOMode.INPUT", "IExecutionContext.execute_async_v3"} <= paths
    assert {"BuilderFlag.TF32", "BuilderFlag.FP16", "ILogger.Severity.ERROR"} <= paths
    assert {"IBuilderConfig.progress_monitor", "DataType.name"} <= paths
    assert len(paths) > 80


def test_every_feature_that_is_asked_for_says_who_must_have_it(found):
    unknown = [f"{where}: {path}" for path, where in found.features.items() if path not in FEATURES]
    stale = [path for path in FEATURES if path not in found.features]
    assert not unknown
    assert not stale


def test_every_subclass_has_the_methods_that_tensorrt_calls(found):
    problems = []
    for one in found.subclasses:
        for name, callback in INTERFACES[one.base].items():
            count = one.methods.get(name)
            if count is None and callback.required:
                problems.append(f"{one.where}: {one.base}.{name} is not overridden")
            if count not in (None, callback.arguments):
                problems.append(f"{one.where}: {one.base}.{name} takes {count} arguments")
    assert not problems
    assert {one.base for one in found.subclasses} == set(INTERFACES)


def test_the_review_has_nothing_stale(found):
    tables = ("returns", "functions", "forwards", "accessors", "computed", "guards")
    entries: list[tuple[str, ...]] = [
        *(("names", file, name) for file, names in REVIEW.names.items() for name in names),
        *((table, name) for table in tables for name in getattr(REVIEW, table)),
    ]
    assert not [entry for entry in entries if entry not in found.consulted]


def read(text: str, review: Review | None = None) -> Found:
    return read_sources({"file.py": text}, review or Review())


def paths_of(found: Found) -> dict[str, tuple[str, ...]]:
    return {use.path: use.guards for use in found.uses}


def test_a_parameter_that_may_be_anything_is_a_problem():
    text = "def f(trt, thing: Any):\n    thing.run()\n"
    assert read(text).problems == ["file.py:2: thing is Any, and not reviewed"]
    reviewed = Review(names={"file.py": {"thing": OURS}})
    assert not read(text, reviewed).problems


def test_values_are_followed_from_the_module_on():
    found = read("def f(trt):\n    b = trt.Builder(1)\n    return b.create(2, flags=3)\n")
    (call,) = [use for use in found.uses if use.path == "Builder.create" and use.kind == "call"]
    assert call.arguments == ("",)
    assert call.keywords == ("flags",)


def test_a_result_that_is_used_has_to_be_reviewed():
    text = "def f(trt):\n    trt.Builder(1).make().go()\n"
    assert read(text).problems == ["file.py:2: what Builder.make gives is used: not reviewed"]
    found = read(text, Review(returns={"Builder.make": "Config"}))
    assert "Config.go" in paths_of(found)


def test_an_object_kept_in_an_attribute_has_to_be_reviewed():
    text = "class A:\n    def f(self, trt):\n        self.b = trt.Builder()\n"
    assert read(text).problems == ["file.py:3: self.b is Builder: not reviewed"]


def test_a_function_that_is_given_an_object_has_to_be_reviewed():
    text = "def f(trt):\n    g(trt.Builder())\ndef g(b: object): ...\n"
    assert read(text).problems == ["file.py:2: g(b) is given Builder: not reviewed"]
    wrong = Review(names={"file.py": {"g:b": "Runtime"}})
    assert read(text, wrong).problems == ["file.py:2: g(b) is Runtime, given Builder"]


@pytest.mark.parametrize(
    "text",
    [
        "def f(trt):\n    if hasattr(trt, 'New'):\n        trt.Other\n",
        "def f(trt):\n    if not hasattr(trt, 'New'):\n        return\n    trt.Other\n",
        "def f(trt):\n    if not hasattr(trt, 'New'):\n        x\n    else:\n        trt.Other\n",
        "def f(trt):\n    if x or not hasattr(trt, 'New'):\n        return\n    trt.Other\n",
        "def f(trt):\n    return trt.Other if hasattr(trt, 'New') else 0\n",
        "def f(trt):\n    n = getattr(trt, 'New', 0)\n    if n is not None:\n        trt.Other\n",
        "def f(trt):\n    return [trt.Other for x in y if hasattr(trt, 'New')]\n",
    ],
)
def test_what_is_asked_for_guards_what_follows(text):
    found = read(text)
    assert paths_of(found)["Other"] == ("New",)
    assert list(found.features) == ["New"]


def test_a_guard_ends_with_its_block():
    text = "def f(trt):\n    if hasattr(trt, 'New'):\n        pass\n    trt.Other\n"
    assert paths_of(read(text))["Other"] == ()


def test_names_of_a_loop_over_texts_are_read():
    loop = "    for n in ('a', *ALL):\n        getattr(trt.Flag, n.upper())\n"
    text = "ALL = ('b', 'c')\ndef f(trt):\n" + loop
    assert {"Flag.A", "Flag.B", "Flag.C"} <= set(paths_of(read(text)))


def test_a_computed_name_is_a_problem():
    text = "def f(trt, n: str):\n    return getattr(trt.Flag, n)\n"
    assert read(text).problems == ["file.py:2: a name of Flag is computed here"]
    found = read(text, Review(computed={"file.py:f": ("A", "B")}))
    assert {"Flag.A", "Flag.B"} <= set(paths_of(found))
