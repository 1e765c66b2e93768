"""Sound in chunks is decoded to its end or refused, whatever the header says of its length."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sounds import RATE, encoded, noise_burst
from tests.transforms.sound.formats.decoded import decode, refusal
from transforms.sound import decoding
from transforms.sound.refusal import ClipRefused

SOUND = (noise_burst(0.5) * 32767).astype(np.int16)
SAMPLES = SOUND.astype(np.float32) / 32768


class Container:
    """A file of one format, and where it says how long its sound is."""

    def __init__(self, kind: str, field: str, before: bytes, after_name: int, added: int, **options: str) -> None:
        self.data = encoded(SOUND, kind=kind, subtype="PCM_16", **options)
        self.field = struct.Struct(field)
        self.size_at = self.data.index(before) + after_name
        # Bytes that the size counts beside those of the sound.
        self.added = added
        assert self.size == SOUND.nbytes + added

    @property
    def size(self) -> int:
        return int(self.field.unpack_from(self.data, self.size_at)[0])

    def with_size(self, size: int) -> bytes:
        written = bytearray(self.data)
        self.field.pack_into(written, self.size_at, size)
        return bytes(written)


CONTAINERS = {
    "WAV": Container("WAV", "<I", b"data", 4, 0),
    "RIFX": Container("WAV", ">I", b"data", 4, 0, endian="BIG"),
    "WAVEX": Container("WAVEX", "<I", b"data", 4, 0),
    "RF64": Container("RF64", "<Q", b"ds64", 16, 0),
    "W64": Container("W64", "<Q", b"data", 16, 24),
    "AIFF": Container("AIFF", ">I", b"SSND", 4, 8),
    "CAF": Container("CAF", ">Q", b"data", 4, 4),
    "AU": Container("AU", ">I", b".snd", 8, 0),
    "AU, little-endian": Container("AU", "<I", b"dns.", 8, 0, endian="LITTLE"),
}


@pytest.fixture(params=CONTAINERS)
def container(request: pytest.FixtureRequest) -> Container:
    return CONTAINERS[request.param]


def test_what_the_header_says_rightly_is_decoded(container: Container) -> None:
    np.testing.assert_array_equal(decode(container.data), SAMPLES)


@pytest.mark.parametrize("size", [0, -1, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 36])
def test_a_header_that_was_never_closed_costs_no_sound(container: Container, size: int) -> None:
    written = size % 256**container.field.size
    np.testing.assert_array_equal(decode(container.with_size(written)), SAMPLES)


def test_a_header_that_counts_half_is_refused(container: Container) -> None:
    refused = refusal(container.with_size(SOUND.nbytes // 2 + container.added))
    assert refused.reason == "unclosed"
    assert str(refused) == "the header was never closed: it counts 0.25 s of sound, 0.25 s more follow"


def test_a_header_that_counts_more_than_is_there_is_refused(container: Container) -> None:
    for data in (container.with_size(2 * container.size), container.data[: -SOUND.nbytes // 2]):
        refused = refusal(data)
        assert refused.reason == "truncated"
        assert "promises" in str(refused)


@given(name=st.sampled_from(sorted(CONTAINERS)), size=st.integers(0, 2**32 - 1) | st.integers(0, 3 * SOUND.nbytes))
@settings(max_examples=120, deadline=None)
def test_no_size_makes_a_part_of_the_sound_the_whole(name: str, size: int) -> None:
    try:
        samples = decode(CONTAINERS[name].with_size(size))
    except ClipRefused:
        return
    lost_s = (len(SAMPLES) - len(samples)) / RATE
    assert 0 <= lost_s <= decoding.MAY_LACK_S
    np.testing.assert_array_equal(samples, SAMPLES[: len(samples)])


@given(name=st.sampled_from(sorted(CONTAINERS)), end=st.integers(0, SOUND.nbytes))
@settings(max_examples=60, deadline=None)
def test_no_end_makes_a_part_of_the_sound_the_whole(name: str, end: int) -> None:
    try:
        samples = decode(CONTAINERS[name].data[:end])
    except ClipRefused:
        return
    assert len(SAMPLES) - len(samples) <= decoding.MAY_LACK_S * RATE


def test_a_second_file_behind_the_first_is_not_lost_in_silence(container: Container) -> None:
    assert refusal(container.data * 2).reason == "chained"


def test_zeros_and_tags_behind_the_sound_are_no_sound(container: Container) -> None:
    for rest in (bytes(200_000), b"TAG" + bytes(125), b"\x11" * 100):
        np.testing.assert_array_equal(decode(container.data + rest), SAMPLES)


@pytest.mark.parametrize("size", [0, 36, 1_000, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize(("name", "at"), [("WAV", 4), ("RIFX", 4), ("AIFF", 4)])
def test_the_size_of_the_whole_file_does_not_matter(name: str, at: int, size: int) -> None:
    data = bytearray(CONTAINERS[name].data)
    CONTAINERS[name].field.pack_into(data, at, size)
    np.testing.assert_array_equal(decode(bytes(data)), SAMPLES)


WAV = CONTAINERS["WAV"]
SOFTWARE = b"INFOISFT" + (13).to_bytes(4, "little") + b"Lavf58.76.100\0"
LIST = b"LIST" + len(SOFTWARE).to_bytes(4, "little") + SOFTWARE


@pytest.mark.parametrize(
    "rest", [LIST, LIST + b"id3 \5\0\0\0ID3\4\0\0", LIST[:20], b"bext\xff\xff\0\0" + bytes(30)],
    ids=["LIST", "LIST and an odd chunk", "LIST that breaks off", "bext that breaks off"],
)  # fmt: skip
def test_metadata_behind_the_sound_is_no_sound(rest: bytes) -> None:
    np.testing.assert_array_equal(decode(WAV.data + rest), SAMPLES)


@pytest.mark.parametrize("pad", [b"\0", b"", b"x"], ids=["padded", "not padded", "padded with a letter"])
def test_a_chunk_of_odd_length_before_the_sound_is_passed_over(pad: bytes) -> None:
    odd = b"LIST\x05\0\0\0INFOx" + pad
    for before in (odd, odd + odd, LIST + odd + LIST):
        np.testing.assert_array_equal(decode(WAV.data[:36] + before + WAV.data[36:]), SAMPLES)
        np.testing.assert_array_equal(decode(WAV.data[:36] + before + WAV.with_size(0)[36:]), SAMPLES)


def test_a_byte_too_many_before_a_chunk_is_passed_over() -> None:
    np.testing.assert_array_equal(decode(WAV.data[:36] + LIST + b"\0" + WAV.data[36:]), SAMPLES)


@pytest.mark.parametrize("pad", [b"\0", b""], ids=["padded", "not padded"])
def test_sound_of_odd_length_is_decoded_with_what_follows_it(pad: bytes) -> None:
    data = encoded(SOUND[:9_999], subtype="PCM_U8")[: 44 + 9_999]
    assert len(decode(data + pad + LIST)) == 9_999


def test_sound_in_two_chunks_is_refused() -> None:
    assert "several chunks" in str(refusal(WAV.data + WAV.data[36:]))


@pytest.mark.parametrize("name", ["WAV", "AIFF", "CAF"])
def test_a_file_without_sound_is_empty(name: str) -> None:
    container = CONTAINERS[name]
    header = bytearray(container.data[: len(container.data) - SOUND.nbytes])
    container.field.pack_into(header, container.size_at, container.added)
    assert refusal(bytes(header)).reason == "empty"


def test_every_kind_of_sample_is_decoded_to_the_end_of_a_file_that_was_never_closed() -> None:
    for subtype in ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"):
        data = bytearray(encoded(noise_burst(0.2, 8_000), 8_000, subtype=subtype))
        whole = decode(bytes(data))
        at = data.index(b"data") + 4
        for size in (0, 0xFFFFFFFF):
            struct.pack_into("<I", data, at, size)
            samples = decode(bytes(data))
            np.testing.assert_array_equal(samples[: len(whole)], whole)


def test_several_channels_are_decoded_from_a_file_that_was_never_closed() -> None:
    stereo = np.stack([SOUND, SOUND[::-1]], 1)
    data = bytearray(encoded(stereo))
    struct.pack_into("<I", data, 40, 0)
    np.testing.assert_allclose(decode(bytes(data)), stereo.mean(axis=1) / 32768, atol=1e-6)


def test_bw64_is_read_as_rf64() -> None:
    container = CONTAINERS["RF64"]
    for data in (container.data, container.with_size(0)):
        np.testing.assert_array_equal(decode(b"BW64" + data[4:]), SAMPLES)
