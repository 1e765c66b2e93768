"""Rendering scenes: the mixture of a row as FLAC, and the stems of its sources where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from transforms.receivers.receiver import FIRST_ORDER, RoomReceivers
from transforms.records import Row, Shard
from transforms.scenes.mix import SceneSound, hear_scene, with_acoustics
from transforms.scenes.prepared_sounds import PreparedSounds, prepared_sounds
from transforms.scenes.settings import SceneSettings
from transforms.scenes.stem_names import STEM_BIT_DEPTH, ambience_name, stem_name
from transforms.shards.each_shard import EachShard
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.degree_files import FIRST_CHANNELS
from transforms.sound.render import encode_flac, quantise
from transforms.sound.render_rows import RenderSettings, flac_name, render_row, write_files
from transforms.sound.row_files import RowFiles, choose_row_gain, encode_row
from transforms.storage import folder_files


@dataclass(frozen=True)
class RenderedScene:
    """A rendered row: its mixture and its stems."""

    row: Row
    files: RowFiles
    """The mixture."""
    stems: dict[str, NDArray[np.signedinteger]]
    """The integers (samples, channels) of each stem, of 24 bits, by the name of its file in the shard."""

    @property
    def pcm(self) -> NDArray[np.signedinteger]:
        """The integers (samples, channels) of the row's own file."""
        return self.files.pcm


def render_row_or_scene(
    row: Row,
    prepared: PreparedSounds,
    settings: RenderSettings,
    scenes: SceneSettings,
    receivers: RoomReceivers = FIRST_ORDER,
) -> RenderedScene:
    """Renders the scene of a row, or its only source if it has no scene; raises as `render_scene`."""
    if row.scene is not None:
        return render_scene(row, prepared, settings, scenes, receivers)
    samples, source_sha256 = prepared.of(row.clip)
    rendered, files = render_row(row, samples, source_sha256, settings, receivers)
    return RenderedScene(rendered, files, {})


def render_scene(
    row: Row,
    prepared: PreparedSounds,
    settings: RenderSettings,
    scenes: SceneSettings,
    receivers: RoomReceivers = FIRST_ORDER,
) -> RenderedScene:
    """Renders the scene of a row.

    All sources get one gain. Stems have the channels of the row's own file, which for higher orders are those of the
    first. The wet stems and the ambience add up to the mixture, sample by sample, at 24 bits: each
    is the difference between two sums that were rounded, so the errors of rounding do not add up.

    Raises:
        ClipRefused: a clip cannot be decoded any more.
        ValueError: the row has no room or no scene.
    """
    sound = hear_scene(row, lambda clip: prepared.of(clip)[0], direct=scenes.has_direct_stems, receivers=receivers)
    row = with_acoustics(row, sound)
    assert row.scene is not None
    mixture = sound.mixture()
    # What is written alone must not clip either.
    alone = [heard.wet for heard in sound.sources] if scenes.stems != "none" else []
    loud = np.concatenate([mixture, *alone], axis=1) if alone else mixture
    gain_db, turned_down = choose_row_gain(loud, settings.level, settings.bit_depth)
    name = flac_name(row.id)
    stems: dict[str, NDArray[np.signedinteger]] = {}
    names: list[tuple[str, ...]] = [() for _ in sound.sources]
    if scenes.has_wet_stems:
        sums = sound.partial_sums()
        rounded = [quantise(each[:FIRST_CHANNELS], gain_db, STEM_BIT_DEPTH) for each in sums]
        if sound.ambience is not None:
            stems[ambience_name(name)] = rounded[0]
        for number, (before, after) in enumerate(pairwise(rounded)):
            stems[stem_name(name, number + 1, "wet")] = after - before
            names[number] += (stem_name(name, number + 1, "wet"),)
    if scenes.has_direct_stems:
        for number in range(len(sound.sources)):
            stems[stem_name(name, number + 1, "direct")] = _direct_stem(sound, number, gain_db)
            names[number] += (stem_name(name, number + 1, "direct"),)
    sources = tuple(replace(source, stems=of_one) for source, of_one in zip(row.scene.sources, names, strict=True))
    own = next(source for source in sources if source.number == 0)
    files = encode_row(
        mixture,
        name,
        gain_db=gain_db,
        turned_down=turned_down,
        bit_depth=settings.bit_depth,
        channels=receivers.settings.channel_names,
        source_sha256=own.source_sha256,
    )
    row = replace(row, audio=files.audio, scene=replace(row.scene, sources=sources), response=None)
    return RenderedScene(row, files, stems)


def _direct_stem(sound: SceneSound, number: int, gain_db: float) -> NDArray[np.signedinteger]:
    direct = sound.sources[number].direct
    assert direct is not None
    return quantise(sound.placed(number, direct[:FIRST_CHANNELS]), gain_db, STEM_BIT_DEPTH)


@dataclass
class RenderScenes(EachShard):
    """Renders and writes the audio of each row, with or without a scene; no samples leave this stage."""

    name: ClassVar[str] = "render scenes"
    release: str
    render: RenderSettings
    scenes: SceneSettings
    receivers: RoomReceivers

    def apply(self, shard: Shard) -> Shard:
        return shard.with_rows(tuple(self._write(shard)))

    def _write(self, shard: Shard) -> Iterator[Row]:
        prepared = prepared_sounds(self.render)
        for row in shard.rows:
            rendered = render_row_or_scene(row, prepared, self.render, self.scenes, self.receivers)
            write_files(self.release, shard.path, rendered.files)
            for name, pcm in rendered.stems.items():
                flac = encode_flac(pcm, SAMPLE_RATE, STEM_BIT_DEPTH)
                folder_files.write_bytes(self.release, f"{shard.path}/{name}", flac)
            yield rendered.row
