"""Heads from SOFA files: differences between the ears, frames and units, and files that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sofar_process import write_sofar
from tests.transforms.receivers.heads import ear_spectra, sphere_head, write_sofa
from transforms.own_process import ProcessCrashed
from transforms.receivers import head_file
from transforms.receivers.head_file import Head, HeadUnusable, find_head, read_head
from transforms.receivers.head_receiver import HeadFilters, head_filters
from transforms.receivers.receive import receive_diffuse
from transforms.receivers.receiver import receiver_of
from transforms.receivers.settings import HeadFile, ReceiverSettings
from transforms.rooms.diffuse_tail import white_noise

RATE = 48_000
FREQUENCIES_HZ = np.arange(100.0, 8000.0, 50.0)
Fields = dict[str, Any]
Attributes = dict[tuple[str | None, str], str]


@pytest.fixture(scope="module")
def sphere() -> tuple[Fields, Attributes]:
    return sphere_head(7.5)


@pytest.fixture(scope="module")
def small() -> tuple[Fields, Attributes]:
    return sphere_head(30.0)


def read(path: Path, fields: Fields, attributes: Attributes) -> Head:
    return read_head(find_head(str(write_sofa(path / "head.sofa", fields, attributes))))


def time_difference_us(ears: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Of the ears (directions, 2, frequencies): how much later the right one hears, below 1.5 kHz."""
    low = FREQUENCIES_HZ < 1500.0
    phase = np.unwrap(np.angle(ears[:, 0, low] * ears[:, 1, low].conj()), axis=1)
    slope = np.sum(phase * FREQUENCIES_HZ[low], axis=1) / np.sum(FREQUENCIES_HZ[low] ** 2)
    return np.asarray(slope / (2 * np.pi) * 1e6)


def level_difference_db(ears: NDArray[np.complex128]) -> NDArray[np.float64]:
    power = np.sum(np.abs(ears) ** 2, axis=2)
    return np.asarray(10.0 * np.log10(power[:, 0] / power[:, 1]))


def differences(filters: HeadFilters, direction: NDArray[np.float64]) -> tuple[float, float]:
    """The largest errors in µs and dB against the sphere's own ears."""
    found = filters.table.gains(direction, FREQUENCIES_HZ, RATE)
    own = ear_spectra(direction, FREQUENCIES_HZ)
    return (
        float(np.abs(time_difference_us(found) - time_difference_us(own)).max()),
        float(np.abs(level_difference_db(found) - level_difference_db(own)).max()),
    )


