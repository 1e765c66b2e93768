"""Render: each clip is decoded once, put into the room of each of its rows, and written as FLAC into its shard."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from transforms import storage
from transforms.records import Audio, Clip, Rejection, Row, Shard
from transforms.shards.each_shard import EachShard
from transforms.sound.clip_audio import SAMPLE_RATE, prepare_clip
from transforms.sound.clip_file import open_clip, sha256_of
from transforms.sound.isolated_decoder import DECODER
from transforms.sound.refusal import ClipRefused
from transforms.sound.render import Level, choose_gain, convolve, encode_flac, pcm_sha256, quantise


@dataclass(frozen=True)
class RenderSettings:
    """How sound is prepared and written; durations in seconds, decibels relative to the loudest frame."""

    level: Level
    bit_depth: int
    trim_below_peak_db: float
    min_duration_s: float
    max_duration_s: float


def flac_name(row_id: str) -> str:
    """A file name for a row: what a person recognises of its id, and a hash that keeps it apart from all others."""
    source = row_id.partition("/")[2]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-")[:64]
    return f"{readable}-{hashlib.sha256(row_id.encode()).hexdigest()[:10]}.flac"


def prepare_source(clip: Clip, settings: RenderSettings) -> tuple[NDArray[np.float32], str]:
    """A clip's prepared samples (n,) at 48 kHz, and the SHA-256 of its file.

    Raises:
        ClipRefused: with its reason.
    """
    with open_clip(clip) as file:
        samples, rate = DECODER.decode_file(
            file, os.path.splitext(clip.file_name)[1], max_duration_s=settings.max_duration_s
        )
        source_sha256 = sha256_of(file)
    prepared = prepare_clip(
        samples, rate, trim_below_peak_db=settings.trim_below_peak_db, min_duration_s=settings.min_duration_s
    )
    return prepared, source_sha256


def render_row(
    row: Row, source: NDArray[np.float32], source_sha256: str, settings: RenderSettings
) -> tuple[Row, bytes, NDArray[np.signedinteger]]:
    """The row with its audio's numbers in place of its response, the FLAC file, its integers (samples, channels)."""
    if row.response is None:
        raise ValueError(f"row {row.id} has no response")
    rendered = convolve(source, row.response.samples)
    gain_db, turned_down = choose_gain(rendered, settings.level, settings.bit_depth)
    pcm = quantise(rendered, gain_db, settings.bit_depth)
    flac = encode_flac(pcm, SAMPLE_RATE, settings.bit_depth)
    audio = Audio(
        file_name=flac_name(row.id),
        duration_s=len(pcm) / SAMPLE_RATE,
        sample_rate=SAMPLE_RATE,
        gain_db=gain_db,
        turned_down=turned_down,
        source_sha256=source_sha256,
        sha256=hashlib.sha256(flac).hexdigest(),
        pcm_sha256=pcm_sha256(pcm, settings.bit_depth),
    )
    return replace(row, audio=audio, response=None), flac, pcm


def render_shard(shard: Shard, release: str, settings: RenderSettings) -> Shard:
    """The shard with its FLACs written; a clip that cannot be used costs its own rows and is named.

    Raises:
        OSError: when the release cannot be written.
    """
    rows: list[Row] = []
    rejections: list[Rejection] = []
    for clip, of_clip in groupby(shard.rows, key=lambda row: row.clip):
        try:
            source, source_sha256 = prepare_source(clip, settings)
        except ClipRefused as refusal:
            rejections.append(
                Rejection(clip.source_id, "render", refusal.reason, str(refusal), clip.split, clip.source_id)
            )
            continue
        rows.extend(_write_rows(of_clip, source, source_sha256, storage.join(release, shard.path), settings))
    return shard.with_rows(tuple(rows)).rejecting(*rejections)


def _write_rows(
    rows: Iterator[Row], source: NDArray[np.float32], source_sha256: str, folder: str, settings: RenderSettings
) -> Iterator[Row]:
    for row in rows:
        rendered, flac, _ = render_row(row, source, source_sha256, settings)
        assert rendered.audio is not None
        storage.write_bytes(storage.join(folder, rendered.audio.file_name), flac)
        yield rendered


@dataclass
class RenderRows(EachShard):
    """Writes the audio of each row, which has a response; no sound leaves this stage."""

    name: ClassVar[str] = "render"
    release: str
    settings: RenderSettings

    def apply(self, shard: Shard) -> Shard:
        return render_shard(shard, self.release, self.settings)
