"""Files of the user's own that a recipe names: the recipe keeps a name and a hash, and only the user's word is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands.arguments import UnusableArgument, refuse_other_settings
from pipeline.recipe import Recipe, RecipeError, load_recipe, load_release_recipe
from tests.sounds import encoded, noise_burst

LEVEL = ("scenes.ambience_snr_min_db=10", "scenes.ambience_snr_max_db=20")


def street(folder: Path, *, seed: int = 1) -> Path:
    folder.mkdir(parents=True)
    (folder / "cars.wav").write_bytes(encoded(noise_burst(0.5, seed=seed)))
    return folder


def with_ambience(folder: Path) -> Recipe:
    return load_recipe("folder", [*LEVEL, f"scenes.ambience={folder}"])


def stated(recipe: Recipe, release: Path) -> str:
    release.mkdir(exist_ok=True)
    (release / "recipe.yaml").write_text(recipe.to_yaml())
    return str(release)


def test_the_resolved_recipe_holds_the_name_and_the_hash_and_no_path(tmp_path: Path) -> None:
    recipe = with_ambience(street(tmp_path / "street"))
    assert recipe.scenes.ambience == "street"
    assert len(str(recipe.scenes.ambience_sha256)) == 64
    assert str(tmp_path) not in recipe.to_yaml()
    assert [clip.source_id for clip in recipe.ambience_recordings()] == ["cars.wav"]


def test_the_hash_of_the_recipe_depends_on_the_recordings_and_not_on_the_name_of_their_folder(tmp_path: Path) -> None:
    first, moved = with_ambience(street(tmp_path / "street")), with_ambience(street(tmp_path / "moved"))
    other = with_ambience(street(tmp_path / "other", seed=2))
    assert first.sha256() == moved.sha256() != other.sha256()
    noise = load_recipe("folder", LEVEL)
    assert noise.sha256() not in (first.sha256(), other.sha256())


def test_the_recipe_of_a_release_reads_nothing_until_the_user_says_where(tmp_path: Path) -> None:
    folder = street(tmp_path / "street")
    release = stated(with_ambience(folder), tmp_path / "release")
    assert load_release_recipe(release).sha256() == with_ambience(folder).sha256()
    with pytest.raises(RecipeError, match=r"scenes\.ambience: where is 'street'"):
        load_release_recipe(release).ambience_recordings()
    found = load_release_recipe(release, [f"scenes.ambience={folder}"])
    assert found.sha256() == with_ambience(folder).sha256()
    assert found.ambience_recordings() == with_ambience(folder).ambience_recordings()


def test_a_path_in_the_recipe_of_a_release_is_not_read(tmp_path: Path) -> None:
    folder = street(tmp_path / "street")
    text = with_ambience(folder).to_yaml().replace("ambience: street", f"ambience: {folder}")
    (tmp_path / "release").mkdir()
    (tmp_path / "release/recipe.yaml").write_text(text)
    with pytest.raises(RecipeError, match="where is"):
        load_release_recipe(str(tmp_path / "release")).ambience_recordings()


def test_other_recordings_than_those_of_the_release_are_refused(tmp_path: Path) -> None:
    release = stated(with_ambience(street(tmp_path / "street")), tmp_path / "release")
    other = street(tmp_path / "other", seed=2)
    with pytest.raises(RecipeError, match=r"other holds other files than those with the SHA-256"):
        load_release_recipe(release, [f"scenes.ambience={other}"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([*LEVEL, "scenes.ambience=/nowhere/street"], "no such folder"),
        ([*LEVEL, "scenes.ambience={empty}"], "holds no recording"),
        (["scenes.ambience={street}"], "needs ambience_snr_min_db"),
        ([*LEVEL, "scenes.ambience=[1]"], "scenes.ambience"),
    ],
)
def test_an_ambience_that_cannot_be_used_is_named_on_one_line(settings: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    folders = {"empty": tmp_path / "empty", "street": street(tmp_path / "street")}
    with pytest.raises(RecipeError) as caught:
        load_recipe("folder", [setting.format(**folders) for setting in settings])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_verify_and_reproduce_take_no_other_settings() -> None:
    refuse_other_settings(["scenes.ambience=street"])
    with pytest.raises(UnusableArgument, match="seed"):
        refuse_other_settings(["seed=3"])
