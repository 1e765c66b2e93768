"""MP3s are decoded to their last frame, whatever they say of their length and whatever lies around their frames."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mp3_files import SAMPLES_A_FRAME, TAG_AT, frames, mp3, with_count, without_count
from tests.sounds import RATE, encoded, noise_burst
from tests.transforms.sound.formats.decoded import decode, refusal
from transforms.sound import decoding
from transforms.sound.formats import mpeg_frames
from transforms.sound.formats.file_view import Source
from transforms.sound.isolated_decoder import in_memory
from transforms.sound.refusal import ClipRefused

VARIABLE, CONSTANT = mp3(), mp3("CONSTANT")
COUNT = len(frames(VARIABLE)) - 1
#: What libmpg123 leaves out at the beginning of a file whose tag says how much its encoder put there.
ENCODER_DELAY = 1105


def scan(data: bytes) -> mpeg_frames.MpegStream:
    with in_memory(data) as file:
        stream = mpeg_frames.scan(Source(file), 0, len(data), max_duration_s=3600)
    assert stream is not None
    return stream


def id3v2(size: int) -> bytes:
    return b"ID3\x04\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + b"\0" * size


def ape(size: int) -> bytes:
    fields = (2000).to_bytes(4, "little") + (size + 32).to_bytes(4, "little") + (0).to_bytes(4, "little")
    header, footer = (b"APETAGEX" + fields + flags + bytes(8) for flags in (b"\0\0\0\xa0", b"\0\0\0\x80"))
    return header + b"k" * size + footer


ID3V1 = b"TAG" + b"name".ljust(125, b"\0")
LYRICS = b"LYRICSBEGIN" + b"IND0000210" + b"000021" + b"LYRICS200"


def test_the_two_samples_differ_in_length_as_much_as_they_should() -> None:
    assert len({len(frame) for frame in frames(VARIABLE)}) > 3
    assert len({len(frame) for frame in frames(CONSTANT)}) == 1


@pytest.mark.parametrize("data", [VARIABLE, CONSTANT], ids=["variable", "constant"])
def test_a_stream_that_does_not_count_its_frames_is_decoded_to_the_last(data: bytes) -> None:
    counted, uncounted = decode(data), decode(without_count(data))
    assert len(uncounted) == COUNT * SAMPLES_A_FRAME
    np.testing.assert_array_equal(uncounted[ENCODER_DELAY : ENCODER_DELAY + len(counted)], counted)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_every_rate_is_counted(rate: int, channels: int) -> None:
    data = mp3(rate=rate, channels=channels, seconds=1.0)
    assert len(decode(data)) == rate
    uncounted = without_count(data)
    assert len(decode(uncounted)) == (len(frames(data)) - 1) * (SAMPLES_A_FRAME if rate >= 32_000 else 576)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (id3v2(0), b""), (id3v2(1_000), b""), (id3v2(3_000_000), b""), (id3v2(200) + id3v2(70_000), b""),
        (b"", ID3V1), (b"", ape(100_000)), (b"", ape(5_000) + LYRICS + ID3V1), (b"", id3v2(40_000)), (ape(9_000), b""),
        (id3v2(127), ID3V1), (id3v2(2_000)[:6] + b"\x7f" * 4 + bytes(2_000), b""), (b"\0" * 500_000, b""),
    ],
    ids=[
        "empty ID3v2", "ID3v2", "ID3v2 of 3 MB", "two ID3v2", "ID3v1", "APE", "APE, lyrics and ID3v1",
        "ID3v2 at the end", "APE at the beginning", "ID3v2 and ID3v1", "ID3v2 longer than the file",
        "zeros at the beginning",
    ],
)  # fmt: skip
def test_tags_at_either_end_are_neither_sound_nor_length(before: bytes, after: bytes) -> None:
    uncounted = without_count(VARIABLE)
    np.testing.assert_array_equal(decode(before + uncounted + after, ".mp3"), decode(uncounted))
    np.testing.assert_array_equal(decode(before + VARIABLE + after, ".mp3"), decode(VARIABLE))


def test_an_id3v2_tag_whose_length_is_wrong_hides_no_sound() -> None:
    tag = bytearray(id3v2(300))
    tag[8] += 100
    assert len(decode(bytes(tag) + without_count(VARIABLE), ".mp3")) == COUNT * SAMPLES_A_FRAME


@pytest.mark.parametrize("count", [0, 1, COUNT // 2, COUNT - 1])
def test_a_count_that_is_too_low_costs_no_sound(count: int) -> None:
    np.testing.assert_array_equal(decode(with_count(VARIABLE, count)), decode(VARIABLE))


def test_a_count_that_is_too_high_shows_what_is_missing_unless_all_bytes_are_there() -> None:
    promised_bytes = VARIABLE[TAG_AT + 12 : TAG_AT + 16]
    assert int.from_bytes(promised_bytes, "big") == len(VARIABLE)
    assert len(decode(with_count(VARIABLE, 10 * COUNT))) >= len(decode(VARIABLE))
    more = (2 * len(VARIABLE)).to_bytes(4, "big")
    both = with_count(VARIABLE, 2 * COUNT).replace(promised_bytes, more, 1)
    assert refusal(both).reason == "truncated"
    assert refusal(VARIABLE[: len(VARIABLE) // 2]).reason == "truncated"


@given(st.integers(0, len(CONSTANT)))
@settings(max_examples=60, deadline=None)
def test_half_a_download_is_refused_and_never_taken_for_the_whole(end: int) -> None:
    whole_s, data = len(decode(CONSTANT)) / RATE, CONSTANT[:end]
    with contextlib.suppress(ClipRefused):
        assert whole_s - len(decode(data)) / RATE < decoding.MP3_MAY_LACK_S + SAMPLES_A_FRAME / RATE


def test_a_last_frame_that_breaks_off_is_left_out() -> None:
    uncounted = without_count(VARIABLE)
    assert len(decode(uncounted[:-50])) == (COUNT - 1) * SAMPLES_A_FRAME


def test_what_was_cut_out_of_a_broadcast_begins_anywhere() -> None:
    # The first frames refer to bytes of frames that are not there.
    later = frames(VARIABLE)[31:]
    assert len(decode(b"".join(later))) == len(later) * SAMPLES_A_FRAME
    within_a_frame = b"".join(frames(VARIABLE)[30:])[70:]
    assert len(decode(within_a_frame, ".mp3")) == len(later) * SAMPLES_A_FRAME


@pytest.mark.parametrize("junk_bytes", [1, 200, 1_023, 1_100])
@pytest.mark.parametrize("data", [VARIABLE, without_count(VARIABLE)], ids=["counted", "uncounted"])
def test_junk_between_frames_is_passed_over(data: bytes, junk_bytes: int) -> None:
    parts = frames(data)
    junk = np.random.Generator(np.random.Philox(key=junk_bytes)).bytes(junk_bytes)
    damaged = b"".join(parts[:40]) + junk + b"".join(parts[40:])
    np.testing.assert_array_equal(decode(damaged), decode(data))


def test_a_hole_that_nothing_counts_is_refused() -> None:
    parts = frames(without_count(VARIABLE))
    hole = bytes(len(b"".join(parts[20:60])))
    refused = refusal(b"".join([*parts[:20], hole, *parts[60:]]))
    assert refused.reason == "unreadable"
    assert f"{len(hole)} bytes" in str(refused)


@given(st.dictionaries(st.integers(1, COUNT // 3 - 1), st.binary(max_size=300), max_size=6))
@settings(max_examples=60, deadline=None)
def test_whatever_lies_between_frames_their_number_is_right(junk: dict[int, bytes]) -> None:
    parts = frames(without_count(CONSTANT))
    for number in sorted(junk, reverse=True):
        # Three frames in a row show that what looks like a frame is one.
        parts.insert(3 * number, junk[number].replace(b"\xff", b"\xfe"))
    stream = scan(b"".join(parts))
    assert stream.frames == COUNT
    assert sum(part.bytes for part in stream.parts) == COUNT * len(frames(CONSTANT)[0])


@given(st.integers(20, COUNT - 20), st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_bytes_missing_within_a_frame_cost_that_frame_alone(number: int, missing: int) -> None:
    parts = frames(without_count(CONSTANT))
    parts[number] = parts[number][missing:]
    assert COUNT - 1 <= scan(b"".join(parts)).frames <= COUNT


def test_joined_files_are_decoded_one_after_the_other() -> None:
    first, second = decode(VARIABLE), decode(CONSTANT)
    for between in (b"", ID3V1, id3v2(2_000), ID3V1 + id3v2(50)):
        joined = decode(VARIABLE + between + CONSTANT)
        np.testing.assert_array_equal(joined, np.concatenate([first, second]))
    uncounted = without_count(VARIABLE)
    assert len(decode(uncounted * 3)) == 3 * COUNT * SAMPLES_A_FRAME


def test_joined_files_of_one_and_two_channels_are_both_decoded() -> None:
    stereo = mp3(channels=2)
    np.testing.assert_array_equal(decode(VARIABLE + stereo), np.concatenate([decode(VARIABLE), decode(stereo)]))
    assert len(decode(without_count(stereo) + without_count(VARIABLE))) == 2 * COUNT * SAMPLES_A_FRAME


def test_a_count_of_all_joined_parts_shows_no_loss() -> None:
    joined = with_count(VARIABLE, 2 * COUNT + 1) + CONSTANT
    assert len(decode(joined)) >= 2 * len(decode(VARIABLE))


def test_a_half_before_a_joined_file_is_refused() -> None:
    assert refusal(VARIABLE[: len(VARIABLE) // 2] + CONSTANT + CONSTANT).reason == "truncated"


def test_joined_files_of_two_rates_are_refused_with_both() -> None:
    refused = refusal(VARIABLE + mp3(rate=44_100))
    assert refused.reason == "chained"
    assert "48000 Hz" in str(refused)
    assert "44100 Hz" in str(refused)


def test_free_format_is_decoded() -> None:
    free = b"".join(frame[:2] + bytes([frame[2] & 0x0F]) + frame[3:] for frame in frames(without_count(CONSTANT)))
    np.testing.assert_array_equal(decode(free), decode(without_count(CONSTANT)))


def test_the_count_of_another_encoder_shows_what_is_missing() -> None:
    parts = frames(mp3("CONSTANT", channels=2))
    size, count = sum(map(len, parts)).to_bytes(4, "big"), (len(parts) - 1).to_bytes(4, "big")
    tag = parts[0][:4] + bytes(32) + b"VBRI" + b"\0\1\0\0\0\x4b" + size + count
    tag += bytes(len(parts[0]) - len(tag))
    assert len(decode(tag + b"".join(parts[1:]))) == len(parts) * SAMPLES_A_FRAME
    assert refusal(tag + b"".join(parts[1:60])).reason == "truncated"


@pytest.mark.parametrize(
    ("header", "length", "samples", "rate", "channels"),
    [
        (0xFFFB9000, 417, 1152, 44_100, 2), (0xFFFB9200, 418, 1152, 44_100, 2), (0xFFFBE4C0, 960, 1152, 48_000, 1),
        (0xFFF380C0, 208, 576, 22_050, 1), (0xFFE38000, 417, 576, 11_025, 2), (0xFFFD8000, 417, 1152, 44_100, 2),
        (0xFFFDA400, 576, 1152, 48_000, 2), (0xFFF58000, 417, 1152, 22_050, 2), (0xFFFF8000, 276, 384, 44_100, 2),
        (0xFFFF8200, 280, 384, 44_100, 2), (0xFFF7C400, 384, 384, 24_000, 2),
    ],
)  # fmt: skip
def test_frames_of_all_layers_are_as_long_as_their_headers_say(
    header: int, length: int, samples: int, rate: int, channels: int
) -> None:
    frame = header.to_bytes(4, "big") + bytes(length - 4)
    stream = scan(frame * 9)
    assert (stream.frames, stream.samples_a_frame, stream.rate) == (9, samples, rate)
    assert stream.parts[0].channels == channels
    assert stream.parts[0].ranges == [(0, 9 * length)]


def test_what_only_looks_like_a_frame_is_no_mp3() -> None:
    noise, header = np.random.Generator(np.random.Philox(key=3)).bytes(300_000), b"\xff\xfb\x90\x00"
    for data in (noise, header + noise, b"\xff" * 300_000, header * 5_000, b"\xff\xfb\x00\x00" * 9):
        assert refusal(data, ".mp3").reason == "unreadable"


def test_a_long_mp3_is_refused_without_being_walked_through() -> None:
    assert refusal(VARIABLE, max_duration_s=1.5).reason == "too_long"
    assert len(decode(VARIABLE, max_duration_s=2.1)) == 2 * RATE


def test_a_tag_without_frames_holds_nothing() -> None:
    assert refusal(frames(VARIABLE)[0] * 3, ".mp3").reason == "empty"


@pytest.mark.parametrize("data_size", [None, 0, 0xFFFFFFFF, 0x7FFFF000])
@pytest.mark.parametrize("tag", [0x55, 0x50, 0xFFFE])
def test_an_mp3_inside_a_wav_is_decoded_to_the_last_frame(tag: int, data_size: int | None) -> None:
    stream = without_count(VARIABLE)
    samples = decode(wav_of(stream, tag, len(stream) if data_size is None else data_size))
    np.testing.assert_array_equal(samples, decode(stream))


def test_an_mp3_that_breaks_off_inside_a_wav_is_refused() -> None:
    stream = without_count(VARIABLE)
    assert refusal(wav_of(stream[: len(stream) // 2], 0x55, len(stream))).reason == "truncated"
    assert refusal(wav_of(stream, 0x55, len(stream) // 2)).reason == "unclosed"
    assert refusal(wav_of(b"\x11" * 9_000, 0x55, 9_000)).reason == "unreadable"


def wav_of(stream: bytes, tag: int, size: int) -> bytes:
    form = tag.to_bytes(2, "little") + b"\1\0" + RATE.to_bytes(4, "little") + (20_000).to_bytes(4, "little")
    form += b"\1\0\0\0" + (22).to_bytes(2, "little") + bytes(6) + (0x55).to_bytes(2, "little") + bytes(14)
    chunks = b"WAVEfmt " + len(form).to_bytes(4, "little") + form + b"data" + size.to_bytes(4, "little") + stream
    return b"RIFF" + len(chunks).to_bytes(4, "little") + chunks


def test_a_header_is_read_without_decoding() -> None:
    data = without_count(VARIABLE)
    with in_memory(data) as file:
        assert decoding.read_header(file, max_duration_s=60) == (COUNT * SAMPLES_A_FRAME, RATE, 1)
    with in_memory(encoded(noise_burst(0.5), kind="FLAC")) as file:
        assert decoding.read_header(file, max_duration_s=60) == (RATE // 2, RATE, 1)
        with pytest.raises(ClipRefused, match="the recipe takes") as caught:
            decoding.read_header(file, max_duration_s=0.2)
    assert caught.value.reason == "too_long"
