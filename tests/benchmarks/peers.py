"""Our way and the usual ways to make spatial clips, in the same rooms and with the same generated clips."""

from __future__ import annotations

import hashlib
import io
import math
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import scipy.fft
import scipy.signal
import soundfile
from numpy.typing import NDArray

from pipeline.recipe import load_recipe
from tests.benchmarks.acoustics import intensity_direction
from tests.directions import angle_between_deg
from transforms.records import Clip, Placement, Response, Room, Row
from transforms.rooms.acoustics import t30_ms
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import furnish_room, sample_room
from transforms.rooms.simulate_response import direct_sample, simulate_response
from transforms.sound.clip_audio import SAMPLE_RATE, prepare_clip
from transforms.sound.decoding import decode_file
from transforms.sound.isolated_decoder import in_memory
from transforms.sound.render import FLAC_LEVEL, pcm_sha256
from transforms.sound.render_rows import render_row

CLIP_S = 20.0
SETTINGS = load_recipe("folder").render_settings()
# Responses of pyroomacoustics are late by half of the 81 samples of its fractional delays.
USUAL_DELAY = 40


@dataclass(frozen=True)
class Job:
    """A clip in a room: all that each way needs."""

    room: Room
    placement: Placement
    seed: int
    flac: bytes


@dataclass(frozen=True)
class Made:
    """The cost of one clip in one way, and the errors of its response."""

    cpu_s: float
    peak_mb: float
    t30_ms: float
    t30_error_percent: float
    direction_error_deg: float
    failure: str = ""


