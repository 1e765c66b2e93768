"""Arrays of a user's own: YAML is read within limits, and what is wrong is named with its field."""

from __future__ import annotations

from pathlib import Path

import pytest

from transforms.receivers.array_description import array_of_values
from transforms.receivers.array_file import ArrayFileUnusable, read_array
from transforms.receivers.known_arrays import KNOWN_ARRAYS

GOOD = """
radius_m: 0.02
baffle: open
pattern: 0.5
order: 1
capsules:
  - {azimuth_deg: 45, elevation_deg: 35.26}
  - {azimuth_deg: -45, elevation_deg: -35.26}
  - {azimuth_deg: 135, elevation_deg: -35.26}
  - {azimuth_deg: -135, elevation_deg: 35.26}
"""


def read(tmp_path: Path, text: str) -> str:
    """The refusal of a file."""
    path = tmp_path / "array.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArrayFileUnusable) as caught:
        read_array(str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "array.yaml"
    path.write_text(GOOD, encoding="utf-8")
    array = read_array(str(path))
    assert (array.radius_m, array.pattern, len(array.capsules)) == (0.02, 0.5, 4)
    assert array_of_values(array.plain_values()) == array


@pytest.mark.parametrize("name", KNOWN_ARRAYS)
def test_a_resolved_recipe_holds_a_description(name: str) -> None:
    array = KNOWN_ARRAYS[name]
    assert array_of_values(array.plain_values()) == array


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("radius_m: 0.02", "radius_m: 2", "radius_m: 2.0"),
        ("radius_m: 0.02", "radius_m: .nan", "radius_m: nan"),
        ("radius_m: 0.02", "radius_m: wide", "radius_m: 'wide'"),
        ("radius_m: 0.02", "radius_m: true", "radius_m: 'True'"),
        ("radius_m: 0.02", "radius_cm: 2", "radius_cm: no such field"),
        ("radius_m: 0.02\n", "\n", "radius_m: missing"),
        ("baffle: open", "baffle: rigid", "pattern: 0.5"),
        ("baffle: open", "baffle: wood", "baffle: 'wood'"),
        ("pattern: 0.5", "pattern: 0", "pattern: 0"),
        ("order: 1", "order: 2", "capsules: 4 of them"),
        ("order: 1", "order: 1.5", "order: '1.5'"),
        ("order: 1", "gain_limit_db: 90", "gain_limit_db: 90"),
        ("order: 1", "name: [1]", "name: "),
        ("azimuth_deg: 45", "azimuth_deg: 1000", "capsules: capsule 1"),
        ("azimuth_deg: 45", "azimut: 45", "capsules: capsule 1"),
        ("elevation_deg: -35.26}\n  - {azimuth_deg: 135", "elevation_deg: left}\n  - {azimuth_deg: 135", "capsules: "),
        # All capsules in the horizontal plane hear nothing of up and down.
        ("35.26", "0", "capsules: they do not surround"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in GOOD
    assert read(tmp_path, GOOD.replace(old, new)).startswith(named)


@pytest.mark.parametrize(
    "text", ["", "7", "[]", "a: &a [*a]", "capsules: [", "radius_m: 0.02\nbaffle: open\ncapsules: {}\n", "\0"]
)
def test_what_is_no_description_is_refused(tmp_path: Path, text: str) -> None:
    read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArrayFileUnusable, match=r"none\.yaml: No such file"):
        read_array(str(tmp_path / "none.yaml"))
