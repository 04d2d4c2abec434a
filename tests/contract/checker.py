"""Runs in a process of its own, over the bindings of one release: `checker.py COMMAND IN OUT`.

Each command takes a JSON object and answers with JSON. Nothing of the tests is imported here.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_trtperf.backend.tensorrt.bindings import import_tensorrt, shared_logger

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """A parameter as a docstring of pybind11 gives it."""

    name: str
    kind: str
    has_default: bool


# --- what there is


def api(trt: ModuleType, request: Request) -> dict[str, Any]:
    """Whether names exist and calls fit; uses whose guards do not hold are not reached."""
    missing, misfits, checked, skipped = [], [], 0, 0
    for use in request["uses"]:
        if not all(_exists(trt, guard) for guard in use["guards"]):
            skipped += 1
            continue
        if not _exists(trt, use["path"]):
            if not use["tested"]:
                missing.append(f"{use['where']}: there is no {use['path']}")
            continue
        checked += 1
        misfits += [f"{use['where']}: {problem}" for problem in _problems(trt, use)]
    return {
        "version": trt.__version__,
        "file": str(trt.__file__),
        "missing": sorted(set(missing)),
        "misfits": sorted(set(misfits)),
        "checked": checked,
        "skipped": skipped,
        "features": {name: _exists(trt, name) for name in request["features"]},
        "returns": {name: _returned(trt, name) for name in request["returns"]},
    }


def _exists(trt: ModuleType, path: str) -> bool:
    try:
        _resolve(trt, path)
    except AttributeError:
        return False
    return True


def _resolve(trt: ModuleType, path: str) -> Any:
    return functools.reduce(getattr, path.split("."), trt)


def _problems(trt: ModuleType, use: Mapping[str, Any]) -> Iterator[str]:
    member = inspect.getattr_static(_owner(trt, use), use["name"], None)
    if use["kind"] == "write":
        if not isinstance(member, property):
            yield f"{use['path']} is no property"
        elif member.fset is None:
            yield f"{use['path']} cannot be set"
    elif use["kind"] == "call" and use["arguments"] is not None:
        if isinstance(member, property):
            yield f"{use['path']} is a property, not a method"
            return
        found = signatures(getattr(_owner(trt, use), use["name"]))
        if found and not any(_fits(trt, one, use) for one in found):
            shown = " or ".join(_show(one) for one in found)
            given = [kind or "?" for kind in use["arguments"]]
            given += [f"{name}=" for name in use["keywords"]]
            yield f"{use['path']}({', '.join(given)}) does not fit {shown}"
        for kind in _result_kinds(member):
            if "::" in kind and _python_name(trt, kind) is None:
                yield f"{use['path']} gives {kind}, which has no class in Python: a TypeError"


def _owner(trt: ModuleType, use: Mapping[str, Any]) -> Any:
    return _resolve(trt, use["owner"]) if use["owner"] else trt


def _show(parameters: Sequence[Parameter]) -> str:
    return "(" + ", ".join(p.name + ("=…" if p.has_default else "") for p in parameters) + ")"


def _fits(trt: ModuleType, parameters: Sequence[Parameter], use: Mapping[str, Any]) -> bool:
    arguments, keywords = use["arguments"], use["keywords"]
    if len(arguments) > len(parameters):
        return False
    by_position, rest = parameters[: len(arguments)], parameters[len(arguments) :]
    if not set(keywords) <= {parameter.name for parameter in rest}:
        return False
    if any(not p.has_default and p.name not in keywords for p in rest):
        return False
    return all(
        _accepts(trt, parameter.kind, kind)
        for parameter, kind in zip(by_position, arguments, strict=True)
    )


def _accepts(trt: ModuleType, wanted: str, given: str) -> bool:
    """False only if both are classes of TensorRT and do not match."""
    if not given or not _exists(trt, given):
        return True
    # `tensorrt_bindings.tensorrt.ILogger.Severity`, or C++'s `nvinfer1::IRuntimeCache`.
    inner = re.sub(r"^.*::", "", wanted) if "::" in wanted else ".".join(wanted.split(".")[2:])
    if not inner or not _exists(trt, inner):
        return True
    return issubclass(_resolve(trt, given), _resolve(trt, inner))


def _returned(trt: ModuleType, path: str) -> str | None:
    """The class that a docstring says a method returns or a property holds; None if it does not."""
    if not _exists(trt, path):
        return None
    owner, _, name = path.rpartition(".")
    member = inspect.getattr_static(_resolve(trt, owner) if owner else trt, name)
    names = [_python_name(trt, kind) for kind in _result_kinds(member)]
    return names[0] if names else None


def _result_kinds(member: Any) -> list[str]:
    documented = member.fget if isinstance(member, property) else member
    text = getattr(documented, "__doc__", None) or ""
    return re.findall(r"\) -> ([\w.:]+)$", text, flags=re.MULTILINE)


def _python_name(trt: ModuleType, kind: str) -> str | None:
    """pybind11 writes the C++ name where a class was bound later, or never."""
    name = re.split(r"[.:]+", kind)[-1]
    if "::" not in kind or hasattr(trt, name):
        return name
    without_prefix = name.removeprefix("I")
    return without_prefix if hasattr(trt, without_prefix) else None


def signatures(function: Any) -> list[list[Parameter]]:
    """The overloads in a docstring of pybind11, without self; empty if it has none."""
    name = re.escape(getattr(function, "__name__", "")) or r"\w+"
    found = []
    for line in (function.__doc__ or "").splitlines():
        match = re.match(rf"(?:\d+\. )?{name}\((.*)\) -> ", line)
        if match and not match[1].startswith("*args"):
            parameters = [_parameter(text) for text in _split(match[1])]
            found.append([p for p in parameters if p.name != "self"])
    return found


def _parameter(text: str) -> Parameter:
    name, _, rest = text.partition(":")
    kind, equals, _ = rest.partition(" = ")
    return Parameter(name.strip(), kind.strip(), bool(equals))


def _split(text: str) -> Iterator[str]:
    """At commas outside of brackets."""
    depth, start = 0, 0
    for index, letter in enumerate(text):
        if letter in "([{<":
            depth += 1
        elif letter in ")]}" or (letter == ">" and text[index - 1] != "-"):
            depth -= 1
        elif letter == "," and depth == 0:
            yield text[start:index]
            start = index + 1
    if text[start:].strip():
        yield text[start:]


# --- what TensorRT calls


def callbacks(trt: ModuleType, request: Request) -> dict[str, Any]:
    """Subclasses made as the package makes them, called through TensorRT's own C++ side.

    A method that is bound in Python is called on the base class, which dispatches in C++ to the
    override; of others only the name can be found, in the file of the bindings.
    """
    binary = _binary(trt)
    problems, calls = [], {}
    for one in request["subclasses"]:
        name = one["base"]
        if not all(_exists(trt, guard) for guard in one["guards"]):
            continue
        if not _exists(trt, name):
            problems.append(f"{one['where']}: there is no {name} to derive from")
            continue
        base = _resolve(trt, name)
        instance, seen = _instance(base, one["methods"])
        for method, count in one["methods"].items():
            known = [len(one_of) for one_of in signatures(getattr(base, method, None))]
            if known and count not in known:
                problems.append(f"{one['where']}: {name}.{method} takes {count}, not {known}")
            if not known and method.encode() + b"\0" not in binary:
                problems.append(f"{one['where']}: TensorRT knows no {name}.{method}")
        for method, arguments in request["calls"].get(name, {}).items():
            if hasattr(base, method):
                seen.clear()
                getattr(base, method)(instance, *_converted(trt, arguments))
                calls[f"{name}.{method}"] = list(seen)
    return {"problems": problems, "calls": calls}


def _instance(base: Any, methods: Mapping[str, int]) -> tuple[Any, list[Any]]:
    seen: list[Any] = []

    def method(name: str) -> Callable[..., Any]:
        def called(_self: Any, *arguments: Any) -> int:
            seen.append([name, *(a if isinstance(a, int | float) else str(a) for a in arguments)])
            return 0

        return called

    def initialise(self: Any) -> None:
        base.__init__(self)

    members = {name: method(name) for name in methods}
    return type("Stand", (base,), {"__init__": initialise, **members})(), seen


def _converted(trt: ModuleType, arguments: Sequence[Any]) -> list[Any]:
    """`"@ILogger.Severity.ERROR"` is a name of TensorRT's."""
    return [
        _resolve(trt, value[1:]) if isinstance(value, str) and value.startswith("@") else value
        for value in arguments
    ]


