"""The sound of a scene: each source with its own response, onset and level, the ambience, and their sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transforms.convolution import convolve
from transforms.receivers.receive import receive_diffuse, receive_direct, receive_noise, receive_response
from transforms.receivers.receiver import FIRST_ORDER, Receiver, RoomReceivers
from transforms.receivers.settings import check_can_move
from transforms.records import Acoustics, Clip, Response, Room, Row, Scene, Source
from transforms.rooms.moving.render_moving import render_moving
from transforms.scenes.ambience import ambience_gain_db, diffuse_noise
from transforms.scenes.recorded_ambience import diffuse_recording
from transforms.seeds import derive_seed
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.degree_files import FIRST_CHANNELS

# A sound that is longer than its scene fades out at its end.
_CUT_FADE = SAMPLE_RATE // 50


@dataclass(frozen=True)
class SourceSound:
    """The sound of one source at the receiver, (channels, samples) from its onset to the end of the scene."""

    wet: NDArray[np.float32]
    """With the room."""
    direct: NDArray[np.float32] | None
    """The direct sound alone; None if it is not wanted."""
    acoustics: Acoustics
    """Measured at its onset."""


@dataclass(frozen=True)
class SceneSound:
    """The sounds of a scene at the receiver, before they are added up."""

    n_samples: int
    sources: tuple[SourceSound, ...]
    """In the order of the scene."""
    onsets: tuple[int, ...]
    """The first sample of each source."""
    ambience: NDArray[np.float32] | None
    """Ambience and the receiver's own noise, (channels, n_samples); None if there is neither."""

    def mixture(self) -> NDArray[np.float32]:
        """The sum of all, (channels, n_samples)."""
        *_, total = self.partial_sums()
        return total

    def partial_sums(self) -> Iterator[NDArray[np.float32]]:
        """The ambience, then its sums (channels, n_samples) with the first source, the first two, …; the last is all.

        Each is the array of the one before, so that a long scene takes the memory of one.
        """
        shape = (len(self.sources[0].wet), self.n_samples)
        total = np.zeros(shape, dtype=np.float32) if self.ambience is None else self.ambience.copy()
        yield total
        for sound, onset in zip(self.sources, self.onsets, strict=True):
            total[:, onset:] += sound.wet
            yield total

    def placed(self, number: int, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sound of a source from its onset on, as samples (channels, n_samples) of the whole scene."""
        whole = np.zeros((len(samples), self.n_samples), dtype=np.float32)
        whole[:, self.onsets[number] :] = samples
        return whole


def hear_scene(
    row: Row,
    dry_of: Callable[[Clip], NDArray[np.float32]],
    *,
    direct: bool,
    receivers: RoomReceivers = FIRST_ORDER,
) -> SceneSound:
    """Makes the sound of each source of a row's scene at the receiver, and of the ambience.

    Args:
        row: a row with a room and a scene; the response of its own clip's source is used if the row has it.
        dry_of: gives the prepared samples (n,) of a clip at 48 kHz.
        direct: whether the direct sound of each source alone is wanted too.
        receivers: the receiver in each room.

    Raises:
        ValueError: the row has no room or no scene.
    """
    if row.room is None or row.scene is None:
        raise ValueError(f"row {row.id} has no room or no scene yet")
    scene, room, receiver = row.scene, row.room, receivers.in_room(row.room)
    n_samples = round(scene.duration_s * SAMPLE_RATE)
    onsets = tuple(round(source.onset_s * SAMPLE_RATE) for source in scene.sources)
    sounds = []
    for source, onset in zip(scene.sources, onsets, strict=True):
        seed = row.seed if source.number == 0 else derive_seed(row.seed, "response", source.number)
        dry = _dry(source, dry_of(source.clip))
        if source.path is not None:
            check_can_move(receiver.settings)
            moving = render_moving(
                dry,
                room,
                scene.receiver_m,
                source.path,
                seed=seed,
                n_samples=n_samples - onset,
                order=receiver.settings.order,
            )
            sounds.append(SourceSound(moving.samples, moving.direct if direct else None, moving.acoustics))
        else:
            known = row.response if source.number == 0 else None
            sounds.append(_still(source, dry, room, receiver, known, seed, n_samples - onset, direct))
    recording = dry_of(row.ambience) if row.ambience is not None else None
    ambience = _ambience(row.seed, scene, receiver, sounds, onsets, n_samples, recording)
    noise = receive_noise(receiver, row.seed, n_samples)
    if noise is not None:
        ambience = noise if ambience is None else ambience + noise
    return SceneSound(n_samples, tuple(sounds), onsets, ambience)


def _dry(source: Source, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound of a source before the room, at its level; it fades out where its clip goes on."""
    n_samples = round(source.duration_s * SAMPLE_RATE)
    dry = prepared[:n_samples] * np.float32(10.0 ** (source.applied_gain_db / 20.0))
    if n_samples < len(prepared):
        fade = min(_CUT_FADE, n_samples)
        dry[n_samples - fade :] *= (np.arange(fade, 0, -1) / fade).astype(np.float32)
    return np.asarray(dry)


def _still(
    source: Source,
    dry: NDArray[np.float32],
    room: Room,
    receiver: Receiver,
    known: Response | None,
    seed: int,
    n_samples: int,
    direct: bool,
) -> SourceSound:
    response = known or receive_response(room, source.placement, receiver, seed=seed)
    # The reverberation goes on after the sound, as far as the scene does.
    padded = np.zeros(min(n_samples, len(dry) + response.samples.shape[1]), dtype=np.float32)
    padded[: len(dry)] = dry
    wet = _to_length(convolve(padded, response.samples), n_samples)
    alone = None
    if direct:
        alone = _to_length(convolve(padded, receive_direct(room, source.placement, receiver)), n_samples)
    return SourceSound(wet, alone, response.acoustics)


def _to_length(samples: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    if samples.shape[1] == n_samples:
        return samples
    whole = np.zeros((samples.shape[0], n_samples), dtype=np.float32)
    whole[:, : samples.shape[1]] = samples[:, :n_samples]
    return whole


def _ambience(
    row_seed: int,
    scene: Scene,
    receiver: Receiver,
    sounds: list[SourceSound],
    onsets: tuple[int, ...],
    n_samples: int,
    recording: NDArray[np.float32] | None,
) -> NDArray[np.float32] | None:
    if scene.ambience_snr_db is None:
        return None
    channels = max(receiver.channels, FIRST_CHANNELS)
    if recording is None:
        field = diffuse_noise(row_seed, n_samples, SAMPLE_RATE, channels)
    else:
        field = diffuse_recording(recording, row_seed, n_samples, channels)
    noise = receive_diffuse(receiver, field)
    # W, or both ears: neither is louder in a diffuse field.
    compared = 2 if receiver.settings.channel_names == "LR" else 1
    sources = np.zeros((compared, n_samples), dtype=np.float32)
    for sound, onset in zip(sounds, onsets, strict=True):
        sources[:, onset:] += sound.wet[:compared]
    gain_db = ambience_gain_db(sources.ravel(), noise[:compared].ravel(), scene.ambience_snr_db)
    return None if gain_db is None else noise * np.float32(10.0 ** (gain_db / 20.0))


def with_acoustics(row: Row, sound: SceneSound) -> Row:
    """The row with the DRR of each source, and the acoustics of its own clip's source."""
    assert row.scene is not None
    sources = tuple(
        replace(source, drr_db=heard.acoustics.drr_db)
        for source, heard in zip(row.scene.sources, sound.sources, strict=True)
    )
    own = next(heard for source, heard in zip(sources, sound.sources, strict=True) if source.number == 0)
    return replace(row, scene=replace(row.scene, sources=sources), acoustics=own.acoustics)
