"""Decoding in a process of its own: the same samples to the bit, and a broken decoder costs one clip."""

from __future__ import annotations

import io
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import broken_decoder
from tests.benchmarks.fuzz_decoder import fuzz
from tests.mp3_files import mp3, without_count
from tests.sounds import RATE, noise_burst
from transforms.sound import decoder_process, isolated_decoder, mix_down
from transforms.sound.decoding import decode_file
from transforms.sound.isolated_decoder import COMMAND, DecoderUnavailable, IsolatedDecoder, in_memory
from transforms.sound.refusal import ClipRefused

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture
def decoder() -> Iterator[IsolatedDecoder]:
    isolated = IsolatedDecoder()
    yield isolated
    isolated.close()


@pytest.fixture
def broken() -> Iterator[IsolatedDecoder]:
    """One whose child breaks as told by the file; a slow machine's start-up does not count in its timeout."""
    isolated = IsolatedDecoder(broken_decoder.COMMAND, timeout_s=3.0)
    yield isolated
    isolated.close()


def encoded(channels: int, kind: str, subtype: str | None = None, rate: int = 44_100, seconds: float = 1.3) -> bytes:
    target = io.BytesIO()
    sound = np.stack([noise_burst(seconds, rate, seed=seed) for seed in range(channels)], 1)
    soundfile.write(target, sound, rate, format=kind, subtype=subtype)
    return target.getvalue()


def children() -> set[int]:
    """Processes whose parent is this one, zombies too."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == os.getpid():
            found.add(int(status.parent.name))
    return found


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 120
    while is_there(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("channels", "kind", "subtype", "rate"),
    [
        (1, "WAV", "PCM_16", 44_100), (2, "WAV", "PCM_24", 44_100), (7, "WAV", "FLOAT", 8_000),
        (8, "WAV", "PCM_16", 8_000), (16, "WAV", "DOUBLE", 8_000), (2, "FLAC", "PCM_24", 96_000),
        (2, "OGG", "VORBIS", 44_100), (1, "OGG", "OPUS", 48_000), (2, "MP3", None, 44_100),
        (1, "CAF", "ALAC_16", 44_100), (1, "WAV", "IMA_ADPCM", 22_050),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block_bytes", [mix_down._BLOCK_BYTES, 20_000])
def test_samples_are_those_of_one_read_in_this_process(
    decoder: IsolatedDecoder, monkeypatch: pytest.MonkeyPatch,
    channels: int, kind: str, subtype: str | None, rate: int, block_bytes: int,
) -> None:  # fmt: skip
    data = encoded(channels, kind, subtype, rate)
    expected = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    expected = expected[:, 0] if channels == 1 else expected.mean(axis=1)
    monkeypatch.setattr(mix_down, "_BLOCK_BYTES", block_bytes)
    with in_memory(data) as file:
        here, _ = decode_file(file, max_duration_s=10)
    there, there_rate = decoder.decode_bytes(data, max_duration_s=10)
    np.testing.assert_array_equal(here, expected)
    np.testing.assert_array_equal(there, expected)
    assert there.dtype == np.float32
    assert there_rate == rate


@pytest.mark.parametrize(
    ("told", "reason", "detail"),
    [
        ("crash", "decoder_crashed", "died of SIGSEGV"),
        ("break half way", "decoder_crashed", "died of SIGSEGV"),
        ("exit", "decoder_crashed", "exit code 3"),
        ("talk nonsense", "decoder_crashed", "invalid answer"),
        ("too many samples", "decoder_crashed", "invalid answer"),
        ("fail elsewhere", "decoder_crashed", "the decoder failed: .*Bad file descriptor"),
        ("hang", "decoder_hung", "within 3 s"),
        ("swallow memory", "decoder_out_of_memory", "more memory"),
    ],
)
def test_a_decoder_that_breaks_costs_one_clip(broken: IsolatedDecoder, told: str, reason: str, detail: str) -> None:
    before = children()
    good = encoded(1, "WAV")
    expected, _ = broken.decode_bytes(good, max_duration_s=10)
    with pytest.raises(ClipRefused, match=detail) as refusal:
        broken.decode_bytes(told.encode(), max_duration_s=10)
    assert refusal.value.reason == reason
    again, _ = broken.decode_bytes(good, max_duration_s=10)
    np.testing.assert_array_equal(again, expected)
    broken.close()
    assert children() <= before


def test_a_child_that_dies_between_two_clips_costs_none(decoder: IsolatedDecoder) -> None:
    before = children()
    good = encoded(1, "FLAC")
    expected, _ = decoder.decode_bytes(good, max_duration_s=10)
    (child,) = children() - before
    os.kill(child, signal.SIGKILL)
    again, _ = decoder.decode_bytes(good, max_duration_s=10)
    np.testing.assert_array_equal(again, expected)
    assert child not in children()


_CRASHES_ONCE = """
import os, socket, sys
marker, ready = sys.argv[1:3]
if os.path.exists(marker):
    os.execv(sys.argv[3], sys.argv[3:])
