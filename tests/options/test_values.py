"""What each parser of option values takes, and that it refuses the rest with a ValueError."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.options.values import (
    TOLERANCE_KINDS,
    ReferencePlace,
    parse_age,
    parse_backends,
    parse_bool,
    parse_count,
    parse_path,
    parse_positive,
    parse_reference,
    parse_size,
    parse_text,
    parse_tolerance,
)

PARSERS = (
    parse_age,
    parse_backends,
    parse_bool,
    parse_count(1),
    parse_path,
    parse_positive,
    parse_reference,
    parse_size,
    parse_text,
    parse_tolerance,
)
SHARES = st.floats(0, 1, exclude_min=True, exclude_max=True)
ANYTHING = (
    st.text()
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.dictionaries(st.text(), st.floats() | st.text())
)


@pytest.mark.parametrize("parse", PARSERS)
@given(value=ANYTHING)
def test_parsers_accept_or_raise_value_error(parse, value):
    with contextlib.suppress(ValueError):
        parse(value)


@pytest.mark.parametrize("parse", [parse_count(1), parse_positive, parse_tolerance])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0, -1, True, None, "x", 10**400])
def test_numbers_that_are_none(parse, value):
    with pytest.raises(ValueError, match="expected a"):
        parse(value)


@given(value=SHARES)
def test_tolerance_is_the_same_as_number_and_as_text(value):
    assert parse_tolerance(value) == parse_tolerance(repr(value)) == value


@given(shares=st.dictionaries(st.sampled_from(TOLERANCE_KINDS), SHARES, min_size=1))
def test_tolerance_for_each_kind_is_the_same_as_dict_and_as_text(shares):
    text = ", ".join(f"{kind}={share!r}" for kind, share in shares.items())
    assert parse_tolerance(shares) == parse_tolerance(text) == shares


def test_tolerance_of_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown kind p90.*median.*p99.*throughput"):
        parse_tolerance("p90=0.1")


def test_half_a_tolerance_says_what_is_expected():
    with pytest.raises(ValueError, match="expected a number, got ''"):
        parse_tolerance("median=0.1,p99")


@given(value=st.integers(1, 10**8 - 1))
def test_count_is_a_whole_number(value):
    assert parse_count(1)(str(value)) == value
    with pytest.raises(ValueError, match="whole number of at least"):
        parse_count(value + 1)(value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GiB", 20 * 2**30),
        ("1.5 kB", 1500),
        ("500mb", 5e8),
        ("0", 0),
        (7, 7),
        ("none", math.inf),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1e9", "3 apples", "1,5GB", "inf", "nan", True])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="expected a size such as 20GiB, or none"):
        parse_size(text)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1.5h", 5400), ("30D", 30 * 86400)])
def test_ages(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y"])
def test_what_is_no_age(text):
    with pytest.raises(ValueError, match="expected an age such as 30d or 12h"):
        parse_age(text)


@given(value=st.floats(0.001, 1e6).filter(lambda number: not number.is_integer()))
def test_fraction_is_no_count(value):
    with pytest.raises(ValueError, match="whole number"):
        parse_count(0)(value)


@pytest.mark.parametrize("text", ["1", "true", "Yes", "ON", " on "])
def test_true(text):
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "false", "No", "OFF", False])
def test_false(text):
    assert parse_bool(text) is False


def test_backends_are_a_preference_list():
    assert parse_backends(" auto, onnxruntime,") == ("auto", "onnxruntime")
    assert parse_backends("tensorrt-lean") == ("tensorrt-lean",)
    assert parse_backends(["tensorrt", "my-own-2"]) == ("tensorrt", "my-own-2")


@pytest.mark.parametrize("value", ["", ",", "CUDA", "my backend", "a_b", [], [1.5], None])
def test_names_of_backends_are_lower_case_letters_digits_and_dashes(value):
    with pytest.raises(ValueError, match="expected names of backends such as auto,onnxruntime"):
        parse_backends(value)


def test_path_expands_the_home_directory(monkeypatch):
    monkeypatch.setenv("HOME", "/home/user")
    assert parse_path("~/cache") == Path("/home/user/cache")


@pytest.mark.parametrize("path", ["~nobody-of-this-name", "~nobody-of-this-name/cache", "~0"])
def test_home_directory_that_there_is_not_is_named(path):
    with pytest.raises(ValueError, match=f"home directory of '{path}' cannot be found"):
        parse_path(path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("dir:/kept", ("dir", "/kept")),
        ("cache:/a:b", ("cache", "/a:b")),
        ("git:main", ("git", "main")),
        ("git:HEAD~3", ("git", "HEAD~3")),
    ],
)
def test_places_of_references(text, place):
    assert parse_reference(text) == ReferencePlace(*place)
    assert parse_reference(parse_reference(text)) == place


def test_paths_of_references_are_absolute():
    assert parse_reference("dir:kept").place == str(Path("kept").absolute())


@pytest.mark.parametrize("text", ["main", "git", "git:", "git: ", "svn:4", "dir:", ""])
def test_what_is_no_place_of_references(text):
    with pytest.raises(ValueError, match="expected dir:PATH, cache:PATH or git:REV"):
        parse_reference(text)


@pytest.mark.parametrize("revision", ["--upload-pack=x", "-p", "main\n"])
def test_what_can_be_no_revision(revision):
    with pytest.raises(ValueError, match="is no revision of git"):
        parse_reference(f"git:{revision}")


@pytest.mark.parametrize("value", ["", " ", 3, None])
def test_what_is_no_text(value):
    with pytest.raises(ValueError, match="expected a text"):
        parse_text(value)
