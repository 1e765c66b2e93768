"""A message of one line comes of every error, also of one that says nothing or says it in several lines."""

from __future__ import annotations

import pytest

from transforms.errors import first_line, one_line, reason_of


@pytest.mark.parametrize(
    ("error", "line", "reason"),
    [
        (ValueError("no\n  such\tthing"), "no such thing", "no such thing"),
        (KeyError(), "KeyError", "KeyError"),
        (OSError(28, "No space left on device", "/r/x.flac"), "[Errno 28] No space left on device: '/r/x.flac'", None),
        (OSError("broken\npipe"), "broken pipe", "broken pipe"),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str, reason: str | None) -> None:
    assert one_line(error) == line
    assert first_line(error) == {"no such thing": "no", "broken pipe": "broken"}.get(line, line)
    assert reason_of(error) == (reason or "No space left on device")
