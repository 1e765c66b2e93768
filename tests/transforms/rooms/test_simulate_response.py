"""Responses: where the sound comes from and when, how it decays, and that nothing but the arguments matters."""

import dataclasses
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from pipeline.report.spaudiopy import spaudiopy_module
from tests.benchmarks.acoustics import arrival_sample, diffuse_drr_db, image_drr_db, late_field, measured_direction
from tests.directions import angle_between_deg, vector_to_direction
from transforms.records import Placement, Room
from transforms.rooms.acoustics import AIR_ABSORPTION_PER_M, SPEED_OF_SOUND_M_S, measure
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.rooms.image_sources import image_source_response, image_sources, sn3d_harmonics
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import furnish_room, sample_room
from transforms.rooms.simulate_response import direct_sample, measure_room, simulate_response

RATE = 48_000
MATERIALS = ("carpet_thin", "plasterboard", "wood_16mm")


def scene_at(azimuth_deg: float, elevation_deg: float, distance_m: float, receiver_m=(3.5, 3.0, 1.6)) -> Placement:
    offset = distance_m * direction_to_unit_vector(azimuth_deg, elevation_deg)
    source_m = tuple((np.array(receiver_m) + offset).tolist())
    return Placement(receiver_m, source_m, azimuth_deg, elevation_deg, distance_m)


@pytest.fixture(scope="module")
def room() -> Room:
    return furnish_room("room", "train", (7.0, 6.0, 3.2), materials=MATERIALS, t30_ms=500.0)


@pytest.fixture(scope="module")
def drawn():
    """Rooms of the whole range with their scenes and responses."""
    rooms = [sample_room(3, "train", index, RoomRanges()) for index in range(16)]
    scenes = [place_source(100 + index, room, SceneRanges()) for index, room in enumerate(rooms)]
    responses = [simulate_response(*pair, seed=index) for index, pair in enumerate(zip(rooms, scenes, strict=True))]
    return list(zip(rooms, scenes, responses, strict=True))


@pytest.mark.parametrize("azimuth_deg", [0.0, 37.0, 90.0, 141.0, 180.0, -37.0, -90.0, -141.0])
@pytest.mark.parametrize("elevation_deg", [-40.0, 0.0, 40.0])
def test_the_direct_sound_comes_from_where_the_scene_says(room, azimuth_deg, elevation_deg):
    placement = scene_at(azimuth_deg, elevation_deg, 1.2)
    response = simulate_response(room, placement, seed=1)
    expected = direction_to_unit_vector(azimuth_deg, elevation_deg)
    assert angle_between_deg(measured_direction(response, placement), expected) < 0.1


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "channel", "sign"),
    [(0, 0, 3, 1), (180, 0, 3, -1), (90, 0, 1, 1), (-90, 0, 1, -1), (0, 45, 2, 1)],
)
def test_front_left_and_up_are_positive_x_y_z(room, azimuth_deg, elevation_deg, channel, sign):
    """+90° is left is +Y; ACN puts Y, Z, X at 1, 2, 3; SN3D makes them as large as W."""
    placement = scene_at(azimuth_deg, elevation_deg, 1.0)
    samples = simulate_response(room, placement, seed=1).samples
    middle = round(direct_sample(placement, RATE))
    expected = sign * (math.sin(math.radians(45)) if elevation_deg else 1.0)
    assert samples[channel, middle] / samples[0, middle] == pytest.approx(expected, abs=1e-3)


def test_direct_sounds_of_drawn_rooms_are_exact(drawn):
    for _, placement, response in drawn:
        expected = direction_to_unit_vector(placement.azimuth_deg, placement.elevation_deg)
        assert angle_between_deg(measured_direction(response, placement), expected) < 0.1
        assert abs(arrival_sample(response) - placement.distance_m / SPEED_OF_SOUND_M_S * RATE) < 1.0


@pytest.mark.parametrize("distance_m", [0.5, 1.0, 2.0])
def test_the_direct_sound_has_the_amplitude_of_one_over_distance(room, distance_m):
    placement = scene_at(30.0, 0.0, distance_m)
    images = image_sources(room, placement, 15.0)
    air = np.exp(-0.5 * np.array(AIR_ABSORPTION_PER_M) * distance_m)
    assert images.amplitude[0] == pytest.approx(air / distance_m)
    samples = simulate_response(room, placement, seed=1).samples[0].astype(np.float64)
    middle = round(direct_sample(placement, RATE))
    # The spectrum of the direct sound alone, in the octaves that air leaves alone.
    spectrum = np.abs(np.fft.rfft(samples[max(0, middle - 40) : middle + 41], 4096))
    assert spectrum[100:600].mean() == pytest.approx(1.0 / distance_m, rel=0.02)


