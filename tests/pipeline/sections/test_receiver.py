"""The section `receiver` of a recipe: its hash at the defaults, arrays and heads of one's own, impossible values."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from pipeline.recipe import Recipe, RecipeError, load_recipe, load_release_recipe, parse_recipe, with_added_keys
from tests.transforms.receivers.heads import sphere_head, write_sofa
from transforms.receivers.receiver import FIRST_ORDER

#: Eight cardioids at the corners of a cube.
CUBE = {
    "radius_m": 0.02,
    "baffle": "open",
    "pattern": 0.5,
    "capsules": [
        {"azimuth_deg": azimuth_deg, "elevation_deg": elevation_deg}
        for azimuth_deg in (45.0, 135.0, -135.0, -45.0)
        for elevation_deg in (35.26, -35.26)
    ],
}


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sofa(tmp_path_factory.mktemp("heads") / "sphere.sofa", *sphere_head(30.0))


def of_array(tmp_path: Path, **values: object) -> Recipe:
    path = tmp_path / "cube.yaml"
    path.write_text(yaml.safe_dump({**CUBE, **values}))
    return load_recipe("folder", ("receiver.kind=array", f"receiver.array={path}"))


def as_release(recipe: Recipe, folder: Path) -> Path:
    folder.mkdir()
    (folder / "recipe.yaml").write_text(recipe.to_yaml())
    return folder


def test_at_the_defaults_the_hash_is_that_of_recipes_without_a_receiver() -> None:
    recipe = load_recipe("demo")
    assert recipe.sha256() == "76332f3ca8266f1243ee03c1e1b2d8eeb68c112825acc881002bee56da84fcca"
    assert recipe.room_receivers().settings == FIRST_ORDER.settings
    older = recipe.model_dump(mode="json")
    del older["receiver"]
    assert parse_recipe(older).sha256() == recipe.sha256()
    assert with_added_keys(older) == recipe.model_dump(mode="json")
    assert load_recipe("demo", ("receiver.order=2",)).sha256() != recipe.sha256()


def test_an_array_of_ones_own_is_in_the_resolved_recipe_and_its_file_is_not_needed_again(tmp_path: Path) -> None:
    recipe = of_array(tmp_path)
    release = as_release(recipe, tmp_path / "release")
    (tmp_path / "cube.yaml").unlink()
    again = load_release_recipe(str(release))
    assert again.sha256() == recipe.sha256()
    assert again.room_receivers() == recipe.room_receivers()
    assert len(again.receiver.settings().array_description.capsules) == 8  # type: ignore[union-attr]
    assert of_array(tmp_path, radius_m=0.03).sha256() != recipe.sha256()


def test_a_head_is_named_with_its_hash_and_its_file_is_set_again_for_a_release(head: Path, tmp_path: Path) -> None:
    recipe = load_recipe("folder", ("receiver.kind=binaural", f"receiver.head={head}"))
    assert recipe.receiver.head == "sphere.sofa"
    assert recipe.receiver.head_sha256 == hashlib.sha256(head.read_bytes()).hexdigest()
    assert recipe.room_receivers().settings.head.path == str(head)  # type: ignore[union-attr]
    release = as_release(recipe, tmp_path / "release")
    assert str(head.parent) not in (release / "recipe.yaml").read_text()
    unset = load_release_recipe(str(release))
    assert unset.sha256() == recipe.sha256()
    with pytest.raises(RecipeError, match=r"receiver\.head: where is 'sphere\.sofa'"):
        unset.room_receivers()
    again = load_release_recipe(str(release), (f"receiver.head={head}",))
    assert again.room_receivers() == recipe.room_receivers()
    moved = tmp_path / "another name.sofa"
    moved.write_bytes(head.read_bytes())
    assert load_recipe("folder", ("receiver.kind=binaural", f"receiver.head={moved}")).sha256() == recipe.sha256()


def test_another_head_under_the_same_name_is_refused_for_a_release(head: Path, tmp_path: Path) -> None:
    release = as_release(load_recipe("folder", ("receiver.kind=binaural", f"receiver.head={head}")), tmp_path / "r")
    other = write_sofa(tmp_path / "sphere.sofa", *sphere_head(45.0))
    with pytest.raises(RecipeError, match="holds other files than"):
        load_release_recipe(str(release), (f"receiver.head={other}",))


def test_the_recipe_of_a_release_reads_no_file_of_a_receiver(tmp_path: Path) -> None:
    def receivers_of(**receiver: str) -> None:
        parse_recipe({**load_recipe("folder").model_dump(mode="json"), "receiver": receiver}).room_receivers()

    path = tmp_path / "cube.yaml"
    path.write_text(yaml.safe_dump(CUBE))
    with pytest.raises(RecipeError, match="holds any other array itself"):
        receivers_of(kind="array", array=str(path))
    with pytest.raises(RecipeError, match="where is"):
        receivers_of(kind="binaural", head=str(path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("order=0",), "receiver: order: 0; from 1 to 3"),
        (("order=4",), "receiver: order: 4; from 1 to 3"),
        (("order=2.5",), "receiver.order"),
        (("order=true",), "receiver.order"),
        (("kind=mono",), "'ambisonics', 'array' or 'binaural'"),
        (("kind=array",), "array: name one of tetrahedron, zylia, em32"),
        (("kind=array", "array=cube"), "receiver.array: none of tetrahedron, zylia, em32, and no such file"),
        (("kind=array", "array=tetrahedron", "order=2"), "order: 2; the capsules of this array allow 1"),
        (("array=zylia",), "set kind to array, or array to null"),
        (("kind=array", "array={radius_m: 1}"), "receiver"),
        (("kind=binaural",), "head: binaural needs a SOFA file"),
        (("kind=binaural", "head=/nowhere.sofa"), "/nowhere.sofa: No such file"),
        (("kind=binaural", f"head={__file__}"), "test_receiver.py"),
        (("head_sha256=abc", "head=x"), "receiver"),
        (("noise_db=.nan",), "receiver.noise_db"),
        (("noise_db=12",), "noise_db: 12.0; from -200 to 0"),
        (("tolerance_db=1",), "only an array has capsules"),
        (("gain=1",), "no recipe key is named receiver.gain; there is kind, order"),
    ],
)
def test_impossible_receivers_are_one_line_that_names_the_key(settings: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe("folder", [f"receiver.{setting}" for setting in settings])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("receiver", [{"order": 2}, {"kind": "array", "array": "zylia"}])
def test_measured_rooms_are_those_of_their_own_microphone(receiver: dict[str, object]) -> None:
    values = load_recipe("folder").model_dump(mode="json")
    values["rooms"] |= {"measured": "hall", "measured_sha256": "0" * 64}
    parse_recipe(values)
    with pytest.raises(RecipeError, match=r"^recipe key rooms\.measured: responses are those of the microphone"):
        parse_recipe({**values, "receiver": receiver})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("receiver.order=2", "scenes.moving_share=0.5"), None),
        (
            ("receiver.kind=array", "receiver.array=zylia", "scenes.moving_share=0.5"),
            "recipe key receiver.kind: array; sources can move around ideal ambisonics alone",
        ),
        (("receiver.noise_db=-60", "audio.stems=wet"), "recipe key receiver.noise_db: stems with the room do not add"),
        (("receiver.noise_db=-60", "audio.stems=direct"), None),
    ],
)
def test_a_receiver_that_does_not_fit_other_sections_is_one_line(
    settings: tuple[str, ...], message: str | None
) -> None:
    if message is None:
        load_recipe("folder", settings)
        return
    with pytest.raises(RecipeError) as refused:
        load_recipe("folder", settings)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)