def coherence(ears: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The real coherence of both ears at each frequency, over spectra (n, ears, frequencies)."""
    power = np.mean(np.abs(ears) ** 2, axis=0)
    return np.asarray(np.mean(ears[:, 0] * ears[:, 1].conj(), axis=0).real / np.sqrt(power[0] * power[1]))


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_ears_differ_as_the_head_s_own(tmp_path: Path, sphere: tuple[Fields, Attributes], rate: int) -> None:
    head = read(tmp_path, *(sphere if rate == RATE else sphere_head(15.0, rate)))
    filters = head_filters(head, RATE)
    time_us, level_db = differences(filters, head.direction[::9])
    assert (time_us < 0.5, level_db < 0.05) == (True, True)
    if rate == RATE:
        between = np.random.default_rng(0).standard_normal((100, 3))
        time_us, level_db = differences(filters, between / np.linalg.norm(between, axis=1, keepdims=True))
        assert (time_us < 10.0, level_db < 0.5) == (True, True)


def test_the_left_ear_hears_the_left_first_and_louder(tmp_path: Path, small: tuple[Fields, Attributes]) -> None:
    filters = head_filters(read(tmp_path, *small), RATE)
    ears = filters.table.gains(np.array([[0.0, 1.0, 0.0]]), FREQUENCIES_HZ, RATE)
    assert level_difference_db(ears)[0] > 3.0
    assert time_difference_us(ears)[0] > 500.0


def turned(fields: Fields, attributes: Attributes) -> None:
    """The listener looks to the left of the file's frame, and stands elsewhere in it."""
    azimuth_deg, elevation_deg, distance_m = fields["SourcePosition"].T
    angle, up = np.radians(azimuth_deg + 90.0), np.radians(elevation_deg)
    around = np.stack([np.cos(angle) * np.cos(up), np.sin(angle) * np.cos(up), np.sin(up)], axis=1)
    fields["SourcePosition"] = distance_m[:, None] * around + [1.0, 2.0, 3.0]
    fields["ListenerPosition"] = np.array([[1.0, 2.0, 3.0]])
    fields["ListenerView"] = np.array([[0.0, 5.0, 0.0]])
    fields["ListenerUp"] = np.array([[0.0, 0.1, 1.0]])
    attributes[("SourcePosition", "Type")] = "cartesian"
    attributes[("SourcePosition", "Units")] = "metre"


def in_radians(fields: Fields, attributes: Attributes) -> None:
    fields["SourcePosition"][:, :2] = np.radians(fields["SourcePosition"][:, :2])
    attributes[("SourcePosition", "Units")] = "radian, radian, metre"


def view_in_degrees(fields: Fields, attributes: Attributes) -> None:
    fields["SourcePosition"][:, 0] += 90.0
    fields["ListenerView"] = np.array([[90.0, 0.0, 1.0]])
    attributes[("ListenerView", "Type")] = "spherical"
    attributes[("ListenerView", "Units")] = "degree, degree, metre"
    fields["ListenerUp"] = np.array([[0.0, 90.0, 1.0]])


def ears_swapped(fields: Fields, attributes: Attributes) -> None:
    fields["ReceiverPosition"] = fields["ReceiverPosition"][::-1].copy()
    fields["Data.IR"] = fields["Data.IR"][:, ::-1]


def delayed(fields: Fields, attributes: Attributes) -> None:
    """Both ears' delays stand in the file, and not in the impulse responses."""
    fields["Data.IR"] = np.stack([fields["Data.IR"][:, 0], np.roll(fields["Data.IR"][:, 1], -7, axis=1)], axis=1)
    fields["Data.Delay"] = np.array([[0.0, 7.0]])


@pytest.mark.parametrize("change", [turned, in_radians, view_in_degrees, ears_swapped, delayed])
def test_every_way_to_write_a_head_gives_the_same(
    tmp_path: Path, small: tuple[Fields, Attributes], change: Callable[[Fields, Attributes], None]
) -> None:
    fields, attributes = ({key: np.array(value) for key, value in small[0].items()}, dict(small[1]))
    change(fields, attributes)
    head = read(tmp_path, fields, attributes)
    time_us, level_db = differences(head_filters(head, RATE), head.direction)
    assert (time_us < 0.5, level_db < 0.05) == (True, True)


def test_a_file_of_sofar_s_is_read(tmp_path: Path, small: tuple[Fields, Attributes]) -> None:
    path = write_sofar(
        tmp_path / "head.sofa",
        "SimpleFreeFieldHRIR",
        Data_IR=small[0]["Data.IR"],
        Data_SamplingRate=RATE,
        SourcePosition=small[0]["SourcePosition"],
        ReceiverPosition=[[0, 0.09, 0], [0, -0.09, 0]],
    )
    head = read_head(find_head(str(path)))
    assert np.allclose(head.impulses, small[0]["Data.IR"])


def changed(name: str, value: Any) -> Callable[[Fields, Attributes], None]:
    return lambda fields, attributes: fields.__setitem__(name, value)


def told(name: str | None, attribute: str, text: str) -> Callable[[Fields, Attributes], None]:
    return lambda fields, attributes: attributes.__setitem__((name, attribute), text)


def without(name: str) -> Callable[[Fields, Attributes], None]:
    def change(fields: Fields, attributes: Attributes) -> None:
        del fields[name]
        for key in [key for key in attributes if key[0] == name]:
            del attributes[key]

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (told(None, "SOFAConventions", "SingleRoomSRIR"), "SingleRoomSRIR"),
        (without("Data.IR"), "no variable Data.IR"),
        (without("SourcePosition"), "no variable SourcePosition"),
        (without("Data.SamplingRate"), "no variable Data.SamplingRate"),
        (changed("Data.IR", np.ones((20, 3, 64))), "two ears"),
        (changed("Data.IR", np.ones((4, 2, 64))), "4 directions"),
        (changed("Data.IR", np.ones((20, 2, 4))), "4 samples"),
        (changed("Data.IR", np.full((20, 2, 64), np.nan)), "not finite"),
        (changed("Data.IR", np.zeros((20, 2, 64))), "silent"),
        (changed("SourcePosition", np.ones((5, 3))), "SourcePosition"),
        (changed("SourcePosition", np.full((1, 3), np.inf)), "not finite"),
        (changed("SourcePosition", np.array([[0.0, 120.0, 1.0]])), "beyond 90; a colatitude"),
        (changed("ListenerView", np.zeros((1, 3))), "ListenerView has no direction"),
        (changed("ListenerUp", np.array([[1.0, 0.0, 0.0]])), "ListenerUp has no direction"),
        (changed("Data.SamplingRate", np.array([0.0])), "Data.SamplingRate"),
        (changed("Data.SamplingRate", np.array([np.nan])), "Data.SamplingRate"),
        (changed("Data.Delay", np.full((1, 2), 1e9)), "Data.Delay"),
        (changed("Data.Delay", np.full((1, 2), np.nan)), "Data.Delay"),
        (changed("ReceiverPosition", np.ones((4, 3, 1))), "ReceiverPosition"),
        (told("SourcePosition", "Type", "polar"), "polar"),
        (told("SourcePosition", "Units", "turns, turns, metre"), "turns"),
        (told("Data.SamplingRate", "Units", "kilohertz"), "kilohertz"),
    ],
)
def test_a_file_that_is_no_head_is_refused_in_one_line(
    tmp_path: Path, small: tuple[Fields, Attributes], change: Callable[[Fields, Attributes], None], named: str
) -> None:
    fields, attributes = dict(small[0]), dict(small[1])
    change(fields, attributes)
    with pytest.raises(HeadUnusable, match=named) as caught:
        read(tmp_path, fields, attributes)
    assert str(caught.value).startswith(f"{tmp_path / 'head.sofa'}: ")
    assert "\n" not in str(caught.value)


