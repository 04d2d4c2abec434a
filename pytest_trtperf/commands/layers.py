"""`trtperf layers`: the layers of engines in the cache, as trtexec's `--exportLayerInfo` has them.

Reads what an engine inspector said when a run asked it; needs neither a GPU nor TensorRT.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_cache_options,
    add_command,
    note,
    say,
    say_json,
)
from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.digests import file_sha256
from pytest_trtperf.onnx_file.external_data import files_digest, model_files
from pytest_trtperf.plan_cache.entries import chosen_key, entries
from pytest_trtperf.plan_cache.files import CacheFiles, explained
from pytest_trtperf.plan_cache.identity import read_identity
from pytest_trtperf.plan_cache.place import cache_place
from pytest_trtperf.plan_cache.trust import Damaged
from pytest_trtperf.report.tables import fitted
from pytest_trtperf.text import counted
from pytest_trtperf.trtexec.write_exports import layers_json

_COLUMNS = ("layer", "type", "output", "tactic")

_EXAMPLE = """\
  trtperf layers 3f2a9c
  trtperf layers models/resnet50.onnx
  trtperf layers 3f2a9c --json > layers.json
"""

_DETAILS = """\
Layers are kept beside a plan of TensorRT once a test has asked for engine.layers, engine.precision,
engine.identity or engine.export_layers(path); ONNX Runtime has no engine inspector. They have
types, tensors and tactics where the engine was built with profiling_verbosity="detailed". --json
prints one engine as trtexec's --exportLayerInfo writes it. Exits with 1 if an engine has no layers
to show.
"""

_NOT_ASKED = (
    "its layers are not kept, since no run has asked for them: "
    "run a test that calls engine.export_layers(path) once, with TensorRT on a GPU"
)
_NO_ENTRIES = (
    "its engine inspector has no entries: "
    'build it with profiling_verbosity="detailed", or "layer_names_only"'
)


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "layers",
        _run,
        help="show the layers of engines in the cache, as trtexec's --exportLayerInfo",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    parser.add_argument(
        "engines",
        nargs="+",
        metavar="KEY|PLAN|MODEL",
        help="an engine's key, or the first characters of it; a copy of its plan; or an ONNX file, "
        "which stands for all engines that were built from it",
    )
    add_cache_options(parser)


def _run(arguments: argparse.Namespace) -> ExitStatus:
    directory, shared = cache_place(arguments.cache_dir, arguments.shared_cache)
    files = CacheFiles(directory, shared=shared)
    with explained(directory):
        keys = list(dict.fromkeys(key for word in arguments.engines for key in _keys(files, word)))
        if arguments.json and len(keys) > 1:
            raise CacheError(
                f"--json prints one engine, and these are {len(keys)}: {', '.join(keys)}; "
                "name one of them by its key"
            )
        shown = [_show(files, key, as_json=arguments.json) for key in keys]
    return ExitStatus.OK if all(shown) else ExitStatus.FOUND


def _keys(files: CacheFiles, word: str) -> list[str]:
    """The keys of what a word on the command line stands for.

    Raises:
        CacheError: no engine in the cache.
        EngineBuildError: it is a model that cannot be read.
    """
    path, known = Path(word), [entry.key for entry in entries(files)]
    if not path.is_file():
        return [chosen_key(word, known, "engine, nor such a file")]
    is_model = path.suffix.lower() == ".onnx"
    digest = files_digest(model_files(path)) if is_model else file_sha256(path)
    found = [key for key in known if digest == _digest(files, key, of_model=is_model)]
    if not found:
        what = "was built from this model" if is_model else "is this plan"
        raise CacheError(
            f"{word}: no engine in {files.directory} {what}, and layers are kept there alone; "
            "engine.export_layers(path) in a test asks for them, where the backend is of "
            "TensorRT: ONNX Runtime has no engine inspector"
        )
    return found


def _digest(files: CacheFiles, key: str, *, of_model: bool) -> str | None:
    """That of an engine's model or plan; None where it is damaged, which is no news here."""
    try:
        identity = read_identity(files, key)
    except Damaged:
        return None
    return identity.about.model if of_model else identity.plan_sha256


def _show(files: CacheFiles, key: str, *, as_json: bool) -> bool:
    """Prints an engine; False, with a note, where there is nothing of it to print."""
    try:
        identity = read_identity(files, key)
    except Damaged as reason:
        note(f"{key}: the plan {reason}")
        return False
    bindings = identity.bindings if isinstance(identity.bindings, list) else []
    if not identity.layers:
        note(f"{key}: {_NOT_ASKED if identity.layers is None else _NO_ENTRIES}")
        return False
    if as_json:
        say_json(layers_json(identity.layers, bindings))
    else:
        say(*_table(identity.layers))
        about = identity.about
        say(
            f"{about.onnx or '?'} {key}: {counted(len(identity.layers), 'layer')}; "
            f"bindings: {', '.join(bindings) or 'not known'}"
        )
    if all(set(layer) == {"Name"} for layer in identity.layers):
        note(f'{key}: has names alone; profiling_verbosity="detailed" builds one that says more')
    return True


def _table(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [_row(layer) for layer in layers]
    empty = [place for place in (1, 2, 3) if not any(row[place] for row in rows)]
    kept = [place for place in range(len(_COLUMNS)) if place not in empty]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    table = [[row[place] for place in kept] for row in (_COLUMNS, *rows)]
    return fitted(table, width, range(len(kept) - 1, 0, -1), range(len(kept)))


def _row(layer: Mapping[str, Any]) -> tuple[str, ...]:
    tactic = layer.get("TacticName") or layer.get("TacticValue")
    outputs = layer.get("Outputs")
    tensors = outputs if isinstance(outputs, list) else []
    return (
        str(layer.get("Name")),
        str(layer.get("LayerType") or ""),
        ", ".join(_tensor(one) for one in tensors if isinstance(one, Mapping)),
        str(tactic or ""),
    )


def _tensor(tensor: Mapping[str, Any]) -> str:
    """Such as `Half 8x64x56x56`, as far as it is known."""
    sizes = tensor.get("Dimensions")
    shape = "x".join(map(str, sizes)) if isinstance(sizes, list) else ""
    return f"{tensor.get('Format/Datatype', '')} {shape}".strip()
