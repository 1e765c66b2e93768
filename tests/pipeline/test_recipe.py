"""Recipes: shipped ones load, settings lie over them, and the hash is of what decides samples and words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.recipe import RecipeError, load_recipe, load_release_recipe
from pipeline.shipped import shipped_recipes
from prompts import STYLES
from tests.layouts import write_tree


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_loads_and_says_what_it_is(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert len(shipped_recipes()[name]) > 20
    written = tmp_path / "recipe.yaml"
    written.write_text(recipe.to_yaml())
    assert load_recipe(str(written)) == recipe
    assert load_recipe(str(written)).sha256() == recipe.sha256()


def test_settings_lie_over_the_recipe() -> None:
    recipe = load_recipe("folder", ["seed=5", "augmentations.train=3", "caption.base_url=http://127.0.0.1:1/v1"])
    assert (recipe.seed, recipe.augmentations.train, recipe.augmentations.test) == (5, 3, 1)
    assert recipe.caption.base_url == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("setting", ["seed=1", "audio.level=peak", "caption.tries=2", "rooms.test=9", "limit=3"])
def test_what_decides_the_release_changes_the_hash(setting: str) -> None:
    assert load_recipe("folder", [setting]).sha256() != load_recipe("folder").sha256()


@pytest.mark.parametrize(
    "setting", ["caption.concurrency=99", "caption.timeout_s=3", "caption.base_url=http://localhost:9/v1"]
)
def test_what_only_changes_how_a_build_runs_does_not(setting: str) -> None:
    assert load_recipe("folder", [setting]).sha256() == load_recipe("folder").sha256()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("- a list", "mapping"),
        ("name: [", "YAML"),
        ("name: x", "source"),
        ("name: x\nsource: nowhere", "nowhere"),
        ("name: 'a/b'\nsource: folder", "name"),
        ("name: x\nsource: folder\nseed: many", "seed"),
        ("name: x\nsource: folder\naudio: {min_duration_s: .inf}", "min_duration_s"),
        ("name: x\nsource: folder\nselect: {split_shares: {train: 0.5}}", "0.5 together, not 1"),
        ("name: x\nsource: folder\nselect: {split_shares: {train: 2, test: -1}}", "split_shares"),
        ("name: x\nsource: folder\ncaption: {base_url: 'http://me:secret@host/v1'}", "OPENAI_API_KEY"),
    ],
)
def test_a_recipe_that_cannot_be_used_says_why_in_one_line(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=named) as error:
        load_recipe(str(path))
    assert "\n" not in str(error.value)


def test_ranges_of_rooms_and_scenes_are_resolved_and_checked() -> None:
    recipe = load_recipe("folder", ["rooms.ranges.floor_area_max_m2=50", "scenes.ranges.distance_max_m=2"])
    assert recipe.room_supply().ranges.floor_area_max_m2 == 50
    assert recipe.room_supply().ranges.floor_area_min_m2 == 13.3
    assert recipe.scene_ranges().distance_max_m == 2
    assert "height_max_m" in recipe.to_yaml()
    for setting, named in (
        ("rooms.ranges.depth_m=3", "depth_m"),
        ("rooms.ranges.floor_area_max_m2=1", "floor_area"),
        ("scenes.ranges.distance_min_m=9", "distance_min_m"),
        ("scenes.ranges.distance_min_m=near", "distance_min_m"),
    ):
        with pytest.raises(RecipeError, match=named):
            load_recipe("folder", [setting])


@pytest.mark.parametrize(
    "setting",
    [
        "augmentations.train=1000000000000",
        "rooms.train=1000000000000",
        "audio.min_duration_s=1e12",
        "audio.max_duration_s=1e12",
        "rooms.ranges.t30_max_ms=1e9",
        "rooms.ranges.height_max_m=1e9",
        "rooms.ranges.floor_area_max_m2=1e12",
    ],
)
def test_a_size_that_no_machine_builds_is_refused(setting: str) -> None:
    with pytest.raises(RecipeError, match=r"recipe key (augmentations|rooms|audio)"):
        load_recipe("folder", [setting])


def test_a_list_of_rooms_with_many_columns_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "rooms.csv"
    path.write_text("room_id" + "".join(f",c{number}" for number in range(50_000)) + "\n" + "a\n" * 20_000)
    with pytest.raises(RecipeError, match="the list: no column is named c0"):
        load_recipe("folder", [f"rooms.file={path}"])


def test_a_file_of_own_rooms_is_resolved_into_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "rooms.csv"
    path.write_text("room_id,split,length_m,width_m,height_m,t30_ms\nhall,train,20,12,6,1800\n")
    recipe = load_recipe("folder", [f"rooms.file={path}"])
    assert recipe.rooms.file is None
    assert recipe.room_supply().room("train", 0).room_id == "hall"
    written = tmp_path / "recipe.yaml"
    written.write_text(recipe.to_yaml())
    path.unlink()
    assert load_recipe(str(written)).sha256() == recipe.sha256() != load_recipe("folder").sha256()
    with pytest.raises(RecipeError, match="rooms"):
        load_recipe("folder", [f"rooms.file={path}"])


def test_lists_of_clips_to_exclude_are_resolved_into_ids(tmp_path: Path) -> None:
    listed = tmp_path / "ids.txt"
    listed.write_text("30\n7\nhttps://freesound.org/s/11/\n")
    recipe = load_recipe("spatial-freesound", [f"select.exclude=[{listed}, 7, 200]"])
    assert recipe.select.exclude == ["7", "11", "30", "200"]
    written = tmp_path / "recipe.yaml"
    written.write_text(recipe.to_yaml())
    listed.rename(tmp_path / "elsewhere.txt")
    moved = load_recipe("spatial-freesound", [f"select.exclude=[{tmp_path / 'elsewhere.txt'}, '200']"])
    # By what the lists hold, not by where they lie.
    assert load_recipe(str(written)).sha256() == recipe.sha256() == moved.sha256()
    assert recipe.sha256() != load_recipe("spatial-freesound").sha256()


def test_licences_that_are_let_in_have_one_name_and_splits_are_the_three() -> None:
    recipe = load_recipe(
        "spatial-freesound", ["select.licenses=[cc0, 'Attribution 4.0']", "select.splits.holdout=test"]
    )
    assert recipe.select.licenses == ["CC-BY-4.0", "CC0-1.0"]
    assert recipe.select.splits == {"holdout": "test"}
    assert recipe.sha256() != load_recipe("spatial-freesound").sha256()


@pytest.mark.parametrize(
    ("recipe", "setting", "named"),
    [
        ("spatial-freesound", "select.exclude=/no/such/list", "select.exclude"),
        ("spatial-freesound", "select.exclude=3.5", "select.exclude"),
        ("spatial-freesound", "select.licenses=3", "select.licenses"),
        ("spatial-freesound", "select.splits.x=holdout", "select.splits.x"),
        ("spatial-freesound", "select.only=3", "select.only"),
        ("spatial-audiocaps", "select.exclude=[7]", "audiocaps has none"),
    ],
)
def test_a_selection_that_cannot_be_used_is_named(recipe: str, setting: str, named: str) -> None:
    with pytest.raises(RecipeError, match=named) as error:
        load_recipe(recipe, [setting])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["spatial-audiocaps", "spatial-clotho", "spatial-freesound"])
def test_the_paper_s_recipes_have_its_versions_and_its_rooms(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.caption.writer == "openai"
    # ELSA, section 3: at least two spatial versions of a training clip, and of each clip of the larger evaluation sets.
    assert min(recipe.augmentations.of(split) for split in ("train", "validation", "test")) >= 2
    # ELSA, appendix A.1: 8,952 rooms for training and validation together, 4,970 for the test.
    assert recipe.rooms.train + recipe.rooms.validation == 8952
    assert recipe.rooms.test == 4970


@pytest.mark.parametrize(
    ("setting", "prompt"),
    [
        ("caption.prompt=styles", list(STYLES)),
        ("caption.prompt=[paper,place]", ["paper", "place"]),
        ("caption.prompt=[paper, styles]", ["paper", *STYLES]),
        ("caption.prompt=[paper]", "paper"),
    ],
)
def test_a_list_of_prompts_is_resolved_into_the_recipe(setting: str, prompt: str | list[str], tmp_path: Path) -> None:
    recipe = load_recipe("folder", [setting, "caption.versions=3"])
    assert recipe.caption.prompt == prompt
    written = tmp_path / "recipe.yaml"
    written.write_text(recipe.to_yaml())
    assert load_recipe(str(written)) == recipe
    assert load_recipe(str(written)).sha256() == recipe.sha256()


@pytest.mark.parametrize("named", ["{}", "[place, {}]"])
def test_a_prompt_out_of_a_file_is_in_the_release_which_needs_no_file(named: str, tmp_path: Path) -> None:
    # verify and reproduce failed where the file was not.
    mine = tmp_path / "mine.txt"
    mine.write_bytes(
        b"---\r\nname: mine\r\nversion: 3\r\ntemperature: 0\r\nmax_tokens: 9\r\n---\r\nSay {caption}\x85.\r\n"
    )
    mine.write_bytes(mine.read_bytes().replace(b"\x85", "\x85 \ufeff".encode()))
    settings = ["caption.writer=openai", f"caption.prompt={named.format(mine)}"]
    recipe = load_recipe("folder", settings)
    prompts = recipe.caption_job().questions().prompts
    written = tmp_path / "recipe.yaml"
    written.write_text(recipe.to_yaml(), encoding="utf-8")
    mine.rename(tmp_path / "elsewhere.txt")
    again = load_recipe(str(written))
    assert again == recipe
    assert again.sha256() == recipe.sha256()
    assert again.caption_job().questions().prompts == prompts
    assert str(tmp_path) not in written.read_text(encoding="utf-8")
    moved = ["caption.writer=openai", f"caption.prompt={named.format(tmp_path / 'elsewhere.txt')}"]
    assert load_recipe("folder", moved).sha256() == recipe.sha256()
    (tmp_path / "elsewhere.txt").write_text(
        "---\nname: mine\nversion: 3\ntemperature: 0\nmax_tokens: 9\n---\n{caption}"
    )
    assert load_recipe("folder", moved).sha256() != recipe.sha256()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("caption.prompt=[]", "caption.prompt: the list of prompts is empty; known are styles, "),
        ("caption.prompt=[place, nonsense]", "caption.prompt: no prompt 'nonsense': neither a file nor one of "),
        ("caption.prompt=[place, place]", "caption.prompt: the prompt 'place' is in the list twice"),
        ("caption.prompt=[place, 3]", "caption.prompt: takes the name or the path of a prompt, or a list of them"),
        ("caption.prompt={a: 1}", "caption.prompt: takes the name or the path of a prompt, or a list of them"),
        ("caption.prompt=", "caption.prompt: takes the name or the path of a prompt, or a list of them"),
        ("caption.versions=0", "caption.versions: Input should be greater than or equal to 1"),
        ("caption.versions=21", "caption.versions: Input should be less than or equal to 20"),
        ("caption.versions=many", "caption.versions: Input should be a valid integer"),
    ],
)
def test_prompts_and_versions_that_cannot_be_used_say_why_in_one_line(setting: str, says: str) -> None:
    with pytest.raises(RecipeError) as error:
        load_recipe("folder", [setting])
    assert str(error.value).startswith(f"recipe key {says}")
    assert "\n" not in str(error.value)


def test_prompts_and_versions_change_the_hash() -> None:
    settings: list[list[str]] = [
        [],
        ["caption.versions=2"],
        ["caption.prompt=[place, paper]"],
        ["caption.prompt=paper"],
    ]
    assert len({load_recipe("folder", one).sha256() for one in settings}) == 4


def test_a_section_that_came_later_leaves_the_hash_of_older_releases_alone() -> None:
    # What releases of the demo stated before there was `select`.
    before = "150b9a3aae2de0944b4e626a61a5d6fd28d1413ec0d95f7d7a743e134377ef8a"
    # The demo has had more tries and a few scenes since then.
    assert load_recipe("demo", ["caption.tries=4", "scenes={}"]).sha256() == before
    assert (
        load_recipe("spatial-freesound", ["select.licenses=[CC0-1.0]"]).sha256()
        != load_recipe("spatial-freesound").sha256()
    )


def test_a_key_that_came_later_leaves_the_hash_of_older_releases_alone() -> None:
    # What recipes stated before there was `select.split_shares`.
    assert load_recipe("folder").sha256() == "be098e14c34834ef7c0ee7f909c2cac1884b760d55001a7210db0085aa7f5d35"
    shares = ["select.split_shares={validation: 0.1, test: 0.1, train: 0.8}"]
    assert load_recipe("folder", shares).sha256() == load_recipe("folder").sha256()
    assert load_recipe("folder", ["select.split_shares.train=1"]).sha256() != load_recipe("folder").sha256()


@pytest.mark.parametrize(
    ("settings", "splits"),
    [
        ([], {"train", "validation", "test"}),
        (["select.split_shares={train: 0.5, test: 0.5}"], {"train", "test"}),
        (["select.split_shares.train=1"], {"train"}),
        # A clip of a split that has no rooms or no rows would be lost.
        (["rooms.validation=0"], {"train", "test"}),
        (["augmentations.test=0"], {"train", "validation"}),
    ],
)
def test_clips_without_a_split_go_where_the_recipe_makes_rows(
    settings: list[str], splits: set[str], tmp_path: Path
) -> None:
    names = [f"{number}.wav" for number in range(30)]
    write_tree(tmp_path, dict.fromkeys(names, b"1"))
    (tmp_path / "metadata.csv").write_text("".join(["file_name,caption\n", *(f"{name},A dog\n" for name in names)]))
    listing = load_recipe("folder", settings).list_input(str(tmp_path))
    assert {clip.split for clip in listing.clips} == splits
    assert sum(listing.dealt.values()) == 30


@pytest.mark.slow
def test_a_recipe_is_read_without_beam_and_without_numerics() -> None:
    # A typo on the command line was answered after the seconds that these take to import.
    slow = ("apache_beam", "scipy", "soundfile", "pyroomacoustics", "pandas", "torch")
    script = (
        "import sys; from pipeline.recipe import load_recipe; load_recipe('folder', ['rooms.train=9', 'limit=5']);"
        f"print([name for name in {slow!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_release_of_before_keeps_all_clips_without_a_split_in_train(tmp_path: Path) -> None:
    write_tree(tmp_path / "in", {f"{number}.wav": b"1" for number in range(30)})
    lines = ["file_name,caption\n", *(f"{number}.wav,A dog\n" for number in range(30))]
    (tmp_path / "in" / "metadata.csv").write_text("".join(lines))
    recipe = load_recipe("folder")
    text = recipe.to_yaml()
    write_tree(tmp_path / "new", {"recipe.yaml": text.encode()})
    older = re.sub(r"  split_shares:\n(?:    \w+: [\d.]+\n)+", "", text)
    assert older != text
    write_tree(tmp_path / "older", {"recipe.yaml": older.encode()})
    (new, old) = (load_release_recipe(str(tmp_path / name)) for name in ("new", "older"))
    assert new.sha256() == old.sha256() == recipe.sha256()
    assert {clip.split for clip in old.list_input(str(tmp_path / "in")).clips} == {"train"}
    assert len({clip.split for clip in new.list_input(str(tmp_path / "in")).clips}) == 3
    # What goes on in that folder stays what it was.
    assert old.to_yaml() == older


PASSWORD = "hunter2/with#marks"


@pytest.mark.parametrize(
    "setting",
    [
        f"caption.base_url=https://me:{PASSWORD}@models.example/v1",
        f"caption.base_url=https://{PASSWORD}@models.example/v1",
        f"caption.base_url=https://models.example/v1?key={PASSWORD}",
        f"caption.base_url=https://models.example/v1#{PASSWORD}",
        f"caption.base_url=ftp://me:{PASSWORD}@models.example/v1",
        f"caption.base_url=me:{PASSWORD}@models.example",
        # In the wrong key, and in no key at all.
        f"caption=https://me:{PASSWORD}@models.example/v1",
        f"caption.tries=https://me:{PASSWORD}@models.example/v1",
        f"caption.address=https://me:{PASSWORD}@models.example/v1",
        f"https://me:{PASSWORD}@models.example/v1",
    ],
)
def test_a_password_in_an_address_is_refused_and_never_repeated(setting: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("folder", [setting])
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_no_yaml_is_named_by_line_without_its_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nsource: folder\ncaption: {base_url: https://me:hunter2@models.example/v1: no}\n")
    with pytest.raises(RecipeError, match="line 3") as caught:
        load_recipe(str(path))
    assert "hunter2" not in str(caught.value)


def test_other_values_are_still_shown() -> None:
    with pytest.raises(RecipeError, match=r"got 'many'"):
        load_recipe("folder", ["caption.tries=many"])
    with pytest.raises(RecipeError, match=r"got 'models.example'"):
        load_recipe("folder", ["caption.base_url=models.example"])


@pytest.mark.parametrize("setting", ["augmentations.train=1000000000000", "augmentations.test=10001"])
def test_versions_of_a_clip_fit_into_a_shard(setting: str) -> None:
    # A plan of 10**12 rows hung.
    with pytest.raises(RecipeError, match=r"recipe key augmentations\.\w+: .*10000"):
        load_recipe("folder", [setting])
