"""The names of stems: the files that hold the sound of one source of a scene alone."""

from __future__ import annotations

#: The folder in a shard that holds the stems.
STEMS = "stems"
#: Stems have 24 bits, whatever the mixture has.
STEM_BIT_DEPTH = 24


def stem_name(file_name: str, number: int, kind: str) -> str:
    """The name in the shard of a stem of the row with this FLAC; sources are numbered from 1 in the order of onset."""
    return f"{STEMS}/{file_name.removesuffix('.flac')}-{number}-{kind}.flac"


def ambience_name(file_name: str) -> str:
    """The name in the shard of the ambience of the row with this FLAC."""
    return f"{STEMS}/{file_name.removesuffix('.flac')}-ambience.flac"
