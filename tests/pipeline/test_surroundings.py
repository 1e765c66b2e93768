"""Locales, limits of memory and names that are no text: what a machine brings is one line, or does no harm."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import command
from pipeline.command import main
from pipeline.surroundings import is_out_of_memory, is_utf8


@pytest.mark.parametrize("locale", ["POSIX", "C"])
def test_names_with_accents_are_names_on_the_disk_in_a_forced_ascii_locale(locale: str) -> None:
    # They were other names there: the clips were missing, or the build ended in a traceback.
    forced = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = subprocess.run(
        [sys.executable, "-m", "pipeline.command", "verjfy-ä-日本"],
        env={**os.environ, **forced},
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert said.stderr.decode() == "elsa: no command is named verjfy-ä-日本 (see elsa --help)\n"
    assert said.returncode == 2


def test_a_stream_that_lacks_signs_gets_them_escaped() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "pipeline.command", "ä"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert said.stderr == b"elsa: no command is named \\xe4 (see elsa --help)\n"


def test_a_path_that_is_not_utf_8_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    # The plan and the tables hold paths as text: it was a traceback.
    assert main(["build", "folder", "--input", "in\udce4", "--output", "out"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("elsa: 'in\\udce4' is not UTF-8")
    assert is_utf8("日本 ä")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), "/site-packages/orjson"), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("libx.so: failed to map segment from shared object"), True),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), False),
        (ImportError("No module named x"), False),
    ],
)
def test_a_hard_limit_of_memory_is_one_line(
    error: Exception, expected: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Batch schedulers set one (ulimit -v). Imports failed with a traceback.
    assert is_out_of_memory(error) is expected

    def run(_: object) -> int:
        raise error

    monkeypatch.setattr(command, "_run", run)
    if expected:
        assert main(["verify", "release"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("elsa: the system gives no more memory (")
    else:
        with pytest.raises(type(error)):
            main(["verify", "release"])
