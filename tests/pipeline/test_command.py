"""The command: exit codes, one line for what a user can cause, and no traceback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.command import ORDER, load_commands, main
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import small_folder, write_folder

pytestmark = pytest.mark.slow

TEMPLATE = ["--set", "caption.writer=template"]


def settings() -> list[str]:
    return [part for setting in SMALL for part in ("--set", setting)]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, list[str]]:
    """Exit code, stdout, and the lines of stderr."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, [line for line in printed.err.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["frobnicate"], "frobnicate"),
        (["build", "folder"], "--input"),
        (["build", "nothing-like-it", "--input", "{in}", "--output", "{out}"], "nothing-like-it"),
        (["build", "folder", "--input", "{in}/none", "--output", "{out}", *TEMPLATE], "none"),
        (["build", "folder", "--input", "{empty}", "--output", "{out}", *TEMPLATE], "metadata.csv"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "rooms.tests=3"], "rooms.tests"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "seed"], "KEY=VALUE"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "seed=-1"], "seed"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "audio.bit_depth=20"], "audio.bit_depth"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "caption.writer=gpt"], "caption.writer"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "caption.prompt=none"], "none"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "caption.base_url=ftp://x"], "base_url"),
        (
            ["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "rooms.train=0", *TEMPLATE],
            "rooms.train",
        ),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--limit", "0", *TEMPLATE], "limit"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--colour", *TEMPLATE], "--colour"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--direct_num_workers=two", *TEMPLATE], "two"),
        (["build", "folder", "--input", "{in}", "--output", "{in}/metadata.csv", *TEMPLATE], "is a file"),
        (
            ["build", "folder", "--input", "{in}", "--output", "{out}", "--answers", "{in}/metadata.csv", *TEMPLATE],
            "answers",
        ),
        (
            ["build", "folder", "--input", "{in}", "--output", "{out}", "--set", "caption.writer=openai"],
            "OPENAI_API_KEY",
        ),
        (["plan", "folder", "--input", "{in}/none"], "none"),
        (["plan", "folder", "--input", "{in}", "--colour"], "--colour"),
        (["build", "folder", "--input", "{in}", "--output", "{out}", "--s3_session_token=x", *TEMPLATE], "AWS_"),
        (["export", "webdataset", "{empty}", "--output", "{out}"], "release.json"),
        (["export", "zip", "{in}", "--output", "{out}"], "zip"),
        (["export", "dcase", "{empty}", "--output", "{out}"], "release.json"),
        (["export", "dcase", "{in}", "--output", "{out}", "--sample-rate", "24k"], "24k"),
        (["export", "dcase", "{in}", "--output", "{out}", "--classes", "{in}/none"], "none"),
        (["verify", "{empty}"], "release.json"),
        (["verify", "{in}", "--frobnicate"], "--frobnicate"),
        (["report", "{empty}"], "release.json"),
        (["reproduce", "{empty}", "--input", "{in}", "--output", "{out}"], "release.json"),
    ],
)
def test_what_cannot_start_is_one_line_and_exit_2(
    arguments: list[str], named: str, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "empty").mkdir()
    places = {"{in}": str(recordings), "{out}": str(tmp_path / "out"), "{empty}": str(tmp_path / "empty")}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    code, out, lines = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert len(lines) == 1
    assert lines[0].startswith("elsa: ")
    assert named in lines[0]
    assert not (tmp_path / "out").exists()


def test_build_verify_reproduce_and_report_a_stranger_s_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, output = small_folder(tmp_path / "in", clips=4), tmp_path / "out"
    arguments = ["build", "folder", "--input", folder, "--output", output, *settings(), "--direct_num_workers=1"]
    code, out, lines = run(capsys, *arguments)
    assert (code, lines) == (0, [])
    assert "6 rows" in out
    assert (output / "report" / "index.html").is_file()
    assert run(capsys, *arguments)[0] == 0
    code, out, _ = run(capsys, "verify", output, "--json")
    assert code == 0
    stated = json.loads(out)
    assert stated["ok"]
    code, out, lines = run(capsys, "reproduce", output, "--input", folder, "--output", tmp_path / "again", *ONE_WORKER)
    assert (code, lines) == (0, [])
    assert stated["digest"] in out
    assert run(capsys, "report", output)[0] == 0


