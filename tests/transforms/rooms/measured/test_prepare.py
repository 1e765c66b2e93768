"""What rejects a response, and what its samples and values are where it is taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.transforms.rooms.measured.sets import at_rate, in_convention, known, offset_m
from transforms.rooms.measured.ambisonics import FUMA_ORDER, sn3d_gains, to_ambix
from transforms.rooms.measured.prepare import check_samples, prepare
from transforms.rooms.measured.response import RawResponse, ResponseRejected
from transforms.rooms.measured.settings import Conventions
from transforms.sofa.coordinates import unit

ACN = Conventions("acn", "sn3d")
ONE = known(0)
DIRECT = round(ONE.placement.distance_m / 343.0 * 48_000)


def raw(samples: np.ndarray, rate: float = 48_000.0) -> RawResponse:
    direction = unit(tuple(offset_m(ONE)))
    assert direction is not None
    return RawResponse("hall.sofa", "hall.sofa#1", "hall", None, direction, samples.astype(np.float32), rate)


def noise(shape: tuple[int, ...], level: float) -> np.ndarray:
    return level * np.random.default_rng(3).standard_normal(shape)


def loudest_block(samples: np.ndarray) -> float:
    """The root of the mean square of the loudest 5 ms of W."""
    blocks = samples[0, : samples.shape[1] // 240 * 240].reshape(-1, 240).astype(float)
    return float(np.sqrt(np.square(blocks).mean(axis=1).max()))


BROKEN = {
    "clipped": np.clip(ONE.samples, -0.15 * np.abs(ONE.samples).max(), 0.15 * np.abs(ONE.samples).max()),
    "silent": np.zeros((4, 4_800)),
    "not_finite": np.where(np.arange(ONE.samples.shape[1]) == 700, np.nan, ONE.samples),
    "out_of_range": ONE.samples * 1e12,
    "truncated": ONE.samples[:, : DIRECT + 4_000],
    "noisy": np.pad(ONE.samples, ((0, 0), (0, 24_000)))
    + noise((4, ONE.samples.shape[1] + 24_000), loudest_block(ONE.samples) * 10 ** (-28 / 20)),
    "no_direct_sound": noise((4, 24_000), 0.1),
    "no_decay": np.eye(1, 9_600, 500) * np.ones((4, 1)),
    "channels": np.repeat(ONE.samples, 2, axis=0),
    "empty": np.zeros((4, 0)),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_response_that_cannot_be_used_is_rejected_with_its_reason(reason):
    with pytest.raises(ResponseRejected) as rejected:
        prepare(raw(BROKEN[reason]), ACN)
    assert rejected.value.reason == reason


def test_zeros_at_the_end_do_not_hide_that_a_response_is_cut():
    cut = np.pad(ONE.samples[:, : DIRECT + 4_000], ((0, 0), (0, 48_000)))
    with pytest.raises(ResponseRejected, match=r"^it ends -\d+\.\d dB below its start"):
        prepare(raw(cut), ACN)


def test_sound_at_full_scale_is_clipped_from_two_samples_on():
    once = np.zeros((4, 100), dtype=np.float32)
    once[0, 10] = 1.0
    check_samples(once)
    once[0, 11] = 1.0
    with pytest.raises(ResponseRejected, match=r"^2 samples of a channel lie at its peak, 1$"):
        check_samples(once)


@pytest.mark.parametrize("below_db", [45, 50, 60])
def test_noise_changes_neither_t30_nor_what_is_taken(below_db):
    padded = np.pad(ONE.samples, ((0, 0), (0, 24_000)))
    noisy = padded + noise(padded.shape, loudest_block(ONE.samples) * 10 ** (-below_db / 20))
    response, _ = prepare(raw(noisy), ACN)
    assert response.acoustics.t30_ms == pytest.approx(ONE.t30_ms, rel=0.01)
    # What follows the decay is noise alone, and is faded out.
    assert response.samples.shape[1] < 0.8 * padded.shape[1]


def test_the_end_of_a_response_that_stops_at_45_db_does_not_change_its_t30():
    energies = np.cumsum(np.square(ONE.samples[0].astype(float))[::-1])[::-1]
    end = int(np.argmax(energies < energies[0] * 10**-4.5))
    response, _ = prepare(raw(ONE.samples[:, :end]), ACN)
    assert response.acoustics.t30_ms == pytest.approx(ONE.t30_ms, rel=0.01)


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 96_000, 192_000])
def test_a_response_of_any_rate_keeps_its_time_and_its_gain(rate):
    response, intensity = prepare(raw(at_rate(ONE.samples, rate), rate), ACN)
    assert response.direct_sample == pytest.approx(ONE.placement.distance_m / 343.0 * 48_000, abs=1.0)
    band = slice(200, 3_000)
    expected, found = (np.abs(np.fft.rfft(one[0], 48_000))[band] for one in (ONE.samples, response.samples))
    assert np.allclose(found, expected, rtol=0.02, atol=0.02 * expected.max())
    assert intensity is not None
    assert np.degrees(np.arccos(np.dot(intensity.direction, unit(tuple(offset_m(ONE)))))) < 0.5


@pytest.mark.parametrize("rate", [0.0, 7_999.0, 1e6, float("nan")])
def test_a_rate_that_no_response_has_is_rejected(rate):
    with pytest.raises(ResponseRejected, match="responses have 8000 to 768000 Hz"):
        prepare(raw(ONE.samples, rate), ACN)


@pytest.mark.parametrize("delay", [-1.0, float("nan"), 1e8])
def test_a_delay_that_no_response_has_is_rejected(delay):
    with pytest.raises(ResponseRejected):
        prepare(replace(raw(ONE.samples), delays=(delay,)), ACN)


@pytest.mark.parametrize("channels", ["acn", "fuma"])
@pytest.mark.parametrize("normalisation", ["sn3d", "n3d", "fuma"])
def test_channels_of_every_convention_become_acn_and_sn3d(channels, normalisation):
    converted = to_ambix(in_convention(ONE.samples, channels, normalisation), Conventions(channels, normalisation))
    assert np.allclose(converted, ONE.samples, atol=1e-6)


def test_higher_orders_follow_the_published_tables():
    letters = np.arange(16, dtype=np.float32)[:, None]
    # The channels of FuMa are W, X Y Z, R S T U V, K L M N O P Q; in ACN R is 6, T is 5, K is 12, Q is 9.
    assert to_ambix(letters, Conventions("fuma", "sn3d"))[:, 0].tolist() == [FUMA_ORDER.index(acn) for acn in range(16)]
    assert [FUMA_ORDER.index(acn) for acn in (0, 3, 1, 2, 6, 5, 12, 9)] == [0, 1, 2, 3, 4, 6, 9, 15]
    assert sn3d_gains(3, "n3d")[[0, 1, 4, 9]] == pytest.approx([1, 3**-0.5, 5**-0.5, 7**-0.5])
    assert sn3d_gains(3, "fuma")[[0, 3, 6, 8, 9, 10, 11]] == pytest.approx(
        [2**0.5, 1, 1, 3**0.5 / 2, (5 / 8) ** 0.5, 5**0.5 / 3, (32 / 45) ** 0.5]
    )
    with pytest.raises(ResponseRejected, match="FuMa ends at order 3"):
        to_ambix(np.zeros((25, 1), dtype=np.float32), Conventions("fuma", "fuma"))
