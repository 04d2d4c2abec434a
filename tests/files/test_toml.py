"""TOML of others is read, or refused before it costs anything."""

from __future__ import annotations

import pytest

from pytest_trtperf.files.toml import MOST_PARTS, read_toml


@pytest.mark.parametrize(
    "key", ["x." * MOST_PARTS + "y", "x . " * MOST_PARTS + "y", "\"a\".'b'." * MOST_PARTS + "y"]
)
@pytest.mark.parametrize("document", ["{} = 1", "[{}]", "a = {{ b = 1, {} = 1 }}"])
def test_a_key_of_hundreds_of_parts_is_refused(document, key):
    with pytest.raises(ValueError, match=f"a key has more than {MOST_PARTS} parts"):
        read_toml(document.format(key))


def test_dots_of_values_are_no_parts_of_keys():
    names = [f"zoo/{'.' * (number % 5)}.onnx" for number in range(300)]
    numbers = [number / 10 for number in range(300)]
    text = f"names = {names}\nnumbers = {numbers}\n{'x.' * 20}y = 1"
    found = read_toml(text)
    assert (found["names"], found["numbers"]) == (names, numbers)


@pytest.mark.parametrize(
    ("text", "what"), [("a = " + "[" * 3000, "nested too deep"), ("a =", "Invalid value")]
)
def test_what_is_no_toml_is_a_value_error(text, what):
    with pytest.raises(ValueError, match=what):
        read_toml(text)


def test_a_comment_is_no_key():
    assert read_toml("# " + "." * 2 * MOST_PARTS + "\na = 1\n") == {"a": 1}
