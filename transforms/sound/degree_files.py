"""The files of higher ambisonic degrees, which lie beside a row's own FLAC: their names and their channels."""

from __future__ import annotations

import re

#: The channels of a row's own file: all of the first order.
FIRST_CHANNELS = 4
_DEGREE_NAME = re.compile(r"(?P<stem>.+)\.d(?P<degree>[23])\.flac", re.DOTALL)


def degree_name(file_name: str, degree: int) -> str:
    """The name of the file of a degree, beside the FLAC of a row with this name."""
    return f"{file_name.removesuffix('.flac')}.d{degree}.flac"


def degree_names(file_name: str, order: int) -> list[str]:
    """The names of all files beside the FLAC of a row of this order, which has no others."""
    return [degree_name(file_name, degree) for degree in range(2, order + 1)]


def is_degree_name(name: str) -> bool:
    """Whether a file of this name is that of a higher degree."""
    return _DEGREE_NAME.fullmatch(name) is not None


def channels_of_degree(degree: int) -> slice:
    """The channels of a degree in ACN order, 2 · degree + 1 of them."""
    return slice(degree**2, (degree + 1) ** 2)


def degree_of_channels(channels: int) -> int:
    """The highest degree of so many channels: 3 for 16, 1 for the 2 of two ears."""
    return next(degree for degree in range(channels) if (degree + 1) ** 2 >= channels)