def test_nothing_comes_before_the_direct_sound(drawn):
    for _, placement, response in drawn:
        before = response.samples[:, : max(0, math.floor(direct_sample(placement, RATE)) - 40)]
        assert np.abs(before).max(initial=0.0) < 1e-4


def test_t30_is_what_was_asked(drawn):
    errors = []
    for room, placement, response in drawn:
        assert response.acoustics.t30_ms == pytest.approx(room.t30_ms, rel=0.02)
        errors.append(np.array(response.acoustics.t30_bands_ms[:7]) / np.array(room.t30_bands_ms[:7]) - 1)
        assert measure(response.samples[0], RATE, direct_sample(placement, RATE)) == response.acoustics
    assert np.mean(np.abs(errors)) < 0.03
    assert np.mean(np.abs(errors) < 0.05) > 0.9


def test_octaves_that_differ_are_each_what_was_asked():
    """Air alone takes the 16 kHz octave to a third of the others; nothing is near enough to lift the −5 dB."""
    materials = ("concrete_floor", "hard_surface", "brickwork")
    reverberant = furnish_room("church", "train", (16.0, 14.0, 8.0), materials=materials, t30_ms=2300.0)
    assert max(reverberant.t30_bands_ms) > 2.5 * reverberant.t30_bands_ms[-1]
    placement = scene_at(40.0, 10.0, 3.5, receiver_m=(8.0, 5.0, 2.0))
    measured = np.array(simulate_response(reverberant, placement, seed=5).acoustics.t30_bands_ms)
    assert np.mean(np.abs(measured / reverberant.t30_bands_ms - 1)) < 0.05
    assert measured[-1] == pytest.approx(reverberant.t30_bands_ms[-1], rel=0.05)


def test_drr_follows_theory(drawn):
    """Every place has its own first reflections; with a diffuse field in their stead theory is right on average."""
    for room, placement, response in drawn:
        assert response.acoustics.drr_db == pytest.approx(image_drr_db(room, placement), abs=1.5)
    off = [response.acoustics.drr_db - diffuse_drr_db(room, placement) for room, placement, response in drawn]
    assert abs(np.mean(off)) < 1.5
    assert np.percentile(np.abs(off), 90) < 3.0


def test_the_late_field_is_isotropic(drawn):
    for room, placement, response in drawn:
        levels_db, coherence = late_field(response, room, placement)
        assert levels_db == pytest.approx(np.full(3, -10 * math.log10(3)), abs=0.5)
        assert coherence < 0.1


def test_each_room_and_seed_has_its_own_tail(room):
    placement = scene_at(10.0, 5.0, 1.5)
    one, other = (simulate_response(room, placement, seed=seed).samples for seed in (1, 2))
    late = slice(8000, 14_000)
    assert abs(np.corrcoef(one[0, late], other[0, late])[0, 1]) < 0.1


def test_response_has_the_promised_form(room):
    response = simulate_response(room, scene_at(10.0, 5.0, 1.5), seed=1)
    assert response.samples.dtype == np.float32
    assert response.samples.shape[0] == 4
    assert response.sample_rate == RATE
    assert np.all(np.isfinite(response.samples))


def test_lower_orders_are_part_of_higher_ones(room):
    placement = scene_at(100.0, 20.0, 1.5)
    third = simulate_response(room, placement, seed=4, order=3).samples
    assert third.shape[0] == 16
    for order in (0, 1, 2):
        lower = simulate_response(room, placement, seed=4, order=order).samples
        assert np.array_equal(lower, third[: (order + 1) ** 2])


