"""Conventions are proven: each wrong one is refused and the right one named, and right sets pass, however small."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from transforms.rooms.measured.direct_sound import Intensity
from transforms.rooms.measured.files import MeasuredUnusable
from transforms.rooms.measured.proof import LEVELS_DB, Proof
from transforms.rooms.measured.response import RawResponse
from transforms.rooms.measured.settings import Conventions
from transforms.sofa.coordinates import System, from_angles

ACN, FUMA = Conventions("acn", "sn3d"), Conventions("fuma", "fuma")


def true_angles(count: int, seed: int = 0) -> list[tuple[float, float]]:
    draw = np.random.default_rng(seed)
    return [(draw.uniform(-180, 180), math.degrees(math.asin(draw.uniform(-0.7, 0.9)))) for _ in range(count)]


def proof_of(stated, measured, conventions=ACN, gain_db=0.0, others=None, error_deg=2.0, file="hall.sofa") -> Proof:
    """A set whose file states these angles, and whose direct sounds come from those."""
    proof, draw = Proof(), np.random.default_rng(1)
    for number, (said, heard) in enumerate(zip(stated, measured, strict=True)):
        vector = np.array(heard if len(heard) == 3 else from_angles(*heard))
        vector = vector + math.radians(error_deg) * draw.standard_normal(3) / math.sqrt(2)
        direction = tuple(float(part) for part in vector / np.linalg.norm(vector))
        other = {name: system.vector((*said, 1.0)) for name, system in System(True).others().items()}
        raw = RawResponse(
            file, f"{file}#{number}", "hall", None, from_angles(*said), np.zeros((4, 1)), 48_000.0,
            other_directions=other | (others[number] if others else {}),
        )  # fmt: skip
        proof.add(raw, conventions, Intensity(direction, gain_db + draw.normal(0, 0.2), 0.95))
    return proof


def xyz(angles, order):
    """What is measured if the channels hold x, y and z in another order."""
    return [tuple(from_angles(*one)[index] for index in order) for one in angles]


TRUE = true_angles(20)
UP = [(azimuth, abs(elevation)) for azimuth, elevation in TRUE]
WRONG = {
    "FuMa order read as ACN": (TRUE, xyz(TRUE, (2, 0, 1)), ACN, "directions fit FuMa W, X, Y, Z, not ACN; set"),
    "ACN order read as FuMa": (TRUE, xyz(TRUE, (1, 2, 0)), FUMA, "directions fit ACN W, Y, Z, X, not FuMa; set"),
    "clockwise": ([(-a, e) for a, e in TRUE], TRUE, ACN, "azimuth runs clockwise here"),
    "colatitude": ([(a, 90 - e) for a, e in UP], UP, ACN, "elevations fit colatitudes"),
    "radians": ([(math.radians(a), math.radians(e)) for a, e in TRUE], TRUE, ACN, "angles fit radians, not degrees"),
    "counted from the left": ([(a - 90, e) for a, e in TRUE], TRUE, ACN, "azimuth 0 is the left"),
    "counted from the right": ([(a + 90, e) for a, e in TRUE], TRUE, ACN, "azimuth 0 is the right"),
    "x and y swapped": ([(90 - a, e) for a, e in TRUE], TRUE, ACN, "x and y are swapped here"),
    "turned by 180": ([(a + 180, e) for a, e in TRUE], TRUE, ACN, "azimuth 0 is the back"),
    "upside down": ([(-a, -e) for a, e in TRUE], TRUE, ACN, "the microphone hangs upside down"),
    "exchanged": ([(a + 180, -e) for a, e in TRUE], TRUE, ACN, "source and listener are exchanged"),
    "downwards": ([(a, -e) for a, e in TRUE], TRUE, ACN, "elevation runs downwards here"),
    "FuMa order and clockwise": (
        [(-a, e) for a, e in TRUE], xyz(TRUE, (2, 0, 1)), ACN, "FuMa W, X, Y, Z, not ACN, and azimuth runs clockwise"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_convention_is_refused_and_the_right_one_named(name):
    stated, measured, conventions, expected = WRONG[name]
    with pytest.raises(MeasuredUnusable, match=re.escape(expected)) as refused:
        proof_of(stated, measured, conventions).judge()
    assert str(refused.value).startswith("responses of hall.sofa: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("stated", "true"), [(a, b) for a in LEVELS_DB for b in LEVELS_DB if a != b])
def test_a_wrong_normalisation_is_refused_and_the_right_one_named(stated, true):
    proof = proof_of(TRUE, TRUE, Conventions("acn", stated), LEVELS_DB[true] - LEVELS_DB[stated])
    with pytest.raises(MeasuredUnusable, match=rf"set rooms\.measured_normalisation={true}$"):
        proof.judge()


def test_an_order_that_brings_another_usual_normalisation_names_both():
    with pytest.raises(MeasuredUnusable, match=r"measured_channels=fuma and set rooms\.measured_normalisation=sn3d$"):
        proof_of(TRUE, xyz(TRUE, (2, 0, 1)), ACN).judge()


def test_a_view_that_the_positions_have_already_is_named():
    turned = [(azimuth - 90, elevation) for azimuth, elevation in TRUE]
    others = [{"unturned": from_angles(*one)} for one in TRUE]
    with pytest.raises(MeasuredUnusable, match="as if the listener were not turned"):
        proof_of(turned, TRUE, others=others).judge()


def test_directions_that_fit_nothing_are_refused():
    with pytest.raises(MeasuredUnusable, match="directions fit no convention that is known"):
        proof_of(TRUE, true_angles(20, seed=9)).judge()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 20])
@pytest.mark.parametrize("error_deg", [0.0, 10.0])
def test_right_sets_pass_however_small(count, error_deg):
    for seed in range(5):
        angles = true_angles(count, seed)
        proof_of(angles, angles, error_deg=error_deg).judge()


@pytest.mark.parametrize("angles", [[(0.0, 0.0)] * 8, [(azimuth, 0.0) for azimuth in (-20.0, -10.0, 0.0, 10.0, 20.0)]])
def test_a_set_in_front_passes_and_says_what_it_cannot_tell(angles):
    said = []
    proof_of(angles, angles).judge(said.append)
    (line,) = said
    assert line.startswith(f"responses of hall.sofa: {len(angles)} directions cannot tell")
    assert "which way azimuth runs" in line
    assert "up from down" in line


def test_a_file_of_one_response_is_judged_with_the_others():
    proof, said = Proof(), []
    for number, one in enumerate(TRUE):
        part = proof_of([(-one[0], one[1])], [one], file=f"{number:02d}.sofa")
        proof._groups |= part._groups
    with pytest.raises(MeasuredUnusable, match=r"^responses of 00\.sofa and 19 other files: azimuth runs clockwise"):
        proof.judge(said.append)