def clip_flac(index: int, duration_s: float = CLIP_S) -> bytes:
    """A generated mono clip at 48 kHz as 16-bit FLAC: noise for even indices, syllables like speech for odd ones."""
    draw = np.random.default_rng(index)
    times = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    spectrum = scipy.fft.rfft(draw.standard_normal(times.size))
    frequencies = scipy.fft.rfftfreq(times.size, 1.0 / SAMPLE_RATE)
    noise = scipy.fft.irfft(spectrum / (1.0 + frequencies / 500.0), times.size)
    if index % 2:
        pitch = 110.0 + 60.0 * draw.random() + 15.0 * np.sin(2.0 * np.pi * 0.7 * times)
        phase = 2.0 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        voice = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
        syllables = np.maximum(np.sin(2.0 * np.pi * 3.5 * times), 0.02) * (np.sin(2.0 * np.pi * 0.3 * times) > -0.7)
        noise = (voice + noise / np.abs(noise).max()) * syllables
    target = io.BytesIO()
    soundfile.write(target, 0.5 * noise / np.abs(noise).max(), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return target.getvalue()


def job(seed: int, index: int) -> Job:
    """Room ``index`` of a draw, with the placement in which the acoustics are checked, and a clip."""
    room = sample_room(seed, "train", index, RoomRanges())
    return Job(room, place_source(index, room, SceneRanges()), index, clip_flac(index))


@dataclass(frozen=True)
class Ours:
    """The cost of one clip in our way, part by part, with its response and samples."""

    preparing_s: float
    """CPU seconds of decoding and trimming."""
    response_s: float
    rendering_s: float
    """CPU seconds of convolution, quantisation, FLAC and digests."""
    extras_s: float
    """CPU seconds of the parts that the floor does not do, trimming silence and three digests, measured again alone."""
    response: Response
    pcm: NDArray[np.int16]


def ours(work: Job) -> Ours:
    """Our way from the bytes of a clip to the bytes of a FLAC file, as in the pipeline."""
    started = time.process_time()
    # In this process, because its seconds are counted. Isolation adds a millisecond (docs/bad-input.md).
    with in_memory(work.flac) as file:
        samples, rate = decode_file(file, max_duration_s=SETTINGS.max_duration_s)
    source = prepare_clip(
        samples, rate, trim_below_peak_db=SETTINGS.trim_below_peak_db, min_duration_s=SETTINGS.min_duration_s
    )
    source_sha256 = hashlib.sha256(work.flac).hexdigest()
    prepared = time.process_time()
    response = simulate_response(work.room, work.placement, seed=work.seed)
    simulated = time.process_time()
    clip = Clip("benchmark", "train", str(work.seed), "", ())
    row = Row(f"train/{work.seed}", clip, 0, work.seed, room=work.room, placement=work.placement, response=response)
    _, files = render_row(row, source, source_sha256, SETTINGS)
    ended = time.process_time()
    prepare_clip(samples, rate, trim_below_peak_db=SETTINGS.trim_below_peak_db, min_duration_s=SETTINGS.min_duration_s)
    hashlib.sha256(work.flac).hexdigest()
    hashlib.sha256(files.flacs[files.audio.file_name]).hexdigest()
    pcm_sha256(files.pcm, SETTINGS.bit_depth)
    extras_s = time.process_time() - ended
    return Ours(
        prepared - started, simulated - prepared, ended - simulated, extras_s, response, files.pcm.astype(np.int16)
    )


def floor(work: Job, pcm: NDArray[np.int16]) -> float:
    """CPU seconds of the least possible work: decode, one float32 FFT and its inverse, write ``pcm`` (samples, 4)."""
    started = time.process_time()
    source, _ = soundfile.read(io.BytesIO(work.flac), dtype="float32")
    length = scipy.fft.next_fast_len(source.size, real=True)
    scipy.fft.irfft(scipy.fft.rfft(source, length), length)
    _write_flac(pcm)
    return time.process_time() - started


def usual_script(work: Job) -> Made:
    """The usual way with pyroomacoustics: four coincident microphones, `inverse_sabine`, `simulate`, soundfile."""
    import pyroomacoustics as pra
    from pyroomacoustics.directivities import DirectionVector, FigureEight, Omnidirectional

    room, placement = work.room, work.placement
    size_m = [room.length_m, room.width_m, room.height_m]
    before = time.process_time()
    try:
        absorption, max_order = pra.inverse_sabine(room.t30_ms / 1000.0, size_m)
    except ValueError as error:
        return Made(math.nan, math.nan, math.nan, math.nan, math.nan, failure=str(error))
    source, _ = soundfile.read(io.BytesIO(work.flac))
    shoebox = pra.ShoeBox(size_m, fs=SAMPLE_RATE, materials=pra.Material(absorption), max_order=max_order)
    shoebox.add_source(list(placement.source_m), signal=source)
    # Azimuth and angle from the zenith of the figures of eight for Y, Z and X.
    figures = [FigureEight(DirectionVector(*looks, degrees=True)) for looks in ((90, 90), (0, 0), (0, 90))]
    places = np.tile(np.array(placement.receiver_m)[:, None], 4)
    shoebox.add_microphone_array(places, directivity=[Omnidirectional(), *figures])
    shoebox.simulate()
    signals = np.asarray(shoebox.mic_array.signals)[:, : source.size]
    _write_flac((signals.T / max(1.0, np.abs(signals).max())).astype(np.float64))
    cpu_s = time.process_time() - before
    n_samples = min(len(channel[0]) for channel in shoebox.rir)
    response = np.stack([channel[0][:n_samples] for channel in shoebox.rir])
    measured_ms = t30_ms(response[0], SAMPLE_RATE)
    expected = direction_to_unit_vector(placement.azimuth_deg, placement.elevation_deg)
    arrival = direct_sample(placement, SAMPLE_RATE) + USUAL_DELAY
    return Made(
        cpu_s=cpu_s,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
        t30_ms=measured_ms,
        t30_error_percent=100.0 * abs(measured_ms / room.t30_ms - 1.0),
        direction_error_deg=float(angle_between_deg(intensity_direction(response, arrival), expected)),
    )


def usual_script_alone(work: Job) -> Made:
    """Runs `usual_script` in a process of its own, so that its memory is measured and freed."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as executor:
        return executor.submit(_usual_script_warm, work).result()


def _usual_script_warm(work: Job) -> Made:
    usual_script(_small_job())
    return usual_script(work)


def _small_job() -> Job:
    """A short clip in a dry room, to pay for imports before anything is measured."""
    materials = ("carpet_thin", "ceiling_fissured_tile", "curtains_velvet")
    room = furnish_room("small", "validation", (5.0, 4.0, 3.0), materials=materials, t30_ms=250.0)
    return Job(room, Placement((2.0, 2.0, 1.5), (3.0, 2.0, 1.5), 0.0, 0.0, 1.0), 0, clip_flac(0, 4.0))


def convolve_spatialscaper(work: Job, response: NDArray[np.float32]) -> float:
    """CPU seconds of SpatialScaper's way with a given response: each channel as a whole, in float64, to FLAC."""
    started = time.process_time()
    source, _ = soundfile.read(io.BytesIO(work.flac))
    channels = [scipy.signal.fftconvolve(source, channel.astype(np.float64)) for channel in response]
    signals = np.stack(channels)[:, : source.size]
    _write_flac(signals.T / max(1.0, np.abs(signals).max()))
    return time.process_time() - started


def warm_up() -> None:
    """Runs each way once, to pay for imports and tables before anything is measured."""
    work = _small_job()
    response = simulate_response(work.room, work.placement, seed=0)
    convolve_spatialscaper(work, response.samples)
    floor(work, ours(work).pcm)


def _write_flac(frames: NDArray[np.generic]) -> bytes:
    target = io.BytesIO()
    with soundfile.SoundFile(
        target, "w", SAMPLE_RATE, frames.shape[1], "PCM_16", format="FLAC", compression_level=FLAC_LEVEL / 8
    ) as file:
        file.write(frames)
    return target.getvalue()