open(marker, "w").close()
parent = socket.socket(fileno=0)
parent.sendall(bytes.fromhex(ready))
parent.recv(1)
os._exit(1)
"""


def test_a_fresh_child_that_crashes_once_costs_no_clip(tmp_path: Path) -> None:
    ready = decoder_process.REPLY.pack(decoder_process.READY, 0, 0).hex()
    isolated = IsolatedDecoder((sys.executable, "-c", _CRASHES_ONCE, str(tmp_path / "crashed"), ready, *COMMAND))
    samples, rate = isolated.decode_bytes(encoded(1, "WAV"), max_duration_s=10)
    isolated.close()
    assert (tmp_path / "crashed").exists()
    assert (len(samples) > 0, rate) == (True, 44_100)


def test_memory_that_no_clip_needs_is_not_to_be_had(broken: IsolatedDecoder) -> None:
    (limit,) = children_limits(broken)
    # Five minutes at the highest rate, and a gigabyte for the libraries and one block.
    assert limit < 3 << 30


def children_limits(isolated: IsolatedDecoder) -> list[int]:
    before = children()
    isolated.decode_bytes(encoded(1, "WAV"), max_duration_s=300)
    lines = [Path(f"/proc/{pid}/limits").read_text() for pid in children() - before]
    return [int(text.split("Max address space")[1].split()[0]) for text in lines]


def test_threads_decode_at_the_same_time_and_share_children(decoder: IsolatedDecoder) -> None:
    before = children()
    files = [encoded(1 + number % 2, "FLAC", seconds=0.2 + 0.1 * number) for number in range(6)]
    expected = [decoder.decode_bytes(data, max_duration_s=10)[0] for data in files]
    gate = threading.Barrier(4)

    def work(thread: int) -> None:
        gate.wait()
        for turn in range(12):
            number = (thread + turn) % len(files)
            samples, _ = decoder.decode_bytes(files[number], max_duration_s=10)
            np.testing.assert_array_equal(samples, expected[number])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert 1 <= len(children() - before) <= 4
    decoder.close()
    assert children() <= before


@pytest.mark.parametrize("told", ["nothing", "hang"])
def test_a_killed_worker_leaves_no_decoder_behind(told: str) -> None:
    code = f"""
import threading, time
from tests import broken_decoder
from tests.transforms.sound.test_isolated_decoder import children, encoded
from transforms.sound.isolated_decoder import IsolatedDecoder
decoder = IsolatedDecoder(broken_decoder.COMMAND, timeout_s=4.0)
decoder.decode_bytes(encoded(1, "WAV"), max_duration_s=10)
(child,) = children()
if {told == "hang"}:
    threading.Thread(target=decoder.decode_bytes, args=[b"hang"], kwargs=dict(max_duration_s=10), daemon=True).start()
    time.sleep(1)
