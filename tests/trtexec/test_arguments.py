from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.trtexec.command import read_command


def test_a_file_holds_a_command(tmp_path):
    file = tmp_path / "build.txt"
    file.write_text("# how production builds it\ntrtexec --onnx=a.onnx \\\n  --refit\n")
    for command in (file, str(file)):
        assert read_command(command) == (Path("a.onnx"), [], {"refit": True}, "")
    with pytest.raises(EngineBuildError, match=r"absent\.txt: cannot be read"):
        read_command(tmp_path / "absent.txt")


@pytest.mark.parametrize("content", [b"\x08\x08", b"\xff\xfe"])
def test_a_model_is_no_command(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"give a model as --onnx=.*model\.onnx"):
        read_command(tmp_path / "model.onnx")


@pytest.mark.parametrize("command", [None, 3, b"--fp16", ["--onnx=m.onnx", 3]])
def test_other_types_are_no_command(command):
    with pytest.raises(TypeError, match="is not a trtexec command: give a text, a list of texts"):
        read_command(command)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("--onnx=models/conv#2.onnx # it's #2", "models/conv#2.onnx"),
        ("#!/bin/sh\n--onnx=m.onnx \\\n# --onnx=n.onnx \\\n --refit", "m.onnx"),
        ("--onnx='a #b.onnx'", "a #b.onnx"),
        ('--onnx="it\'s #1.onnx"', "it's #1.onnx"),
        (r"--onnx=it\'s #1.onnx", "it's"),
    ],
)
def test_comments_begin_between_words(text, path):
    assert read_command(text).path == Path(path)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbftrtexec --onnx=m --optShapes=a:1,b:2 --refit",
        b"trtexec --onnx=m \\ \n --optShapes=a:1,\\\nb:2 \\\t\n --refit \\",
        b"# ours\r\ntrtexec --onnx=m \\\r\n --optShapes=a:1,\\\r\nb:2 \\ \r\n --refit # x\r\n",
    ],
    ids=["byte order mark", "blanks after a backslash", "CRLF"],
)
@pytest.mark.parametrize("name", ["build.txt", "build--fp16.txt"])
def test_lines_are_continued_as_editors_leave_them(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    text = content.decode("utf-8-sig")
    expected = (Path("m"), [{"a": ("1",) * 3, "b": ("2",) * 3}], {"refit": True}, "")
    assert read_command(text) == expected
    assert read_command(name, lambda path: tmp_path / path) == expected


def test_a_long_command_is_no_name_of_a_file():
    assert read_command(f"--onnx={'m' * 5000}").path == Path("m" * 5000)


@pytest.mark.parametrize(
    ("command", "others"),
    [
        ("CUDA_VISIBLE_DEVICES=0 LD_PRELOAD=a.so trtexec --onnx=m 2>&1 | tee -a log",
         "CUDA_VISIBLE_DEVICES=0 LD_PRELOAD=a.so 2>&1 | tee -a log"),
        ("set -e\nnumactl --membind=0 ./trtexec --onnx=m > log --refit && date",
         "set -e numactl --membind=0 > log && date"),
        ("sudo -E taskset -c 0-3 /usr/bin/trtexec --onnx=m", "sudo -E taskset -c 0-3"),
        (["--onnx=m", "", " ", "a\nb"], "'' ' ' 'a\\nb'"),
    ],
)  # fmt: skip
def test_what_belongs_to_the_shell_is_named_in_one_line(command, others):
    with pytest.raises(ValueError, match="cannot take") as failure:
        read_command(command)
    _, line = str(failure.value).splitlines()
    assert line.startswith(f"  {others}: not arguments of trtexec")
    assert "drop what belongs to the shell" in line


def test_a_value_that_ends_like_the_program_is_a_value():
    assert read_command(["--onnx=models/trtexec"]).path == Path("models/trtexec")
    assert read_command("tools/trtexec --onnx=m").path == Path("m")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A model of ours. It takes --fp16. " * 100, "give 'trtexec --onnx=…'"),
        ("A model that isn't ours. " * 101, "No closing quotation"),
    ],
)
def test_a_text_that_is_no_command_is_shown_by_its_first_words(tmp_path, text, reason):
    (tmp_path / "README").write_text(text)
    with pytest.raises(ValueError, match=rf"README: .A model.*…. is not .*: {reason}") as failure:
        read_command(tmp_path / "README")
    assert len(str(failure.value)) < len(str(tmp_path)) + 250
