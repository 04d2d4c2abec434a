"""What all subcommands have in common."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pytest_trtperf.cli import COMMANDS, main

NAMES = (
    "compare", "merge", "trend", "export", "baseline list", "baseline show", "baseline prune",
    "baseline accept", "baseline diff", "import-trtexec", "doctor", "layers",
)  # fmt: skip


def helped(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_of_its_own(capsys, name):
    text = helped(capsys, *name.split())
    assert f"trtperf {name} " in text.partition("example:")[2] or name == "doctor"
    assert "--json" in text


def test_help_lists_commands_and_exit_statuses(capsys):
    text = helped(capsys)
    assert len(COMMANDS) >= 7
    for name in NAMES:
        assert name.split()[0] in text
    assert "exit status:\n  0  success" in text


@pytest.mark.parametrize(
    "words",
    [
        [], ["unknown"], ["comp"], ["compare"], ["compare", "a.json"], ["merge", "a.json"],
        ["merge", "a", "-o", "b", "--keep", "first"], ["export", "a.json", "--format", "xml"],
        ["compare", "a", "b", "--tolerance", "2"], ["compare", "a", "b", "--tolerance", "p42=0.1"],
        ["trend", "/no/such/directory"], ["trend", ".", "--least", "0"], ["baseline"],
        ["baseline", "prune", "--older-than", "-1"], ["doctor", "--backend", "t p u"],
    ],
)  # fmt: skip
def test_wrong_usage(capsys, words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "usage: trtperf" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["sloo", "check", "."], "there is no command 'sloo': did you mean 'slo'?"),
        (["initt"], "there is no command 'initt': did you mean 'init'?"),
        (["trend_acknowledge"], "did you mean 'trend acknowledge'?"),
        (["slo", "chekc", "."], "there is no command 'chekc': did you mean 'check'?"),
        (["cache", "ls"], "there is no command 'ls': did you mean 'list'?"),
        (["frob"], "there is no command 'frob'; there are build, compare, "),
        (["init", "--tabel", "a.onnx"], "arguments: --tabel: did you mean --table?"),
        (["init", "a.onnx", "--ouput=x"], "arguments: --ouput=x: did you mean --output?"),
        (["cache", "list", "--frob", "x"], "arguments: --frob x\n"),
    ],
)
def test_what_is_misspelt_is_named_with_what_is_meant(capsys, words, wanted):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert wanted in capsys.readouterr().err


def test_an_unknown_option_shows_the_usage_of_its_command(capsys):
    with pytest.raises(SystemExit):
        main(["slo", "check", ".", "--tabel"])
    assert "usage: trtperf slo check " in capsys.readouterr().err


def test_an_error_of_the_system_names_the_file_and_no_number(trtperf, write_run, tmp_path):
    (tmp_path / "taken").write_text("")
    output = tmp_path / "taken" / "x.csv"
    result = trtperf("export", write_run("run"), "--format", "csv", "-o", output)
    assert result.status == 2
    assert result.err.startswith(f"trtperf: error: {tmp_path / 'taken'}")
    assert "Errno" not in result.err


def test_unknown_backend_is_refused(trtperf):
    result = trtperf("doctor", "--backend", "tpu")
    assert (result.status, result.out) == (2, "")
    assert "unknown backend 'tpu'" in result.err


def test_broken_record_is_trouble_and_no_verdict(trtperf, tmp_path, write_run):
    good = write_run("good")
    bad = tmp_path / "bad.json"
    bad.write_bytes(good.read_bytes()[:-100])
    for words in (
        ("compare", good, bad, "--fail"),
        ("merge", good, bad, "-o", tmp_path / "all.json"),
        ("export", bad),
        ("baseline", "prune", "--not-in", bad, "--baseline-dir", tmp_path),
    ):
        result = trtperf(*words)
        assert (result.status, result.out) == (2, "")
        assert f"trtperf: error: {bad}: not a whole record" in result.err
    assert not (tmp_path / "all.json").exists()


def test_record_of_a_future_version_is_trouble_and_no_verdict(trtperf, tmp_path, write_run):
    good, newer = write_run("good"), write_run("newer")
    newer.write_bytes(newer.read_bytes().replace(b"trtperf-run/3", b"trtperf-run/9"))
    for words in (
        ("compare", newer, good, "--fail"),
        ("merge", good, newer, "-o", tmp_path / "all.json"),
        ("export", newer, "--format", "openmetrics"),
        ("baseline", "accept", newer, "--baseline-dir", tmp_path / "perf-baselines"),
        ("baseline", "prune", "--not-in", newer, "--baseline-dir", tmp_path),
    ):
        result = trtperf(*words)
        assert (result.status, result.out) == (2, "")
        assert f"trtperf: error: {newer}: " in result.err
        assert "'trtperf-run/9'" in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.json", "newer.json"]


def test_reader_that_has_seen_enough_is_no_error(write_run, make_measurement):
    path = write_run("run", *(make_measurement(f"t.py::test[{i}]") for i in range(2000)))
    command = f"{sys.executable} -m pytest_trtperf.cli export {path} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env={**os.environ, "PYTHONUNBUFFERED": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("created,")


def test_a_reader_that_is_gone_is_no_error_for_show_config(tmp_path):
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "pytest_trtperf.cli", "--show-config"]
    done = subprocess.run(words, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_names_that_a_terminal_cannot_show(write_run, make_measurement):
    path = write_run("run", make_measurement("t.py::test_ü[日本]", findings=[]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest_trtperf.cli", "export", str(path)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert rb"test_\xfc[\u65e5\u672c]" in done.stdout