def _binary(trt: ModuleType) -> bytes:
    inner = sys.modules[f"{trt.__name__}_bindings.{trt.__name__}"]
    return Path(str(inner.__file__)).read_bytes()


def factories(trt: ModuleType, _request: Request) -> dict[str, Any]:
    """The package's own subclasses, made by its own functions."""
    from pytest_trtperf.backend.tensorrt.layers import create_profiler
    from pytest_trtperf.backend.tensorrt.memory import MemoryRecord, create_allocator
    from pytest_trtperf.backend.tensorrt.output_memory import output_allocator

    logger, profiler = shared_logger(trt), create_profiler(trt)
    trt.ILogger.log(logger, trt.ILogger.Severity.ERROR, "an error")
    trt.ILogger.log(logger, trt.ILogger.Severity.WARNING, "a warning")
    trt.IProfiler.report_layer_time(profiler, "layer", 1.5)
    record = MemoryRecord()
    allocator = create_allocator(trt, record)
    trt.IGpuAllocator.allocate_async(allocator, 0, 256, 0, 1 << 20)
    return {
        "errors": [text for _, text in logger.errors],
        "layers": profiler.take(),
        "allocator": [base.__name__ for base in type(allocator).__mro__],
        "allocated": record.addresses(),
        "output_allocator": isinstance(output_allocator(trt), trt.IOutputAllocator),
    }


