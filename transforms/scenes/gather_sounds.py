"""The sounds of each scene: the row's own clip, and companions of the same split that the row's seed draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from transforms.records import Clip, Rejection, Row, Shard, Sound
from transforms.scenes.clip_pool import ClipPool, StoredPool, open_pool
from transforms.scenes.prepared_sounds import PreparedSounds, prepared_sounds
from transforms.scenes.recorded_ambience import choose_recording
from transforms.scenes.settings import SceneSettings
from transforms.seeds import derive_seed, keyed_generator
from transforms.shards.each_shard import EachShard
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.refusal import ClipRefused
from transforms.sound.render_rows import RenderSettings

#: How many clips are tried for one companion: some cannot be decoded, or are a recording that the scene has.
TRIES = 16
#: Levels are multiples of this, so that the last digits of a sum never reach a sample.
LEVEL_DECIMALS = 3
# The level of a sound is that of its loudest 0.4 s, so that pauses do not count.
_LEVEL_WINDOW = 2 * SAMPLE_RATE // 5
_LEVEL_HOP = SAMPLE_RATE // 10


def level_db(samples: NDArray[np.float32]) -> float:
    """The level of the loudest 0.4 s of a sound (n,), in dB relative to full scale, a multiple of 0.001 dB."""
    blocks = -(-len(samples) // _LEVEL_HOP)
    padded = np.zeros((blocks, _LEVEL_HOP))
    padded.reshape(-1)[: len(samples)] = samples
    energies = np.einsum("ij,ij->i", padded, padded)
    window = _LEVEL_WINDOW // _LEVEL_HOP
    loudest = np.convolve(energies, np.ones(window))[: max(blocks, 1)].max()
    return round(float(10.0 * np.log10(loudest / min(len(samples), _LEVEL_WINDOW))), LEVEL_DECIMALS)


def count_sources(row_seed: int, settings: SceneSettings) -> int:
    """The number of sounds of a row, uniform between the least and the most."""
    draw = keyed_generator(row_seed, "sources")
    return int(draw.integers(settings.sources_min, settings.sources_max, endpoint=True))


def companion_clips(row: Row, number: int, pool: ClipPool) -> Iterator[Clip]:
    """The clips that are tried for a companion of a row, in the order in which its seed draws them."""
    count = pool.count(row.clip.split)
    for attempt in range(TRIES if count else 0):
        yield pool.clip(row.clip.split, derive_seed(row.seed, "companion", number, attempt) % count)


def gather_sounds(
    row: Row,
    settings: SceneSettings,
    pool: ClipPool,
    prepared: PreparedSounds,
    recordings: tuple[Clip, ...] = (),
) -> Row:
    """The row with the sounds of its scene, the row's own clip first; no recording is in it twice.

    A row that is no scene stays as it is, and has no sounds.

    A companion that cannot be decoded gives way to the next one that is drawn. A scene has fewer sounds than were
    drawn, and not fewer than the least, if none is found for one of them.

    Raises:
        ClipRefused: the row's own clip cannot be used, too few companions are found, or no recording for its ambience.
    """
    if not settings.draws_scene(row.seed):
        # Its clip is decoded all the same, so that one that cannot be used is rejected here.
        prepared.of(row.clip)
        return row
    sounds = [_sound(row.clip, prepared)]
    drawn = count_sources(row.seed, settings)
    for number in range(1, drawn):
        for clip in companion_clips(row, number, pool):
            if any(clip.source_id == sound.clip.source_id for sound in sounds):
                continue
            try:
                sound = _sound(clip, prepared)
            except ClipRefused:
                # It is rejected where it is a row's own clip.
                continue
            if all(sound.source_sha256 != other.source_sha256 for other in sounds):
                sounds.append(sound)
                break
    if len(sounds) < settings.sources_min:
        raise ClipRefused(
            "no_companion",
            f"a scene has {settings.sources_min} sounds or more, and only {len(sounds)} was found for it",
        )
    ambience = choose_recording(row, recordings, prepared) if recordings else None
    return replace(row, sounds=tuple(sounds), ambience=ambience)


def expected_sounds(row: Row, settings: SceneSettings, pool: ClipPool, expected_s: float) -> Row:
    """The row with the sounds that it probably has, each as long as expected; nothing is decoded.

    Real scenes have other companions where a clip cannot be decoded.
    """
    if not settings.draws_scene(row.seed):
        return row
    clips = [row.clip]
    for number in range(1, count_sources(row.seed, settings)):
        taken = {clip.source_id for clip in clips}
        clips += [clip for clip in companion_clips(row, number, pool) if clip.source_id not in taken][:1]
    n_samples = round(expected_s * SAMPLE_RATE)
    return replace(row, sounds=tuple(Sound(clip, clip.source_id, n_samples, 0.0) for clip in clips))


def _sound(clip: Clip, prepared: PreparedSounds) -> Sound:
    samples, source_sha256 = prepared.of(clip)
    return Sound(clip, source_sha256, len(samples), level_db(samples))


def gather_shard(
    shard: Shard,
    settings: SceneSettings,
    pool: ClipPool,
    prepared: PreparedSounds,
    recordings: tuple[Clip, ...] = (),
) -> Shard:
    """Gathers the sounds of each row of a shard; a row whose clip cannot be used is rejected."""
    rows: list[Row] = []
    refused: dict[Clip, ClipRefused] = {}
    for row in shard.rows:
        if row.clip in refused:
            continue
        try:
            rows.append(gather_sounds(row, settings, pool, prepared, recordings))
        except ClipRefused as refusal:
            refused[row.clip] = refusal
    rejections = [
        Rejection(clip.source_id, "render", refusal.reason, str(refusal), clip.split, clip.source_id)
        for clip, refusal in refused.items()
    ]
    kept = tuple(row for row in rows if row.clip not in refused)
    return shard.with_rows(kept).rejecting(*rejections)


@dataclass
class GatherSounds(EachShard):
    """Gives each row the sounds of its scene."""

    name: ClassVar[str] = "gather sounds"
    folder: str
    pool: str
    """The name of the pool in the folder."""
    scenes: SceneSettings
    render: RenderSettings
    recordings: tuple[Clip, ...] = ()
    """Those that ambiences are made of; none for noise."""
    _pool: StoredPool | None = field(default=None, init=False, repr=False)

    def setup(self) -> None:
        self._pool = open_pool(self.folder, self.pool)

    def apply(self, shard: Shard) -> Shard:
        assert self._pool is not None
        return gather_shard(shard, self.scenes, self._pool, prepared_sounds(self.render), self.recordings)