print(child, flush=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        child = int(worker.stdout.readline())
        worker.kill()
    wait_until_gone(child)


def test_a_forked_process_has_decoders_of_its_own(decoder: IsolatedDecoder) -> None:
    """In a program of its own: this one has threads, which no fork survives."""
    code = """
import os
from tests.transforms.sound.test_isolated_decoder import encoded
from transforms.sound.isolated_decoder import DECODER
data = encoded(1, "WAV")
expected, _ = DECODER.decode_bytes(data, max_duration_s=10)
child = os.fork()
samples, _ = DECODER.decode_bytes(data, max_duration_s=10)
assert (samples == expected).all()
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("both")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "both\n"
    assert done.stderr == ""


def test_a_decoder_that_does_not_start_is_no_clip_s_fault(capfd: pytest.CaptureFixture[str]) -> None:
    for command in ((sys.executable, "-c", "import nothing_of_that_name"), ("/no/such/program",)):
        with pytest.raises(DecoderUnavailable, match="does not start"):
            IsolatedDecoder(command).decode_bytes(encoded(1, "WAV"), max_duration_s=10)
    assert "nothing_of_that_name" in capfd.readouterr().err


def test_the_decoder_is_told_no_key(decoder: IsolatedDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    before = children()
    decoder.decode_bytes(encoded(1, "WAV"), max_duration_s=10)
    (child,) = children() - before
    assert b"sk-secret" not in Path(f"/proc/{child}/environ").read_bytes()


def test_the_decoder_runs_the_code_of_the_checkout_that_started_it(
    decoder: IsolatedDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.chdir("/")
    assert (Path(COMMAND[-1]) / "transforms" / "sound" / "decoder_process.py").samefile(decoder_process.__file__)
    samples, _ = decoder.decode_bytes(without_count(mp3()), max_duration_s=10)
    assert len(samples) > 2 * RATE


@pytest.mark.parametrize("hard_bytes", [resource.RLIM_INFINITY, 4 << 30, 1 << 60])
def test_no_limit_of_memory_is_raised_above_the_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch, hard_bytes: int
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, hard_bytes))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit))
    decoder_process._limit_memory(8 << 30)
    assert limits == [(4 << 30 if hard_bytes == 4 << 30 else 8 << 30, hard_bytes)]


def test_what_comes_out_of_broken_files_is_sound_or_a_refusal(decoder: IsolatedDecoder) -> None:
    fuzzed = fuzz(600, seed=20, decoder=decoder)
    assert fuzzed.decoded > 100
    assert fuzzed.refused.total() > 100
    assert not {"decoder_hung", "decoder_out_of_memory"} & set(fuzzed.refused)


def test_a_long_file_is_refused_without_being_read(decoder: IsolatedDecoder, tmp_path: Path) -> None:
    path = tmp_path / "twelve hours.wav"
    path.write_bytes(twelve_hours_header())
    os.truncate(path, 44 + 12 * 3600 * RATE * 2)
    with path.open("rb") as file, pytest.raises(ClipRefused, match="43200 s") as refusal:
        decoder.decode_file(file.fileno(), max_duration_s=300)
    assert refusal.value.reason == "too_long"


def test_a_recipe_without_an_end_takes_a_day(decoder: IsolatedDecoder) -> None:
    data = encoded(1, "FLAC")
    samples, rate = decoder.decode_bytes(data, max_duration_s=float("inf"))
    np.testing.assert_array_equal(samples, decoder.decode_bytes(data, max_duration_s=10)[0])
    assert rate == 44_100


def twelve_hours_header() -> bytes:
    header = bytearray(encoded(1, "WAV", "PCM_16", RATE, 0.1)[:44])
    size = 12 * 3600 * RATE * 2
    header[4:8], header[40:44] = (36 + size).to_bytes(4, "little"), size.to_bytes(4, "little")
    return bytes(header)


def test_a_default_timeout_of_sockets_costs_no_clip() -> None:
    # Beam sets one for gs://: fresh decoders ended before their first file, and clips were lost.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)
    try:
        child = isolated_decoder._Child(isolated_decoder.COMMAND)
    finally:
        socket.setdefaulttimeout(before)
    try:
        # By now it waits for a request.
        time.sleep(0.3)
        with isolated_decoder.in_memory(encoded(1, "WAV", rate=48_000, seconds=0.1)) as descriptor:
            samples, _ = child.decode(descriptor, ".wav", 10.0, 30.0)
        assert len(samples) == 4_800
    finally:
        child.kill()


@pytest.mark.parametrize("hard_bytes", [resource.RLIM_INFINITY, 1 << 40, 1 << 20])
def test_memory_that_the_system_withholds_is_not_the_fault_of_a_clip(
    hard_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(decoder_process.resource, "getrlimit", lambda _: (hard_bytes, hard_bytes))
    monkeypatch.setattr(decoder_process.resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(decoder_process.signal, "setitimer", lambda *_: None)
    monkeypatch.setattr(decoder_process.decoding, "decode_file", raise_memory_error)
    kind = MemoryError if hard_bytes != 1 << 20 else decoder_process._MachineShort
    with ours, theirs, isolated_decoder.in_memory(b"a clip") as descriptor:
        socket.send_fds(ours, [decoder_process.REQUEST.pack(b".wav", 1.0, 9.0)], [descriptor])
        with pytest.raises(MemoryError) as raised:
            decoder_process._answer_next(theirs, 1 << 20)
    assert raised.type is kind


def raise_memory_error(*_: object, **__: object) -> None:
    raise MemoryError
