"""The reader follows values, knows what guards them, and says what it cannot know."""

from __future__ import annotations

import pytest

from tests.contract.reader import read_sources
from tests.contract.uses import OURS, Found, Review


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


@pytest.mark.parametrize(
    "text",
    [
        "def f(x=trt.Other): ...\n",
        "@trt.Other\ndef f(): ...\n",
        "class A(metaclass=trt.Other): ...\n",
        "match x:\n    case 1 if trt.Other:\n        ...\n",
        "match x:\n    case 1:\n        trt.Other\n",
        "while x:\n    ...\nelse:\n    trt.Other\n",
        "try:\n    ...\nexcept E:\n    trt.Other\n",
        "async def f():\n    async with trt.Other:\n        ...\n",
        "async def f():\n    async for x in y:\n        trt.Other\n",
        "f'{trt.Other}'\n",
        "lambda x=trt.Other: x\n",
        "{**trt.Other}\n",
        "x[trt.Other:1] = 2\n",
        "a.b, (c, d) = trt.Other, x\n",
        "a, *b = x, y, trt.Other\n",
    ],
)
def test_uses_are_found_wherever_they_stand(text):
    assert "Other" in paths_of(read(text))


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
        "def f(trt):\n    has = hasattr(trt, 'New')\n    if has:\n        trt.Other\n",
        "def f(trt):\n    while x:\n        if hasattr(trt, 'New'):\n            trt.Other\n",
        "def f(trt):\n    hasattr(trt, 'New') and x is None and trt.Other\n",
        "def f(trt):\n    not hasattr(trt, 'New') or trt.Other\n",
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