@pytest.mark.usefixtures("no_report")
def test_a_build_that_refuses_a_clip_ends_with_1_and_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "bad.wav").write_text("no sound")
    names = ("good.wav", "bad.wav")
    write_folder(folder, [{"file_name": name, "caption": "A sound", "split": "train"} for name in names])
    code, _, lines = run(
        capsys, "build", "folder", "--input", folder, "--output", tmp_path / "o", *settings(), *ONE_WORKER
    )
    assert code == 1
    assert [line.partition(": ")[2].split(":")[0] for line in lines] == ["rejected bad.wav"]


def test_a_build_that_refuses_every_clip_leaves_a_release_without_rows_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, output = tmp_path / "in", tmp_path / "o"
    folder.mkdir()
    (folder / "bad.wav").write_text("no sound")
    write_folder(folder, [{"file_name": "bad.wav", "caption": "A sound", "split": "train"}])
    code, out, lines = run(capsys, "build", "folder", "--input", folder, "--output", output, *settings(), *ONE_WORKER)
    assert code == 1
    assert lines[0].startswith("elsa: rejected bad.wav: unreadable")
    assert lines[1:] == ["elsa: every clip was rejected: the release has no rows"]
    assert "0 rows" in out
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "There is nothing to load" in card
    assert "load_dataset" not in card
    assert run(capsys, "verify", output)[0] == 0


def test_a_release_that_differs_is_said_by_row_and_column(
    release: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.check.reproduce import differences

    other = tmp_path / "other"
    shutil.copytree(release, other)
    stated = json.loads((other / "release.json").read_text())
    stated["versions"]["numpy"] = "1.0"
    stated["digest"] = "0" * 64
    (other / "release.json").write_text(json.dumps(stated))
    (line,) = differences(str(release), str(other))
    assert line.startswith("version of numpy")


def test_plan_counts_what_a_build_would_make(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "plan", "folder", "--input", recordings, "--json", "--no-measure", *settings())
    assert code == 0
    assert json.loads(out)["rows"] == 10


def test_every_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert [command.name for command in load_commands()] == list(ORDER)
    for command in ORDER:
        code, out, _ = run(capsys, command, "--help")
        assert code == 0
        assert f"elsa {command}" in out.split("example", 1)[1]


SLIPS = (
    ["--help"],
    ["bild"],
    ["build", "foldr", "--input", ".", "--output", "out"],
    ["build", "folder", "--input", "no-such-folder", "--output", "out"],
    ["build", "folder", "--input", ".", "--output", "out", "--set", "rooms.trian=3"],
    ["build", "folder", "--input", ".", "--output", "out", "--limt", "3"],
    ["build", "folder", "--input", ".", "--output", "out", "--direct_num_worker=3"],
    ["build", "folder", "--input", ".", "--output", "out", "--runner=Nonsense"],
    ["plan", "folder", "--input", "no-such-folder"],
    ["check", "no-such-folder"],
    ["train", "elsa-smal", "--data", ".", "--output", "run"],
    ["evaluate", "no-such-run", "--data", ".", "--output", "out"],
)


def test_a_slip_of_the_pen_is_answered_without_importing_what_takes_seconds() -> None:
    code = f"""
import sys
from pipeline.command import main
for words in {list(SLIPS)!r}:
    try: main(words)
    except SystemExit: pass
    slow = [name for name in ("apache_beam", "torch", "transformers", "matplotlib", "spaudiopy") if name in sys.modules]
    assert not slow, (words, slow)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == len(SLIPS) - 1
    assert all(line.startswith("elsa") for line in lines)
