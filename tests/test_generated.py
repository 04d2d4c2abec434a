"""What is generated from the code is current, and leaves nothing out."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

import pytest_trtperf
from pytest_trtperf import hookspecs
from pytest_trtperf.options import DECLARED

ROOT = Path(__file__).resolve().parents[1]
HOW = "run python docs/generate.py"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")  # as `python docs/generate.py` has it
        spec.loader.exec_module(module)
    return module


def test_reference_is_current(generate: ModuleType) -> None:
    assert generate.REFERENCE.read_text(encoding="utf-8") == generate.reference(), HOW


def test_schema_is_current(generate: ModuleType) -> None:
    assert generate.SCHEMA.read_text(encoding="utf-8") == generate.schema_text(), HOW


def test_schema_of_tables_is_current(generate: ModuleType) -> None:
    assert generate.SLO_SCHEMA.read_text(encoding="utf-8") == generate.slo_schema_text(), HOW


def test_schema_knows_both_kinds_of_record(generate: ModuleType) -> None:
    schema = json.loads(generate.schema_text())
    kinds = [schema["$defs"][choice["$ref"].rpartition("/")[2]] for choice in schema["anyOf"]]
    names = {kind["properties"]["schema"]["enum"][0] for kind in kinds}
    assert names == {"trtperf-run/3", "trtperf-runs/3"}


def test_every_variable_of_the_environment_is_reported(generate: ModuleType) -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "pytest_trtperf").rglob("*.py"))
    pattern = r'"((?:CI|CUDA|GIT|GITHUB|GITLAB|JENKINS|NVIDIA|TRTPERF|XDG)_[A-Z_]+)"'
    used = set(re.findall(pattern, source))
    assert {"CUDA_VISIBLE_DEVICES", "GITHUB_STEP_SUMMARY"} <= used
    assert {name for name in used if f"`{name}`" not in generate.reference()} == set()


def test_every_option_that_pytest_lists_is_reported(
    generate: ModuleType, pytester: pytest.Pytester
) -> None:
    listed = pytester.runpytest_inprocess("--help").stdout.str()
    flags = set(re.findall(r"--trtperf[a-z-]*", listed))
    assert len(flags) > 20
    text = generate.reference()
    assert {flag for flag in flags if f"`{flag}" not in text} == set()


def test_every_command_is_reported(generate: ModuleType) -> None:
    folder = ROOT / "pytest_trtperf" / "commands"
    files = {path.stem for path in folder.glob("*.py") if "\ndef add(" in path.read_text()}
    headings = re.findall(r"### `trtperf ([a-z -]+)`", generate.reference())
    documented = {one.replace("-", "_").replace(" ", "_") for one in headings}
    commands = {one.partition(" ")[0].replace("-", "_") for one in headings}
    assert len(commands) > 6
    # A subcommand may have a file of its own, and may be in that of its command.
    assert commands <= files <= commands | documented


def test_every_public_name_is_documented(generate: ModuleType) -> None:
    reference = generate.reference()
    documented = set(re.findall(r"^(?:### |\| )`(\w+)`", reference, re.MULTILINE))
    assert set(pytest_trtperf.__all__) - {"__version__"} <= documented


def test_every_argument_is_documented(generate: ModuleType) -> None:
    for name in generate.python_api.HELD:
        for _, member in generate.python_api.members(getattr(pytest_trtperf, name)):
            if inspect.isfunction(member):
                _, sections = generate.python_api.parse(member)
                documented = {
                    one for names in sections.get("Args", ()) for one in names.split(", ")
                }
                assert documented == set(inspect.signature(member).parameters) - {"self"}, member


def test_every_argument_stands_in_a_signature_with_its_default(generate: ModuleType) -> None:
    reference = generate.reference()
    for kind, (owner, _) in generate.python_api.HELD.items():
        for name, member in generate.python_api.members(getattr(pytest_trtperf, kind)):
            if inspect.isfunction(member):
                call = owner if name == "__call__" else f"{owner}.{name}"
                shown = reference.partition(f"\n#### `{call}`\n")[2].partition("\n```\n")[0]
                for one in list(inspect.signature(member).parameters.values())[1:]:
                    default = "" if one.default is one.empty else f" = {one.default!r}"
                    assert f"{one.name}: {one.annotation}{default}" in shown, (call, one)


def test_every_member_is_documented(generate: ModuleType) -> None:
    reference = generate.reference()
    kinds = [getattr(pytest_trtperf, name) for name in pytest_trtperf.__all__]
    kinds = [
        kind for kind in kinds if inspect.isclass(kind) and not issubclass(kind, BaseException)
    ]
    assert len(kinds) >= 12
    for kind in kinds:
        section = reference.partition(f"\n### `{kind.__name__}`\n")[2].partition("\n### ")[0]
        names = {*vars(kind), *getattr(kind, "__dataclass_fields__", ())}
        for name in names:
            if not name.startswith("_"):
                assert re.search(rf"`(?:\w+\.)?{name}`", section), (kind, name)


def test_every_option_has_its_key_variable_and_default(generate: ModuleType) -> None:
    reference = generate.reference()
    for option in DECLARED:
        (line,) = re.findall(rf"(?m)^\| `{option.flag}[ `].*$", reference)
        assert f"`{option.key}` | `{option.variable}` |" in line
        if isinstance(option.default, (int, float)) and not isinstance(option.default, bool):
            assert f"| `{option.default:g}` |" in line


def test_every_hook_is_documented(generate: ModuleType) -> None:
    reference = generate.reference()
    hooks = dir(hookspecs)
    assert len(hooks) >= 4
    for name in hooks:
        shown = reference.partition(f"\n### `{name}`\n")[2].partition("\n```\n")[0]
        for argument in inspect.signature(getattr(hookspecs, name)).parameters:
            assert f"{argument}: " in shown