def test_harmonics_are_ambix():
    rng = np.random.default_rng(0)
    direction = rng.standard_normal((50, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    x, y, z = direction.T
    harmonics = sn3d_harmonics(2, direction)
    expected = np.stack(
        [
            np.ones(50), y, z, x, math.sqrt(3) * x * y, math.sqrt(3) * y * z, 1.5 * z * z - 0.5, math.sqrt(3) * x * z,
            math.sqrt(3) / 2 * (x * x - y * y),
        ],
        axis=1,
    )  # fmt: skip
    assert harmonics == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_spaudiopy_agrees_on_harmonics():
    """An independent implementation, up to third order."""
    sph = spaudiopy_module("sph")
    rng = np.random.default_rng(1)
    direction = rng.standard_normal((40, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    azimuth, zenith = np.arctan2(direction[:, 1], direction[:, 0]), np.arccos(direction[:, 2])
    degrees = np.floor(np.sqrt(np.arange(16)))
    theirs = np.asarray(sph.sh_matrix(3, azimuth, zenith, "real")) * np.sqrt(4 * np.pi / (2 * degrees + 1))
    assert sn3d_harmonics(3, direction) == pytest.approx(theirs, abs=1e-9)


def test_image_sources_are_all_those_of_the_sphere(room):
    placement = scene_at(50.0, -20.0, 1.3)
    images = image_sources(room, placement, 18.0)
    size = np.array([room.length_m, room.width_m, room.height_m])
    count = 0
    for cell in np.ndindex(21, 21, 21):
        index = np.array(cell) - 10
        position = index * size + np.where(index % 2 == 1, size - placement.source_m, placement.source_m)
        count += np.linalg.norm(position - placement.receiver_m) < 18.0
    assert images.distance_m.size == count
    assert images.distance_m[0] == pytest.approx(1.3)
    assert np.all(np.diff(images.distance_m) >= 0)


def test_first_reflections_lose_what_their_wall_absorbs(room):
    placement = scene_at(0.0, 0.0, 1.0)
    images = image_sources(room, placement, 15.0)
    floor = int(np.argmin(np.abs(images.distance_m - math.hypot(1.0, 3.2)) + 10 * (images.direction[:, 2] > 0)))
    air = np.exp(-0.5 * np.array(AIR_ABSORPTION_PER_M) * images.distance_m[floor])
    reflected = images.amplitude[floor] * images.distance_m[floor] / air
    # Receiver and source are 1.6 m above the floor and as far below the ceiling; downwards is the floor.
    assert reflected == pytest.approx(np.sqrt(1 - np.array(room.absorption[0])), rel=1e-5)


def test_measure_room_is_the_rooms_own(room):
    measured = measure_room(room, seed=9)
    assert measured == measure_room(room, seed=9)
    assert measured.t30_ms == pytest.approx(room.t30_ms, rel=0.02)


def test_what_cannot_be_is_refused(room):
    with pytest.raises(ValueError, match="order 4"):
        simulate_response(room, scene_at(0, 0, 1), seed=1, order=4)
    with pytest.raises(ValueError, match="8000 Hz"):
        simulate_response(room, scene_at(0, 0, 1), seed=1, sample_rate=8000)
    with pytest.raises(ValueError, match="one point"):
        simulate_response(room, scene_at(0, 0, 0), seed=1)


DIGESTS = """
import hashlib
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from pipeline.report.spaudiopy import spaudiopy_module
from transforms.sound.render import pcm_sha256, quantise
from transforms.rooms.room_design import sample_room
from transforms.rooms.simulate_response import simulate_response
for index in {order}:
    room = sample_room(3, "train", index, RoomRanges())
    response = simulate_response(room, place_source(100 + index, room, SceneRanges()), seed=index)
    print(index, pcm_sha256(quantise(response.samples, -24.0, 24), 24), response.acoustics)
"""


@pytest.mark.slow
def test_integers_are_the_same_in_any_process_order_and_number_of_threads():
    answers = set()
    for threads, order in (("1", (0, 1, 2)), ("2", (2, 0, 1)), ("4", (1, 2, 0))):
        names = ("PRA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads), "PYTHONHASHSEED": threads}
        environment["PYTHONPATH"] = os.pathsep.join([os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-c", DIGESTS.format(order=order)]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        answers.add("\n".join(sorted(line for line in finished.stdout.splitlines() if line)))
    assert len(answers) == 1


def residual_db(ours: np.ndarray, theirs: np.ndarray) -> float:
    """What two responses (channels, samples) differ by, 100 Hz to 15 kHz, relative to the second."""
    band = butter(6, [100.0, 15_000.0], "band", fs=RATE, output="sos")
    difference, reference = (sosfiltfilt(band, signal, axis=1, padlen=0) for signal in (ours - theirs, theirs))
    return float(10 * np.log10(np.sum(difference**2) / np.sum(reference**2)))


@pytest.fixture
def grey_room() -> Room:
    """The oracle's room: every surface absorbs the same at every frequency."""
    grey = tuple((0.2,) * 8 for _ in range(3))
    return Room("grey", "test", 5.0, 4.0, 2.7, ("", "", ""), grey, 1.0, 400.0, (400.0,) * 8)


GREY_SCENE = Placement((1.9, 2.2, 1.3), (3.1, 1.1, 1.7), 0.0, 0.0, math.dist((1.9, 2.2, 1.3), (3.1, 1.1, 1.7)))


def without_air(images):
    air = np.exp(-0.5 * np.array(AIR_ABSORPTION_PER_M) * images.distance_m[:, None])
    return dataclasses.replace(images, amplitude=images.amplitude / air)


@pytest.mark.slow
def test_rir_generator_agrees(grey_room, monkeypatch):
    """An independent C++ implementation of image sources (pressure over 4πr, bidirectional microphones)."""
    rir_generator = pytest.importorskip("rir_generator")
    monkeypatch.setattr(
        "transforms.rooms.image_sources.image_sources", lambda *arguments: without_air(image_sources(*arguments))
    )
    ours = image_source_response(grey_room, GREY_SCENE, duration_s=0.25)[:, : round(0.2 * RATE)]
    channels = []
    for kind, orientation in (("o", (0, 0)), ("b", (math.pi / 2, 0)), ("b", (0, math.pi / 2)), ("b", (0, 0))):
        microphone = {"o": rir_generator.mtype.omnidirectional, "b": rir_generator.mtype.bidirectional}[kind]
        rir = rir_generator.generate(
            c=SPEED_OF_SOUND_M_S, fs=RATE, r=GREY_SCENE.receiver_m, s=GREY_SCENE.source_m, L=[5.0, 4.0, 2.7],
            beta=[math.sqrt(0.8)] * 6, nsample=round(0.25 * RATE), mtype=microphone, orientation=list(orientation),
            hp_filter=False,
        )  # fmt: skip
        channels.append(4 * math.pi * rir[: ours.shape[1], 0])
    theirs = np.stack(channels)
    for channel in range(4):
        assert residual_db(ours[channel : channel + 1], theirs[channel : channel + 1]) < -80.0


def test_pyroomacoustics_figures_of_eight_agree(grey_room, monkeypatch):
    """The usual way to a first-order response: four coincident directional microphones."""
    import pyroomacoustics as pra

    monkeypatch.setattr(
        "transforms.rooms.image_sources.image_sources", lambda *arguments: without_air(image_sources(*arguments))
    )
    constants = {"rir_hpf_enable": False, "num_threads": 1}
    before = {name: pra.constants.get(name) for name in constants}
    for name, value in constants.items():
        pra.constants.set(name, value)
    try:
        shoebox = pra.ShoeBox([5.0, 4.0, 2.7], fs=RATE, materials=pra.Material(0.2), max_order=24)
        shoebox.add_source(list(GREY_SCENE.source_m))
        figures = [
            pra.directivities.FigureEight(pra.directivities.DirectionVector(azimuth, colatitude, degrees=True))
            for azimuth, colatitude in ((90, 90), (0, 0), (0, 90))
        ]
        microphones = np.tile(np.array(GREY_SCENE.receiver_m)[:, None], 4)
        shoebox.add_microphone_array(microphones, directivity=[pra.directivities.Omnidirectional(), *figures])
        shoebox.compute_rir()
    finally:
        for name, value in before.items():
            pra.constants.set(name, value)
    n_samples = round(0.1 * RATE)
    # pyroomacoustics delays everything by half of its 81-sample kernel.
    theirs = np.stack([shoebox.rir[channel][0][40 : 40 + n_samples] for channel in range(4)])
    ours = image_source_response(grey_room, GREY_SCENE, duration_s=0.15)[:, :n_samples]
    for channel in range(4):
        assert residual_db(ours[channel : channel + 1], theirs[channel : channel + 1]) < -45.0


def test_the_scene_of_the_oracles_says_where_its_source_is():
    offset = np.array(GREY_SCENE.source_m) - np.array(GREY_SCENE.receiver_m)
    assert vector_to_direction(offset)[2] == pytest.approx(GREY_SCENE.distance_m)
