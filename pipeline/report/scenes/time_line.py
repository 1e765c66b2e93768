"""The time line of a scene: a bar for each sound from its onset to its end, over the seconds of the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.scenes.sounds import ShownSound

#: The time line is so many SVG units long; the page stretches it.
LENGTH = 100.0
_MOST_TICKS = 10
#: No row is so long.
_LONGEST_S = 1e6


@dataclass(frozen=True)
class Bar:
    """The bar of a sound: where it begins and how long it is, in SVG units."""

    x: float
    width: float


@dataclass(frozen=True)
class TimeLine:
    """The bars of the sounds in their order, None where its time is unknown, and ticks as (SVG units, seconds)."""

    bars: tuple[Bar | None, ...]
    ticks: tuple[tuple[float, str], ...]


def time_line(duration_s: float | None, sounds: Sequence[ShownSound]) -> TimeLine:
    """The time line of a row of so many seconds; a sound that goes beyond its ends is cut there."""
    if duration_s is None or not 0 < duration_s < _LONGEST_S:
        return TimeLine((None,) * len(sounds), ())
    step_s = next(step for step in _steps() if duration_s / step <= _MOST_TICKS)
    ticks = [number * step_s for number in range(int(duration_s / step_s) + 1)]
    return TimeLine(
        tuple(_bar(sound, duration_s) for sound in sounds),
        tuple((round(LENGTH * tick / duration_s, 2), f"{tick:g}") for tick in ticks),
    )


def _steps() -> list[float]:
    """Round steps of seconds."""
    return [digit * 10.0**power for power in range(-3, 13) for digit in (1, 2, 5)]


def _bar(sound: ShownSound, duration_s: float) -> Bar | None:
    if sound.onset_s is None or sound.end_s is None:
        return None
    begin, end = (min(max(second, 0.0), duration_s) for second in (sound.onset_s, sound.end_s))
    return Bar(round(LENGTH * begin / duration_s, 2), round(LENGTH * max(end - begin, 0.0) / duration_s, 2))
