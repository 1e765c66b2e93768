"""What receivers hear in a room: ideal ones as before, through the table the same, arrays with the room's acoustics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tests.transforms.receivers.ideal import degree_error_deg, through_a_table
from transforms.receivers.receive import receive_diffuse, receive_direct, receive_noise, receive_response
from transforms.receivers.receiver import SPECIMENS, Receiver, _filtered_receiver, receiver_of
from transforms.receivers.settings import ReceiverSettings
from transforms.records import Placement, Room
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import sample_room
from transforms.rooms.simulate_response import direct_response, simulate_response

SEED = 5
TETRAHEDRON = ReceiverSettings(kind="array", array="tetrahedron")


@pytest.fixture(scope="module")
def room() -> Room:
    return sample_room(1, "train", 3, RoomRanges(t30_min_ms=200.0, t30_max_ms=300.0))


@pytest.fixture(scope="module")
def placement(room: Room) -> Placement:
    return place_source(1, room, SceneRanges(distance_min_m=1.0))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_ideal_receiver_is_today_s_renderer(room: Room, placement: Placement, order: int) -> None:
    receiver = receiver_of(ReceiverSettings(order=order), 0, "train", room.room_id)
    today = simulate_response(room, placement, seed=SEED, order=order)
    response = receive_response(room, placement, receiver, seed=SEED)
    assert response.acoustics == today.acoustics
    assert np.array_equal(response.samples, today.samples)
    assert np.array_equal(receive_direct(room, placement, receiver), direct_response(room, placement, order=order))
    # The channels of lower degrees do not depend on the order.
    assert np.array_equal(today.samples[:4], simulate_response(room, placement, seed=SEED).samples)


@pytest.mark.parametrize("order", [1, 3])
def test_an_ideal_receiver_through_the_table_is_the_same_to_80_db(room: Room, placement: Placement, order: int) -> None:
    today = simulate_response(room, placement, seed=SEED, order=order)
    found = receive_response(room, placement, through_a_table(order), seed=SEED)
    assert found.acoustics == today.acoustics
    error = np.sum((found.samples - today.samples) ** 2, axis=1) / np.sum(today.samples**2, axis=1)
    assert 10.0 * np.log10(error.max()) < -80.0
    direct = direct_response(room, placement, order=order)
    alone = receive_direct(room, placement, through_a_table(order))[:, : direct.shape[1]]
    assert 10.0 * np.log10(np.sum((alone - direct[:, : alone.shape[1]]) ** 2) / np.sum(direct**2)) < -80.0


@pytest.mark.parametrize("order", [2, 3])
def test_higher_channels_alone_have_the_direction_to_a_tenth_of_a_degree(
    room: Room, placement: Placement, order: int
) -> None:
    receiver = receiver_of(ReceiverSettings(order=order), 0, "train", room.room_id)
    direct = receive_direct(room, placement, receiver)
    assert degree_error_deg(direct, order, placement) < 0.1


@pytest.mark.parametrize("array", ["tetrahedron", "zylia", "em32"])
def test_an_array_hears_the_room_and_the_row_has_its_acoustics(room: Room, placement: Placement, array: str) -> None:
    receiver = receiver_of(ReceiverSettings(kind="array", array=array), 0, "train", room.room_id)
    today = simulate_response(room, placement, seed=SEED)
    response = receive_response(room, placement, receiver, seed=SEED)
    assert response.acoustics == today.acoustics
    assert response.samples.shape == today.samples.shape
    # W below 2 kHz is the ideal one.
    spectra = np.fft.rfft(np.stack([response.samples[0], today.samples[0]]))
    frequency_hz = np.fft.rfftfreq(today.samples.shape[1], 1.0 / 48_000)
    low = (frequency_hz > 200.0) & (frequency_hz < 2000.0)
    error = np.sum(np.abs(spectra[0, low] - spectra[1, low]) ** 2) / np.sum(np.abs(spectra[1, low]) ** 2)
    assert 10.0 * np.log10(error) < -25.0
    # The direct sound alone is the beginning of the response, until the floor is heard.
    direct = receive_direct(room, placement, receiver)
    until = round(placement.distance_m / 343.0 * 48_000) + 20
    assert np.abs(direct[:, :until] - response.samples[:, :until]).max() < 0.01 * np.abs(direct).max()


def test_capsules_noise_is_louder_where_their_gain_is() -> None:
    noisy = receiver_of(replace(TETRAHEDRON, array="em32", order=2, noise_db=-60.0), 0, "train", "a")
    noise = receive_noise(noisy, 7, 1 << 17)
    assert noise is not None
    assert noise.shape == (9, 1 << 17)
    spectrum = np.mean(np.abs(np.fft.rfft(noise.reshape(9, -1, 2048) * np.hanning(2048), axis=2)) ** 2, axis=1)
    level_db = 10.0 * np.log10(spectrum)
    low, middle = slice(4, 12), slice(60, 120)
    # X at 100 to 300 Hz against 1.5 to 3 kHz; W has no more of it than capsules by themselves have.
    assert level_db[3, low].mean() > level_db[3, middle].mean() + 8.0
    again = receive_noise(noisy, 7, 1 << 17)
    assert again is not None
    assert np.array_equal(noise, again)
    assert receive_noise(receiver_of(TETRAHEDRON, 0, "train", "a"), 7, 100) is None
    ideal = receive_noise(receiver_of(ReceiverSettings(noise_db=-40.0), 0, "train", "a"), 7, 1 << 15)
    assert ideal is not None
    assert 20.0 * np.log10(np.sqrt(np.mean(ideal**2, axis=1))) == pytest.approx(-40.0, abs=0.2)


def some_filters(receiver: Receiver) -> bytes:
    assert receiver.table is not None
    return receiver.table.filters[:50].tobytes()


def test_a_split_has_a_handful_of_specimens_and_shares_none() -> None:
    uneven = replace(TETRAHEDRON, tolerance_db=1.0)
    rooms = {
        split: {some_filters(receiver_of(uneven, 0, split, f"room {number}")) for number in range(40)}
        for split in ("train", "test")
    }
    assert len(rooms["train"]) == len(rooms["test"]) == SPECIMENS
    assert not rooms["train"] & rooms["test"]


def test_ideal_noise_stays_as_it_is() -> None:
    noise = np.random.default_rng(0).standard_normal((16, 100)).astype(np.float32)
    assert np.array_equal(receive_diffuse(receiver_of(ReceiverSettings(order=2), 0, "train", "a"), noise), noise[:9])


def test_arrays_hear_at_48_khz(room: Room, placement: Placement) -> None:
    with pytest.raises(ValueError, match="44100"):
        receive_response(room, placement, receiver_of(TETRAHEDRON, 0, "train", "a"), seed=SEED, sample_rate=44_100)


def uneven_response(room: Room, placement: Placement) -> NDArray[np.float32]:
    """A response whose filters go through all of linear algebra that there is, made afresh."""
    _filtered_receiver.cache_clear()
    settings = ReceiverSettings(kind="array", array="zylia", order=2, tolerance_db=1.0)
    return receive_response(room, placement, receiver_of(settings, 0, "train", "a"), seed=SEED).samples


def test_samples_are_the_same_for_any_number_of_threads(room: Room, placement: Placement) -> None:
    with threadpool_limits(1):
        one = uneven_response(room, placement)
    with threadpool_limits(4):
        assert np.array_equal(uneven_response(room, placement), one)
