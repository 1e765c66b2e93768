"""Checks the FLAC files of a row against what the row and the recipe state: hashes, channels, rate and length."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from pipeline.recipe import Recipe
from pipeline.release.layout import sha256_of
from pipeline.release.row_flacs import RowFlac, row_flacs
from transforms.bounds.limits import EXPANSION, EXPANSION_FREE_BYTES
from transforms.errors import one_line, reason_of
from transforms.sound.open_sound import open_sound
from transforms.sound.render import BIT_DEPTHS, decoded_pcm_sha256
from transforms.storage import folder_files


def check_flacs(release: str, shard: str, values: Mapping[str, Any], recipe: Recipe | None) -> tuple[int, list[str]]:
    """The bytes of all files of a usable row, and a line for each problem with them.

    Args:
        release: the folder of the release.
        shard: the folder of the shard in it.
        values: the row, with all columns.
        recipe: the recipe of the release; None if it cannot be read.
    """
    problems = [f"{shard}/{values['file_name']}: {problem}" for problem in _against_recipe(values, recipe)]
    total = 0
    bit_depth = recipe.audio.bit_depth if recipe is not None else None
    for flac in row_flacs(values):
        name = f"{shard}/{flac.name}"
        try:
            with folder_files.open_file(release, name) as file:
                size = file.seek(0, os.SEEK_END)
                total += size
                if size > flac.most_bytes(values["duration_s"]):
                    problems.append(f"{name}: has {size} bytes, more than sound of the row's length takes")
                    continue
                if sha256_of(file, size) != flac.sha256:
                    problems.append(f"{name}: its SHA-256 is not the one in the row")
                file.seek(0)
                problems += [f"{name}: {problem}" for problem in _check_sound(file, size, flac, values, bit_depth)]
        except OSError as error:
            problems.append(f"{name}: {reason_of(error)}")
    return total, problems


def _against_recipe(values: Mapping[str, Any], recipe: Recipe | None) -> Iterator[str]:
    if recipe is None:
        return
    receiver = recipe.receiver.settings()
    if values["channels"] != receiver.channel_names:
        yield f"channels is {values['channels']}, its recipe has a receiver of {receiver.channel_names}"
    elif len(values["degree_files"]) != receiver.order - 1:
        yield f"it states {len(values['degree_files'])} files of higher degrees, its recipe has {receiver.order - 1}"


def _check_sound(
    file: BinaryIO, size: int, flac: RowFlac, values: Mapping[str, Any], stated_bits: int | None
) -> Iterator[str]:
    try:
        with open_sound(file) as sound:
            bit_depth = int(sound.subtype.removeprefix("PCM_"))
            asked = stated_bits or bit_depth
            expected = ("FLAC", flac.channels, asked)
            if (sound.format, sound.channels, bit_depth) != expected or bit_depth not in BIT_DEPTHS:
                found = f"{sound.format} of {sound.channels} channels and {bit_depth} bit"
                yield f"is {found}, not FLAC of {flac.channels} channels and {asked} bit"
                return
            # Checked before decoding, so that a file that is longer than its row says takes no time.
            rate = sound.samplerate
            if rate != values["sample_rate"] or abs(sound.frames / rate - values["duration_s"]) > 1e-6:
                yield "sample rate or length is not that of the row"
                return
            if sound.frames * flac.channels * bit_depth // 8 > EXPANSION_FREE_BYTES + EXPANSION * size:
                yield f"holds {sound.frames} samples, more than {size} bytes of sound do"
                return
            pcm_sha256 = decoded_pcm_sha256(sound)
    except (RuntimeError, ValueError, MemoryError) as error:
        yield f"cannot be decoded: {one_line(error)}"
        return
    if pcm_sha256 != flac.pcm_sha256:
        yield "its samples are not those of the row"
