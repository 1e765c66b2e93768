"""Bad and odd input of every kind in one folder: the good clips are all there, the bad ones are all named."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pipeline.build import build
from pipeline.check.verify import verify
from pipeline.recipe import load_recipe
from tests import broken_decoder
from tests.mp3_files import mp3, without_count
from tests.pipeline.conftest import SMALL
from tests.sounds import RATE, noise_burst
from transforms.sound.isolated_decoder import IsolatedDecoder

pytestmark = pytest.mark.slow

#: In this process, so that a test can put another decoder in the place of ours.
HERE = ("--runner=FnApiRunner",)
SOUND = noise_burst(0.6)


def encoded(samples: np.ndarray = SOUND, kind: str = "WAV", subtype: str | None = None, rate: int = RATE) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=kind, subtype=subtype)
    return target.getvalue()


def channels(count: int) -> np.ndarray:
    return np.stack([SOUND] * count, 1)


def patched(data: bytes, *changes: tuple[int, bytes]) -> bytes:
    changed = bytearray(data)
    for at, new in changes:
        changed[at : at + len(new)] = new
    return bytes(changed)


def cut(data: bytes, part: float = 0.6) -> bytes:
    return data[: int(len(data) * part)]


WAV, FLAC, OGG, MP3 = encoded(), encoded(kind="FLAC"), encoded(kind="OGG"), encoded(kind="MP3")
NOISE = np.random.Generator(np.random.Philox(key=5)).bytes(20_000)
TWELVE_HOURS_BYTES = 12 * 3600 * RATE * 2
#: A FLAC knows its length in 36 bits from the middle of byte 21 on; 16 bytes of MD5 follow.
FLAC_LENGTH, FLAC_MD5 = 22, 26
CONSTANT_HOUR = encoded(np.full(3600 * 8_000, 1_000, dtype=np.int16), "FLAC", rate=8_000)


def sparse(header: bytes, size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(header)
        os.truncate(path, size)

    return make


def sparse_rf64(path: Path) -> None:
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format="RF64") as file:
        file.write(np.zeros(100, dtype=np.int16))
    size = 6 * 10**9
    data = path.read_bytes()
    at = data.index(b"ds64") + 8
    sparse(patched(data, (at, struct.pack("<QQQ", size, size - 104, size // 2))), size)(path)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening_socket(path: Path) -> None:
    # Its name may be no longer than 107 bytes, wherever the folder is.
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)


def nothing(path: Path) -> None:
    pass


@dataclass(frozen=True)
class Case:
    """A file, and the reason for which it is refused; None where it is good."""

    name: str
    content: bytes | Callable[[Path], None]
    reason: str | None = None
    captions: tuple[str, ...] = ("A burst of noise",)


GOOD = [
    Case("plain.wav", WAV),
    Case("one click in silence.wav", encoded(np.eye(1, RATE, RATE // 2)[0])),
    *(Case(f"{rate} Hz.wav", encoded(noise_burst(0.6, rate), rate=rate)) for rate in (8_000, 22_050, 96_000, 192_000)),
    *(Case(f"{kind}.wav", encoded(subtype=kind)) for kind in ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")),
    *(Case(f"{count} channels.wav", encoded(channels(count))) for count in (2, 16, 255)),
    Case("integers in floats.wav", encoded(SOUND * 32_768, subtype="FLOAT")),
    Case("really a wav.mp3", WAV),
    Case("really an mp3.wav", MP3),
    Case("no ending", FLAC),
    Case("length unknown.wav", patched(WAV, (4, b"\xff" * 4), (40, b"\xff" * 4))),
    Case("never closed.wav", patched(WAV, (4, bytes(4)), (40, bytes(4)))),
    Case("uncounted.mp3", without_count(mp3(seconds=0.6))),
    Case("length unknown.flac", patched(FLAC, (FLAC_LENGTH, bytes(4)))),
    Case("md5 of another.flac", patched(FLAC, (FLAC_MD5, b"\x11" * 16))),
    Case("tag of zeros.mp3", b"ID3\x03" + bytes(6) + bytes(500) + MP3),
    Case("tag of 100 MB.mp3", b"ID3\x04\0\0" + bytes([0x32, 0x10, 0x10, 0x10]) + MP3),
    Case("broken tag.mp3", b"ID3" + b"\xff" * 7 + MP3),
    Case("opus.opus", encoded(kind="OGG", subtype="OPUS")),
    Case("vorbis.ogg", OGG),
    *(Case(f"container.{kind.lower()}", encoded(kind=kind)) for kind in ("AIFF", "AU", "CAF", "W64", "RF64")),
    Case("--help.wav", WAV),
    Case("two\nlines.wav", WAV),
    Case('it\'s "quoted", really.wav', WAV),
    Case("🐸 und Ümläute.wav", WAV),
    Case("x" * 251 + ".wav", WAV),
    Case("link inside.wav", link_to("plain.wav")),
]
BAD = [
    Case("cut.wav", cut(WAV), "truncated"),
    Case("never closed again.wav", patched(WAV, (40, struct.pack("<I", SOUND.size))), "unclosed"),
    Case("cut.aiff", cut(encoded(kind="AIFF")), "truncated"),
    Case("cut.flac", cut(FLAC), "unreadable"),
    Case("cut.ogg", cut(encoded(noise_burst(3.0), "OGG")), "truncated"),
    Case("cut.mp3", cut(MP3), "truncated"),
    Case("empty.wav", b"", "empty"),
    Case("only a header.wav", WAV[:44], "empty"),
    Case("half a header.wav", WAV[:20], "unreadable"),
    Case("no samples.flac", encoded(np.zeros(0), "FLAC"), "empty"),
    Case("silent.wav", encoded(np.zeros(RATE)), "silent"),
    Case("an offset alone.wav", encoded(np.full(RATE, 0.25)), "silent"),
    Case("cancelling.wav", encoded(np.stack([SOUND, -SOUND], 1)), "silent"),
    Case("subnormal.wav", encoded(SOUND * np.float32(1e-40), subtype="FLOAT"), "silent"),
    Case("not a number.wav", encoded(np.where(np.arange(28_800) == 9, np.nan, SOUND), subtype="FLOAT"), "not_finite"),
    Case("infinite.wav", encoded(np.where(np.arange(28_800) == 9, np.inf, SOUND), subtype="FLOAT"), "not_finite"),
    Case("beyond floats.wav", encoded(SOUND.astype(np.float64) * 1e300, subtype="DOUBLE"), "not_finite"),
    Case("huge.wav", encoded(SOUND * np.float32(1e30), subtype="FLOAT"), "out_of_range"),
    Case("one sample.wav", encoded(np.ones(1)), "too_short"),
    Case("nine milliseconds.wav", encoded(noise_burst(0.009)), "too_short"),
    Case(
        "twelve hours.wav",
        sparse(
            patched(
                WAV[:44],
                (4, struct.pack("<I", TWELVE_HOURS_BYTES + 36)),
                (40, struct.pack("<I", TWELVE_HOURS_BYTES)),
            ),
            TWELVE_HOURS_BYTES + 44,
        ),
        "too_long",
    ),
    Case("seventeen hours.rf64", sparse_rf64, "too_long"),
    Case("twelve hours.flac", patched(FLAC, (FLAC_LENGTH, struct.pack(">I", 12 * 3600 * RATE))), "too_long"),
    Case("an hour of nothing.flac", CONSTANT_HOUR, "too_long"),
    Case("an hour in secret.flac", patched(CONSTANT_HOUR, (FLAC_LENGTH, bytes(4))), "too_long"),
    Case("1 Hz.wav", patched(WAV, (24, struct.pack("<I", 1))), "sample_rate"),
    Case("2 GHz.wav", patched(WAV, (24, struct.pack("<I", 2**31 - 1))), "sample_rate"),
    Case("minus 2 GHz.wav", patched(WAV, (24, struct.pack("<I", 2**31))), "unreadable"),
    Case("no channels.wav", patched(WAV, (22, bytes(2))), "unreadable"),
    Case("2000 channels.wav", patched(WAV, (22, struct.pack("<H", 2000))), "unreadable"),
    Case("several.ogg", OGG + encoded(SOUND[::-1], "OGG"), "chained"),
    Case("text.wav", b"This is no sound.\n" * 300, "unreadable"),
    Case("text.au", b"This is no sound.\n" * 300, "unreadable"),
    Case("text.mp3", b"This is no sound.\n" * 300, "unreadable"),
    Case("error page.flac", b"<!DOCTYPE html><html><title>404 Not Found</title></html>", "unreadable"),
    Case("picture.mp3", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + NOISE + b"\xff\xd9", "unreadable"),
    Case("packed.wav", gzip.compress(WAV, mtime=0), "unreadable"),
    Case("random.wav", NOISE, "unreadable"),
    Case("no header.raw", (SOUND * 32_767).astype("<i2").tobytes(), "unreadable"),
    Case(
        "film.ogg",
        b"OggS\0\x02" + bytes(8) + b"\1" + bytes(11) + b"\x01\x2a\x80theora" + bytes(35),
        "unreadable",
    ),
    Case("speech.spx", b"OggS\0\x02" + bytes(8) + b"\1" + bytes(11) + b"\x01\x50Speex   " + bytes(72), "unreadable"),
    Case("forbidden.wav", WAV, "unreadable"),
    Case("vanishing.wav", WAV, "missing"),
    Case("crash.wav", b"crash\n" + WAV, "decoder_crashed"),
    Case("hang.wav", b"hang\n" + WAV, "decoder_hung"),
    Case("a folder.wav", lambda path: path.mkdir(), "not_a_file"),
    Case("pipe.wav", pipe, "not_a_file"),
    Case("socket.wav", listening_socket, "not_a_file"),
    Case("device.wav", link_to("/dev/zero"), "outside_input"),
    Case("nowhere.wav", link_to("gone.wav"), "missing"),
    Case("link outside.wav", link_to("../outside.wav"), "outside_input"),
    Case("../outside.wav", nothing, "outside_input"),
    Case("/etc/hostname", nothing, "outside_input"),
    Case("never there.wav", nothing, "missing"),
    Case("nul\0.wav", nothing, "broken_name"),
    Case("no captions.wav", WAV, "no_caption", captions=()),
    Case("blank captions.wav", WAV, "no_caption", captions=("", "  ", "\t\n")),
    Case("plain.wav", nothing, "duplicate"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "mixed"
    root.mkdir()
    (tmp_path / "outside.wav").write_bytes(WAV)
    for case in GOOD + BAD:
        if callable(case.content):
            case.content(root / case.name)
        else:
            (root / case.name).write_bytes(case.content)
    lines = [json.dumps({"file_name": case.name, "captions": case.captions}) for case in GOOD + BAD]
    (root / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return root


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A decoder that crashes and hangs where a file tells it to, a file that may not be read, one that vanishes."""
    decoder = IsolatedDecoder(broken_decoder.COMMAND, timeout_s=1.0)
    monkeypatch.setattr("transforms.sound.render_rows.DECODER", decoder)
    real_open = os.open

    # Whoever is root may read everything: that is played.
    def troubled_open(path, flags, *others, **named):  # type: ignore[no-untyped-def]
        if str(path).endswith("forbidden.wav"):
            raise PermissionError(13, "Permission denied")
        if str(path).endswith("vanishing.wav"):
            os.unlink(path)
        return real_open(path, flags, *others, **named)

    monkeypatch.setattr("transforms.sound.clip_file.os.open", troubled_open)
    yield
    decoder.close()


