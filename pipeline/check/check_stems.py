"""Checks the stems of a row: they are FLAC as long as the row, and those with the room add up to its mixture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import soundfile

from transforms.errors import one_line, reason_of
from transforms.scenes.stem_names import STEM_BIT_DEPTH, ambience_name, stem_name
from transforms.sound.open_sound import open_sound
from transforms.storage import folder_files

_FRAMES_AT_A_TIME = 1 << 16


def stem_files(values: Mapping[str, Any]) -> list[str]:
    """The names in the shard of all files that a usable row has beside its own."""
    names = [name for source in values["sources"] for name in source["stem"]]
    if values["ambience_snr_db"] is not None and any(name.endswith("-wet.flac") for name in names):
        names.append(ambience_name(values["file_name"]))
    return names


def check_stems(release: str, shard: str, values: Mapping[str, Any]) -> Iterator[str]:
    """A line for each thing that is wrong with the stems of a row whose own file is as its row says.

    Args:
        release: the folder of the release.
        shard: the folder of the shard in it.
        values: the row.
    """
    file_name = values["file_name"]
    known = {
        stem_name(file_name, number, kind)
        for number in range(1, len(values["sources"]) + 1)
        for kind in ("wet", "direct")
    } | {ambience_name(file_name)}
    names = stem_files(values)
    foreign = [name for name in names if name not in known]
    if foreign:
        yield f"{foreign[0]} is no stem of it"
        return
    with contextlib.ExitStack() as stack:
        opened: dict[str, soundfile.SoundFile] = {}
        for name in [file_name, *names]:
            try:
                file = stack.enter_context(folder_files.open_file(release, f"{shard}/{name}"))
                sound = stack.enter_context(open_sound(file))
            except OSError as error:
                yield f"{name}: {reason_of(error)}"
                return
            except (RuntimeError, ValueError, TypeError) as error:
                yield f"{name}: cannot be decoded: {one_line(error)}"
                return
            opened[name] = sound
        mixture = opened.pop(file_name)
        expected = (mixture.samplerate, mixture.channels, mixture.frames, "FLAC", f"PCM_{STEM_BIT_DEPTH}")
        for name, sound in opened.items():
            if (sound.samplerate, sound.channels, sound.frames, sound.format, sound.subtype) != expected:
                yield f"{name}: is no FLAC of {STEM_BIT_DEPTH} bit that is as long as its row"
                return
        wet = [sound for name, sound in opened.items() if not name.endswith("-direct.flac")]
        try:
            if wet and not _add_up(mixture, wet):
                yield "its stems do not add up to its sound"
            for name, sound in opened.items():
                if name.endswith("-direct.flac"):
                    _decode(sound)
        except (RuntimeError, MemoryError) as error:
            yield f"a stem cannot be decoded: {one_line(error)}"


def _add_up(mixture: soundfile.SoundFile, stems: Sequence[soundfile.SoundFile]) -> bool:
    """Whether stems of 24 bits add up to a mixture, to one step of the mixture's own bits."""
    step = 1 << (32 - int(mixture.subtype.removeprefix("PCM_")))
    for start in range(0, mixture.frames, _FRAMES_AT_A_TIME):
        count = min(_FRAMES_AT_A_TIME, mixture.frames - start)
        total = np.zeros((count, mixture.channels), dtype=np.int64)
        for stem in stems:
            total += _read(stem, count)
        if np.abs(total - _read(mixture, count)).max() > step:
            return False
    return True


def _decode(sound: soundfile.SoundFile) -> None:
    for start in range(0, sound.frames, _FRAMES_AT_A_TIME):
        _read(sound, min(_FRAMES_AT_A_TIME, sound.frames - start))


def _read(sound: soundfile.SoundFile, count: int) -> np.ndarray:
    frames = sound.read(count, dtype="int32", always_2d=True)
    if len(frames) != count:
        raise RuntimeError("it ends before the frames that its header promises")
    return np.asarray(frames)
