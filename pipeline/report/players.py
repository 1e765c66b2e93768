"""The sound of a report: the original clip and a binaural rendering of each row shown, as small MP3 files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray
from scipy.signal import resample_poly

from pipeline.report.binaural import SAMPLE_RATE_HZ, Head, foa_to_binaural, head_sha256
from pipeline.report.scenes.sounds import shown_sounds
from transforms.shards.release_rows import is_scene
from transforms.sound.open_sound import open_sound
from transforms.storage import folder_files

#: The folder of the files in a release.
AUDIO = "report/audio"
#: Every file is at most this long, and its loudest sample has this level.
LONGEST_S = 10.0
PEAK_DBFS = -3.0
_FADE_S = 0.03
# To be raised when the same row and head would sound different.
_VERSION = 2

#: Returns the original clip of a row as samples (n,) or (n, channels) and the rate in hertz, or None if it has none.
OriginalOf = Callable[[Mapping[str, Any]], "tuple[NDArray[Any], int] | None"]


@dataclass(frozen=True)
class Players:
    """The file names in report/audio for a row's two players; None when there is nothing to play."""

    original: str | None
    binaural: str | None
    stems: tuple[tuple[str | None, ...], ...] = ()
    """The files of the stems of each sound of a scene that the page shows."""


def write_players(
    rows: Iterable[Mapping[str, Any]], release: str, *, head: Head, original_of: OriginalOf | None
) -> list[Players]:
    """Write the files of each row into report/audio of the release, and remove what no row needs.

    A row has its columns by name, and `shard`, the name of its shard's folder. A file is named after what it was made
    from, so a file that exists is kept. Binaural files that no row needs are removed. Originals stay, because a later
    report may have no input to make them from.
    """
    folder_files.make_folder(release, AUDIO)
    players = [
        Players(_original(row, release, original_of), _binaural(row, release, head), _stems(row, release, head))
        for row in rows
    ]
    needed = {player.binaural for player in players}
    needed.update(name for player in players for stems in player.stems for name in stems)
    found = (entry.name for entry in folder_files.entries_in(release, AUDIO))
    stale = [name for name in found if fnmatch(name, "binaural-*.mp3") and name not in needed]
    folder_files.remove_files(release, [f"{AUDIO}/{name}" for name in stale])
    return players


def for_listening(samples: ArrayLike, rate: int) -> tuple[NDArray[np.float64], int]:
    """Samples (n,) or (n, channels) cut to ten seconds with a short fade, at −3 dBFS peak and 48 kHz."""
    whole = np.nan_to_num(np.asarray(samples, dtype=np.float64))
    sound = whole[: int(LONGEST_S * rate)].copy()
    if rate != SAMPLE_RATE_HZ:
        sound = resample_poly(sound, SAMPLE_RATE_HZ, rate, axis=0)
    if len(whole) > int(LONGEST_S * rate):
        fade = np.linspace(1.0, 0.0, min(len(sound), int(_FADE_S * SAMPLE_RATE_HZ)))
        sound[len(sound) - len(fade) :] *= fade.reshape(-1, *[1] * (sound.ndim - 1))
    peak = float(np.max(np.abs(sound), initial=0.0))
    return (sound * (10 ** (PEAK_DBFS / 20) / peak) if peak > 0 else sound), SAMPLE_RATE_HZ


def _original(row: Mapping[str, Any], release: str, original_of: OriginalOf | None) -> str | None:
    name = f"original-{_key(str(row['source_sha256']))}.mp3"
    if folder_files.exists(release, f"{AUDIO}/{name}"):
        return name
    found = original_of(row) if original_of is not None else None
    if found is None:
        return None
    samples, rate = np.asarray(found[0], dtype=np.float64), int(found[1])
    if samples.size == 0:
        return None
    _write(release, name, *for_listening(samples.mean(axis=1) if samples.ndim == 2 else samples, rate))
    return name


def binaural_name(row: Mapping[str, Any], head: Head) -> str:
    """The file of a row's binaural rendering, named after the samples, the head and the version of this module."""
    return f"binaural-{_key(str(row['pcm_sha256']), head_sha256(head), str(_VERSION))}.mp3"


def _stems(row: Mapping[str, Any], release: str, head: Head) -> tuple[tuple[str | None, ...], ...]:
    """The binaural renderings of the stems of a scene; each is named after the row's samples and the stem's file."""
    if not is_scene(row):
        return ()

    def rendered(stem: str) -> str | None:
        name = f"binaural-{_key(str(row['pcm_sha256']), stem, head_sha256(head), str(_VERSION))}.mp3"
        return _render(name, f"{row['shard']}/{stem}", release, head)

    return tuple(tuple(map(rendered, sound.stems)) for sound in shown_sounds(row))


def _binaural(row: Mapping[str, Any], release: str, head: Head) -> str | None:
    return _render(binaural_name(row, head), f"{row['shard']}/{row['file_name']}", release, head)


def _render(name: str, flac: str, release: str, head: Head) -> str | None:
    """Write the binaural rendering of a FLAC of the release under this name, unless it is there.

    Sound of two channels is binaural as it is.
    """
    if folder_files.exists(release, f"{AUDIO}/{name}"):
        return name
    try:
        with folder_files.open_file(release, flac) as file:
            found = _read_sound(file)
    except (RuntimeError, ValueError, OSError):
        # The page says that there is nothing to play. `elsa verify` says why.
        return None
    if found is None:
        return None
    ears = found if found.shape[1] == 2 else foa_to_binaural(found, head)
    _write(release, name, *for_listening(ears, SAMPLE_RATE_HZ))
    return name


def _read_sound(file: BinaryIO) -> NDArray[np.float64] | None:
    """The beginning of a FLAC as samples (n, 4) or, of two ears, (n, 2), as much as a player plays; None where it is
    no sound of a release."""
    with open_sound(file) as sound:
        if (sound.format, sound.samplerate) != ("FLAC", SAMPLE_RATE_HZ) or sound.channels not in (2, 4):
            return None
        samples = sound.read(int(LONGEST_S * SAMPLE_RATE_HZ) + 1, always_2d=True)
    return samples if len(samples) else None


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _write(release: str, name: str, samples: NDArray[np.float64], rate: int) -> None:
    """Write an MP3 so that a file of that name is always whole, even when two reports are written at once."""
    data = io.BytesIO()
    soundfile.write(data, samples, rate, format="MP3", bitrate_mode="VARIABLE", compression_level=0.4)
    folder_files.write_bytes(release, f"{AUDIO}/{name}", data.getvalue())