def test_the_page_on_bad_input_has_every_reason() -> None:
    page = (Path(__file__).parents[3] / "docs" / "bad-input.md").read_text(encoding="utf-8")
    elsewhere = {"decoder_out_of_memory", "too_large", "unknown_split", "no_file_name"}
    for reason in elsewhere | {case.reason for case in BAD}:
        assert f"| `{reason}` |" in page, reason


def test_there_are_forty_kinds_and_more() -> None:
    assert len(BAD) >= 40
    assert len(GOOD) >= 30


def test_good_clips_are_all_there_and_bad_ones_are_all_named(folder: Path, trouble: None, tmp_path: Path) -> None:
    settings = [*SMALL, "augmentations.train=1", "rows_per_shard=9"]
    outcome = build(load_recipe("folder", settings), str(folder), str(tmp_path / "o"), beam_flags=HERE)
    assert outcome.failures == ()
    rows = pd.concat(pd.read_parquet(path) for path in (tmp_path / "o").glob("*/*/metadata.parquet"))
    assert sorted(rows["source_id"]) == sorted(case.name for case in GOOD)
    assert (rows["duration_s"] >= 4).all()
    rejected = pd.read_parquet(tmp_path / "o" / "rejected.parquet")
    assert len(rejected) == len(BAD)
    # What no Parquet file or terminal takes is left out of a name.
    expected = {case.name.replace("\0", ""): case.reason for case in BAD}
    assert dict(zip(rejected["file"], rejected["reason"], strict=True)) == expected
    details = rejected["detail"]
    assert details.map(lambda text: bool(text) and len(text.splitlines()) == 1 and len(text) < 200).all()
    assert not details.str.contains("Traceback|Error\\(|0x[0-9a-f]{6}").any()
    by_name = dict(zip(rejected["file"], details, strict=True))
    assert "SIGSEGV" in by_name["crash.wav"]
    assert "cancel" in by_name["cancelling.wav"]
    assert "never moves" in by_name["an offset alone.wav"]
    assert "43200 s" in by_name["twelve hours.wav"]
    assert "promises 0.60 s" in by_name["cut.wav"]
    assert verify(tmp_path / "o").problems == []
