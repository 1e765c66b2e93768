"""What `make audit` says of the report of pip-audit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.audit import CLEAN, KNOWN, UNREACHABLE, main, read_report

JINJA = {"name": "jinja2", "version": "3.1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.3", "3.1.4"]}]}
CLEAN_ONE = {"name": "numpy", "version": "2.3.0", "vulns": []}
SKIPPED = {"name": "torch", "version": "2.9", "skip_reason": "not on the index"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([CLEAN_ONE], CLEAN, ["audit: 1 packages looked up, 0 known vulnerabilities"]),
        (
            [JINJA, CLEAN_ONE],
            KNOWN,
            ["jinja2 3.1.0: PYSEC-1, mended in 3.1.3, 3.1.4", "audit: 2 packages looked up, 1 known vulnerabilities"],
        ),
        (
            [SKIPPED],
            UNREACHABLE,
            ["torch 2.9 was skipped: not on the index", "audit: 0 packages looked up, 0 known vulnerabilities"],
        ),
    ],
)
def test_each_known_vulnerability_has_a_line(packages: list[object], code: int, said: list[str]) -> None:
    assert read_report(json.dumps({"dependencies": packages}), "") == (said, code)


@pytest.mark.parametrize("output", ["", "{}", "[]", "Traceback"])
def test_a_database_that_cannot_be_reached_is_one_line_and_no_clean_audit(output: str) -> None:
    lines, code = read_report(output, "WARNING\nConnectionError: no route\n")
    assert code == UNREACHABLE
    assert len(lines) == 1
    assert lines[0].endswith("cannot be reached: ConnectionError: no route")


def test_the_program_is_asked_for_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, report = tmp_path / "pip-audit", tmp_path / "report.json"
    report.write_text(json.dumps({"dependencies": [JINJA]}))
    program.write_text(
        f"#!{sys.executable}\nimport sys\nassert 'pinned.txt' in sys.argv\nprint(open({str(report)!r}).read())\n"
    )
    program.chmod(0o700)
    assert main(["pinned.txt", "--program", str(program)]) == KNOWN
    assert capsys.readouterr().out.startswith("jinja2 3.1.0: PYSEC-1")