def test_hostile_and_missing_files_are_refused(tmp_path: Path, small: tuple[Fields, Attributes]) -> None:
    path = write_sofa(tmp_path / "head.sofa", *small)
    with h5py.File(path, "a") as file:
        del file["Data.IR"]
        file["Data.IR"] = h5py.ExternalLink("/etc/passwd", "/a")
    with pytest.raises(HeadUnusable, match="link"):
        find_head(str(path))
    (tmp_path / "text.sofa").write_text("no HDF5")
    with pytest.raises(HeadUnusable, match="no HDF5 file"):
        find_head(str(tmp_path / "text.sofa"))
    with pytest.raises(HeadUnusable, match="No such file"):
        find_head(str(tmp_path / "none.sofa"))


def test_a_file_that_crashes_its_library_is_refused(
    tmp_path: Path, small: tuple[Fields, Attributes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_sofa(tmp_path / "head.sofa", *small)

    def crash(*arguments: object, most_cpu_s: int) -> None:
        raise ProcessCrashed

    monkeypatch.setattr(head_file, "call_in_own_process", crash)
    with pytest.raises(HeadUnusable, match="it is damaged"):
        find_head(str(path))


def test_another_file_in_its_place_is_refused(tmp_path: Path, small: tuple[Fields, Attributes]) -> None:
    known = find_head(str(write_sofa(tmp_path / "head.sofa", *small)))
    with pytest.raises(HeadUnusable, match="has changed"):
        read_head(HeadFile(known.path, known.name, "0" * 64))


def test_half_a_sphere_is_refused(tmp_path: Path) -> None:
    known = find_head(str(write_sofa(tmp_path / "head.sofa", *sphere_head(30.0, lowest_deg=0.0))))
    with pytest.raises(HeadUnusable, match="half of the sphere"):
        receiver_of(ReceiverSettings(kind="binaural", head=known), 0, "train", "a")


def test_a_diffuse_field_has_the_coherence_of_both_ears(tmp_path: Path, sphere: tuple[Fields, Attributes]) -> None:
    head = find_head(str(write_sofa(tmp_path / "head.sofa", *sphere)))
    receiver = receiver_of(ReceiverSettings(kind="binaural", head=head), 0, "train", "a")
    noise = np.stack([white_noise(1, channel, 1 << 18) / np.sqrt(2 * (channel > 0) + 1) for channel in range(4)])
    ears = receive_diffuse(receiver, noise.astype(np.float32))
    assert ears.shape == (2, 1 << 18)
    frames = np.fft.rfft(ears.reshape(2, -1, 1024) * np.hanning(1024), axis=2)
    frequency_hz = np.fft.rfftfreq(1024, 1.0 / RATE)[:240]
    around = np.random.default_rng(0).standard_normal((2000, 3))
    own = ear_spectra(around / np.linalg.norm(around, axis=1, keepdims=True), frequency_hz)
    found, theory = coherence(np.moveaxis(frames[:, :, :240], 1, 0)), coherence(own)
    for low_hz in (100, 300, 600, 1200, 2400, 4800):
        band = (frequency_hz >= low_hz) & (frequency_hz < 2 * low_hz)
        assert found[band].mean() == pytest.approx(theory[band].mean(), abs=0.05)
