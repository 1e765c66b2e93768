"""Values of options are read or refused before anything starts."""

from __future__ import annotations

import argparse

import pytest

from pipeline.commands.arguments import parse_share


@pytest.mark.parametrize(("text", "share"), [("15%", 0.15), ("0.15", 0.15), ("0", 0.0), ("100%", 1.0), ("1", 1.0)])
def test_a_share_is_a_number_or_a_percentage(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["15", "-1%", "101%", "nan", "", "%", "a few", "inf"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no share"):
        parse_share(text)
