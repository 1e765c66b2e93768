"""An ambience of a recording: excerpts of it from 24 directions, which add up to a diffuse field."""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from transforms.records import Clip, Row
from transforms.rooms.image_sources import sn3d_harmonics
from transforms.scenes.prepared_sounds import PreparedSounds
from transforms.seeds import derive_seed, keyed_generator
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.refusal import ClipRefused

#: How many recordings are tried for one row; some cannot be decoded.
TRIES = 16
# A recording that is shorter than its excerpts repeats; its end and its beginning are cross-faded.
_SEAM = SAMPLE_RATE // 20
# McLaren's improved snub cube (Hardin and Sloane, 1996): 24 points that integrate polynomials up to degree 7 exactly.
_POINT = (0.866246818107821, 0.422518653761112, 0.266635401516705)


def diffuse_recording(
    recording: NDArray[np.float32], row_seed: int, n_samples: int, channels: int = 4
) -> NDArray[np.float32]:
    """A diffuse field of a recording, (channels, n_samples) in ACN order and SN3D normalisation.

    Plane waves arrive from 24 directions, turned at random, and each carries another excerpt. The directions are even
    up to degree 7, so that the channels are as loud as in an isotropic field, and independent as far as the excerpts
    are.

    Args:
        recording: its samples (n,) at 48 kHz.
        row_seed: decides the excerpts and the directions.
        n_samples: the length of the field.
        channels: 4, 9 or 16.
    """
    loop = _seamless(recording)
    harmonics = sn3d_harmonics(math.isqrt(channels) - 1, even_directions(row_seed))
    # The excerpts begin at equal distances, each a little aside, so that no two of them are the same sound.
    draw = keyed_generator(row_seed, "ambience excerpts")
    aside = draw.random(len(harmonics))
    starts = np.floor((np.arange(len(harmonics)) + 0.5 * aside) / len(harmonics) * loop.size).astype(np.int64)
    field = np.zeros((channels, n_samples), dtype=np.float32)
    for gains, start in zip(harmonics.astype(np.float32), starts, strict=True):
        excerpt = np.resize(np.roll(loop, -int(start)), n_samples)
        field += gains[:, None] * excerpt
    field /= np.float32(math.sqrt(len(harmonics)))
    return field


def even_directions(row_seed: int) -> NDArray[np.float64]:
    """24 unit vectors (24, 3) of a spherical design of degree 7, turned by the row's seed."""
    turn = _random_rotation(row_seed)
    return np.einsum("ij,nj->ni", turn, np.array(_snub_cube()))


def _snub_cube() -> list[tuple[float, float, float]]:
    points = []
    for order in permutations(range(3)):
        is_even = order in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
        for signs in product((1.0, -1.0), repeat=3):
            if (math.prod(signs) > 0) == is_even:
                x, y, z = (sign * _POINT[axis] for sign, axis in zip(signs, order, strict=True))
                points.append((x, y, z))
    return points


def _random_rotation(row_seed: int) -> NDArray[np.float64]:
    """A rotation (3, 3), uniform over all, from a unit quaternion (Shoemake, 1992)."""
    share, first, second = keyed_generator(row_seed, "ambience turn").random(3).tolist()
    a, b = math.sqrt(1.0 - share), math.sqrt(share)
    x, y = a * math.sin(2 * math.pi * first), a * math.cos(2 * math.pi * first)
    z, w = b * math.sin(2 * math.pi * second), b * math.cos(2 * math.pi * second)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _seamless(recording: NDArray[np.float32]) -> NDArray[np.float32]:
    """The recording, shorter by a cross-fade of equal power from its end to its beginning."""
    seam = min(_SEAM, recording.size // 2)
    angle = (np.arange(seam) + 0.5) / seam * (math.pi / 2)
    loop = recording[: recording.size - seam].copy()
    loop[:seam] = loop[:seam] * np.sin(angle) + recording[recording.size - seam :] * np.cos(angle)
    return loop


def choose_recording(row: Row, recordings: tuple[Clip, ...], prepared: PreparedSounds) -> Clip:
    """The recording that a row's seed draws; one that cannot be decoded gives way to the next.

    Raises:
        ClipRefused: none of those that were tried can be decoded.
    """
    problem = ""
    for attempt in range(TRIES):
        clip = recordings[derive_seed(row.seed, "ambience recording", attempt) % len(recordings)]
        try:
            prepared.of(clip)
        except ClipRefused as refusal:
            problem = f"{clip.source_id}: {refusal}"
            continue
        return clip
    raise ClipRefused("no_ambience", f"no recording for its ambience can be used; the last that was tried: {problem}")