# --- the package's own functions


def build(trt: ModuleType, request: Request) -> dict[str, Any]:
    """The size of the plan that `build_plan` makes of an ONNX file, or what was raised."""
    from pytest_trtperf.backend.tensorrt.build import build_plan
    from pytest_trtperf.engine.option_rules import check_options
    from pytest_trtperf.engine.shapes import parse_profiles
    from pytest_trtperf.engine.spec import EngineSpec

    spec = EngineSpec(
        Path(request["onnx"]), parse_profiles(request["shapes"]), request.get("options", {})
    )

    def plan_size() -> int:
        check_options(spec.options, request["backend"], trt.__version__)
        return len(build_plan(spec, request["backend"]))

    return _outcome(plan_size)


def load(trt: ModuleType, request: Request) -> dict[str, Any]:
    """`TensorRTEngine` of some bytes: what was raised."""
    from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine

    return _outcome(lambda: repr(TensorRTEngine(request["backend"], b"no plan")))


def _outcome(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"result": call(), "error": None}
    except Exception as error:  # noqa: BLE001  # the test judges it
        return {"result": None, "error": type(error).__name__, "message": str(error)}


_COMMANDS: Mapping[str, Callable[[ModuleType, Request], Any]] = {
    command.__name__: command for command in (api, callbacks, factories, build, load)
}

if __name__ == "__main__":
    _, _command, _question, _answer = sys.argv
    _request = json.loads(Path(_question).read_text())
    _result = _COMMANDS[_command](import_tensorrt(_request["backend"]), _request)
    Path(_answer).write_text(json.dumps(_result))
