"""Rendering: each clip is decoded once, convolved with the response of each of its rows, and written as FLAC."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from itertools import groupby
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from transforms.convolution import convolve
from transforms.receivers.receive import receive_noise
from transforms.receivers.receiver import FIRST_ORDER, RoomReceivers
from transforms.records import Clip, Rejection, Row, Shard
from transforms.shards.each_shard import EachShard
from transforms.sound.clip_audio import prepare_clip
from transforms.sound.clip_file import open_clip, sha256_of
from transforms.sound.isolated_decoder import DECODER
from transforms.sound.refusal import ClipRefused
from transforms.sound.render import Level
from transforms.sound.row_files import RowFiles, choose_row_gain, encode_row
from transforms.storage import folder_files


@dataclass(frozen=True)
class RenderSettings:
    """How clips are prepared and written; a recipe gives all values."""

    level: Level
    bit_depth: int
    """16 or 24."""
    trim_below_peak_db: float
    """Frames this much below the loudest one are silence, which is removed at both ends."""
    min_duration_s: float
    """A shorter clip is repeated until it is at least this long, in seconds."""
    max_duration_s: float
    """A longer clip is rejected; in seconds."""


def flac_name(row_id: str) -> str:
    """The name of a row's file: the readable part of its id, and a hash that makes it unique."""
    source = row_id.partition("/")[2]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-")[:64]
    return f"{readable}-{hashlib.sha256(row_id.encode()).hexdigest()[:10]}.flac"


def prepare_source(clip: Clip, settings: RenderSettings) -> tuple[NDArray[np.float32], str]:
    """Decodes and prepares a clip.

    Returns:
        Its samples (n,) at 48 kHz, and the SHA-256 of its file.

    Raises:
        ClipRefused: the clip cannot be used; with the reason.
        DecoderUnavailable: no clip at all can be decoded.
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
    row: Row,
    source: NDArray[np.float32],
    source_sha256: str,
    settings: RenderSettings,
    receivers: RoomReceivers = FIRST_ORDER,
) -> tuple[Row, RowFiles]:
    """Renders a row.

    Args:
        row: a row with a room and a response.
        source: the samples of its clip by `prepare_source`, (n,).
        source_sha256: the SHA-256 of the clip's file.
        settings: how it is written.
        receivers: the receiver that its response is of, which may have noise of its own.

    Returns:
        The row without its response and with a description of its audio, and its files.

    Raises:
        ValueError: the row has no room or no response.
    """
    room = row.measured or row.room
    if row.response is None or room is None:
        raise ValueError(f"row {row.id} has no room or no response yet")
    rendered = convolve(source, row.response.samples)
    noise = receive_noise(receivers.in_room(room), row.seed, rendered.shape[1])
    if noise is not None:
        rendered += noise
    gain_db, turned_down = choose_row_gain(rendered, settings.level, settings.bit_depth)
    files = encode_row(
        rendered,
        flac_name(row.id),
        gain_db=gain_db,
        turned_down=turned_down,
        bit_depth=settings.bit_depth,
        channels=receivers.settings.channel_names,
        source_sha256=source_sha256,
    )
    return replace(row, audio=files.audio, response=None), files


def render_shard(shard: Shard, release: str, settings: RenderSettings, receivers: RoomReceivers) -> Shard:
    """Renders and writes the rows of a shard; a clip that cannot be used is rejected with all of its rows.

    Raises:
        OSError: the release cannot be written.
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
        for row in of_clip:
            rendered, files = render_row(row, source, source_sha256, settings, receivers)
            write_files(release, shard.path, files)
            rows.append(rendered)
    return shard.with_rows(tuple(rows)).rejecting(*rejections)


def write_files(release: str, shard: str, files: RowFiles) -> None:
    """Writes the files of a row into its shard, its own file last.

    Raises:
        OSError: the release cannot be written.
    """
    for name, flac in reversed(files.flacs.items()):
        folder_files.write_bytes(release, f"{shard}/{name}", flac)


@dataclass
class RenderRows(EachShard):
    """Renders and writes the audio of each row with a response; no samples leave this stage."""

    name: ClassVar[str] = "render"
    release: str
    settings: RenderSettings
    receivers: RoomReceivers

    def apply(self, shard: Shard) -> Shard:
        return render_shard(shard, self.release, self.settings, self.receivers)
