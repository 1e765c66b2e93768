"""FLAC, Ogg and rare formats: decoded to the last frame or page, or refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sounds import RATE, encoded, noise_burst
from tests.transforms.sound.formats.decoded import decode, refusal
from transforms.sound.refusal import ClipRefused

SOUND = noise_burst(1.0)
FLAC = encoded(SOUND, kind="FLAC")
OGG, OPUS = encoded(noise_burst(3.0), kind="OGG"), encoded(noise_burst(3.0), kind="OGG", subtype="OPUS")


def flac_of(total: int, data: bytes = FLAC) -> bytes:
    return data[:21] + ((data[21] & 0xF0) << 32 | total).to_bytes(5, "big") + data[26:]


def pages(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        segments = data[at + 27 : at + 27 + data[at + 26]]
        length = 27 + len(segments) + sum(segments)
        found.append(data[at : at + length])
        at += length
    return found


@pytest.mark.parametrize("total", [0, 1, 100, RATE // 2, RATE - 1, RATE, RATE + 1])
def test_a_flac_is_decoded_to_its_last_frame_whatever_its_header_counts(total: int) -> None:
    np.testing.assert_array_equal(decode(flac_of(total)), decode(FLAC))


@given(st.integers(0, 2**36 - 1) | st.integers(0, 2 * RATE))
@settings(max_examples=60, deadline=None)
def test_no_count_makes_a_part_of_a_flac_the_whole(total: int) -> None:
    try:
        samples = decode(flac_of(total))
    except ClipRefused:
        assert total > RATE
    else:
        assert len(samples) == RATE


@given(st.integers(0, len(FLAC) - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_half_a_flac_is_refused(end: int, knows_its_length: bool) -> None:
    assert refusal((FLAC if knows_its_length else flac_of(0))[:end]).reason in ("unreadable", "truncated", "empty")


def test_what_follows_a_flac_is_no_sound() -> None:
    for rest in (b"TAG" + bytes(125), bytes(50_000), b"\x5a" * 50_000):
        np.testing.assert_array_equal(decode(FLAC + rest), decode(FLAC))
    tagged = b"ID3\4\0\0\0\0\1\0" + bytes(128) + flac_of(0) + b"TAG" + b"x" * 125
    np.testing.assert_array_equal(decode(tagged), decode(FLAC))


@pytest.mark.parametrize("first", [FLAC, flac_of(0), flac_of(RATE // 2)])
@pytest.mark.parametrize("second", [FLAC, flac_of(0)])
def test_a_second_flac_behind_the_first_is_not_lost_in_silence(first: bytes, second: bytes) -> None:
    assert refusal(first + second).reason == "chained"


def test_more_frames_than_a_flac_counts_and_then_something_else_are_refused() -> None:
    long = encoded(noise_burst(3.0), kind="FLAC")
    assert refusal(flac_of(RATE // 2, long) + b"\x5a" * 9_000).reason == "unreadable"


@pytest.mark.parametrize("data", [OGG, OPUS], ids=["Vorbis", "Opus"])
def test_an_ogg_that_breaks_off_is_refused(data: bytes) -> None:
    parts = pages(data)
    for broken in (data[:-1], data[: len(data) // 2], b"".join(parts[:-1]), data[:-1] + b"", b"".join(parts[:4])):
        assert refusal(broken).reason == "truncated"
    lost = b"".join(parts[:3] + parts[4:])
    assert refusal(lost).reason == "truncated" or len(decode(lost)) == 3 * RATE


@given(st.sampled_from([OGG, OPUS]), st.floats(0, 1, exclude_max=True))
@settings(max_examples=40, deadline=None)
def test_half_an_ogg_is_refused(data: bytes, part: float) -> None:
    assert refusal(data[: int(part * len(data))]).reason in ("truncated", "unreadable", "empty")


@pytest.mark.parametrize("data", [OGG, OPUS], ids=["Vorbis", "Opus"])
def test_junk_around_the_pages_of_an_ogg_is_passed_over(data: bytes) -> None:
    parts = pages(data)
    for junk in (bytes(3_000), b"OggS and other letters", b"\xff" * 70_000):
        np.testing.assert_array_equal(decode(data + junk), decode(data))
        np.testing.assert_array_equal(decode(b"".join(parts[:-2]) + junk + b"".join(parts[-2:])), decode(data))


@pytest.mark.parametrize("between", [b"", bytes(1_000), b"Ogg"])
def test_a_second_ogg_behind_the_first_is_not_lost_in_silence(between: bytes) -> None:
    for first in (OGG, OPUS):
        for second in (OGG, OPUS):
            assert refusal(first + between + second).reason == "chained"


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("SVX", "PCM_16"), ("VOC", "PCM_16"), ("NIST", "PCM_16"), ("AVR", "PCM_16"), ("MAT4", "DOUBLE"),
        ("MAT5", "DOUBLE"), ("SDS", "PCM_16"), ("MPC2K", "PCM_16"), ("WVE", "ALAW"),
    ],
)  # fmt: skip
def test_half_a_file_of_a_rare_format_is_refused(kind: str, subtype: str) -> None:
    data = encoded(noise_burst(1.0, 8_000), 8_000, kind, subtype)
    assert len(decode(data)) == 8_000
    assert refusal(data[: len(data) // 2]).reason == "truncated"
