"""Settings of receivers: what is impossible is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from transforms.receivers.array_description import ArrayDescription
from transforms.receivers.known_arrays import KNOWN_ARRAYS
from transforms.receivers.settings import HeadFile, ReceiverSettings

HEAD = HeadFile("head.sofa", "head.sofa", "00")


@pytest.mark.parametrize(
    ("values", "channels", "names"),
    [
        ({}, 4, "WYZX"),
        ({"order": 2}, 9, "WYZX"),
        ({"order": 3, "noise_db": -60.0}, 16, "WYZX"),
        ({"kind": "array", "array": "tetrahedron"}, 4, "WYZX"),
        ({"kind": "array", "array": "em32", "order": 3}, 16, "WYZX"),
        ({"kind": "array", "array": replace(KNOWN_ARRAYS["zylia"], name="mine"), "order": 2}, 9, "WYZX"),
        ({"kind": "binaural", "head": HEAD}, 2, "LR"),
    ],
)
def test_channels(values: dict[str, Any], channels: int, names: str) -> None:
    settings = ReceiverSettings(**values)
    assert (settings.channels, settings.channel_names) == (channels, names)
    assert settings.is_default == (not values)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"kind": "stereo"}, "kind"),
        ({"order": 0}, "order"),
        ({"order": 4}, "order"),
        ({"order": True}, "order"),
        ({"kind": "array"}, "array"),
        ({"kind": "array", "array": "em64"}, "array"),
        ({"kind": "array", "array": "tetrahedron", "order": 2}, "order"),
        ({"array": "zylia"}, "array"),
        ({"kind": "binaural"}, "head"),
        ({"kind": "binaural", "head": HEAD, "order": 2}, "order"),
        ({"head": HEAD}, "head"),
        ({"noise_db": float("nan")}, "noise_db"),
        ({"noise_db": 3.0}, "noise_db"),
        ({"tolerance_db": 1.0}, "tolerance_db"),
        ({"kind": "array", "array": "zylia", "tolerance_db": -1.0}, "tolerance_db"),
    ],
)
def test_an_impossible_value_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: ") as caught:
        ReceiverSettings(**values)
    assert "\n" not in str(caught.value)


def test_settings_are_keys_of_a_cache() -> None:
    mine = KNOWN_ARRAYS["zylia"]
    same = ArrayDescription(mine.radius_m, mine.baffle, mine.capsules, order=3, name="zylia")
    assert hash(ReceiverSettings(kind="array", array=mine)) == hash(ReceiverSettings(kind="array", array=same))
