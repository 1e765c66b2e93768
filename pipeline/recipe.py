"""Recipes: the configuration of a build as small frozen models, checked on entry and with a stable hash."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.sections.audio import AudioSettings
from pipeline.sections.base import Section, SplitShares
from pipeline.sections.captions import CaptionSettings, ModelPrice
from pipeline.sections.own_files import AMBIENCE, HEAD, MEASURED, Reading
from pipeline.sections.receiver import ReceiverSection
from pipeline.sections.rooms import Rooms
from pipeline.sections.scenes import Scenes
from pipeline.sections.select import Augmentations, Select
from pipeline.shipped import shipped_recipe, shipped_recipes
from transforms.bounds.limits import MOST_RECIPE_BYTES, TABLE_BYTES, VALUE_BYTES
from transforms.bounds.yaml_values import YamlRefused, parse_yaml
from transforms.captions.endpoint.address import Address, ForeignAddress, UserAddress
from transforms.errors import one_line, reason_of
from transforms.receivers.settings import check_can_move
from transforms.records import SPLITS, Clip
from transforms.rooms.own_rooms import own_rooms_of
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.scene_words import POINTS_A_SECOND, PathPoint
from transforms.scenes.recordings import list_recordings
from transforms.scenes.settings import SceneSettings
from transforms.sources import FREESOUND_SOURCES, LAYOUTS, Listing, Selection, list_clips
from transforms.storage import folder_files, join

if TYPE_CHECKING:
    from pipeline.measured_rooms import MeasuredRooms
    from transforms.captions.answer_journal import AnswersFile
    from transforms.captions.job import CaptionJob
    from transforms.receivers.receiver import RoomReceivers
    from transforms.rooms.room_supply import RoomSupply
    from transforms.sound.render_rows import RenderSettings

#: The name of the recipe in a release.
RECIPE = "recipe.yaml"

# Characters of a rejected value in a message.
_MOST_SHOWN = 300

#: Keys that change how a build runs and not its samples and words; the recipe's hash leaves them out.
EXECUTION_ONLY = (
    ("caption", "base_url"),
    ("caption", "judge_base_url"),
    ("caption", "concurrency"),
    ("caption", "threads"),
    ("caption", "timeout_s"),
    # These decide which answers there are, and answers are data.
    ("caption", "on_failure"),
    ("caption", "max_requests"),
    ("caption", "max_cost_usd"),
    ("caption", "prices"),
    # The ids in caption.prompt hold the hashes of these.
    ("caption", "prompt_texts"),
    # Its file is named in caption.weights.
    ("caption", "weights_name"),
    # Their SHA-256 counts.
    ("scenes", "ambience"),
    ("rooms", "measured"),
    ("receiver", "head"),
)


#: Sections, and keys of sections, that are newer than the first releases. At their defaults the hash leaves them out,
#: so that an older release keeps its hash.
ADDED_SECTIONS = ("select", "receiver")
ADDED_KEYS = (
    ("select", "split_shares"),
    ("caption", "versions"),
    ("caption", "judge"),
    ("caption", "judge_model"),
    ("caption", "weights"),
    ("rooms", "measured_sha256"),
    ("rooms", "measured_channels"),
    ("rooms", "measured_normalisation"),
    ("scenes", "share"),
    ("scenes", "sources_min"),
    ("scenes", "sources_max"),
    ("scenes", "moving_share"),
    ("scenes", "speed_min_m_s"),
    ("scenes", "speed_max_m_s"),
    ("scenes", "duration_s"),
    ("scenes", "level_min_db"),
    ("scenes", "level_max_db"),
    ("scenes", "ambience_snr_min_db"),
    ("scenes", "ambience_snr_max_db"),
    ("scenes", "ambience_sha256"),
    ("audio", "stems"),
)


class RecipeError(ValueError):
    """A recipe, a key or a value that cannot be used."""


class Recipe(Section):
    """A resolved recipe; with the input and the answers it decides every sample and every word of a release."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    dataset: str | None = None
    """The value of the column `dataset`; None is the recipe's name."""
    source: str
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    limit: Annotated[int, Field(gt=0)] | None = None
    """The most clips to take, from all splits in turn; None takes all."""
    rows_per_shard: Annotated[int, Field(gt=0, le=4096)] = 64
    select: Select = Select()
    augmentations: Augmentations = Augmentations()
    rooms: Rooms = Rooms()
    scenes: Scenes = Scenes()
    receiver: ReceiverSection = ReceiverSection()
    audio: AudioSettings = AudioSettings()
    caption: CaptionSettings = CaptionSettings()

    @field_validator("source")
    @classmethod
    def _known_source(cls, value: str) -> str:
        if value not in LAYOUTS:
            raise ValueError(f"{value!r} is none of {', '.join(sorted(LAYOUTS))}")
        return value

    @model_validator(mode="after")
    def _source_has_ids(self) -> Recipe:
        if self.select.exclude and self.source not in FREESOUND_SOURCES:
            raise ValueError(f"select.exclude takes Freesound ids, and source {self.source} has none")
        return self

    @model_validator(mode="after")
    def _paths_fit_a_shard(self) -> Recipe:
        scenes = self.scenes
        if scenes.moving_share > 0:
            longest_s = scenes.duration_s or self.audio.max_duration_s
            rows = max(self.rows_per_shard, *self.augmentations.model_dump().values())
            values = rows * scenes.sources_max * longest_s * POINTS_A_SECOND * len(fields(PathPoint))
            if values * VALUE_BYTES > TABLE_BYTES:
                raise ValueError(
                    f"rows_per_shard: {rows} rows of scenes up to {longest_s:g} s have longer paths than a shard's "
                    "table holds; take fewer rows, or a lower scenes.duration_s or audio.max_duration_s"
                )
        return self

    @model_validator(mode="after")
    def _measured_rooms_are_still(self) -> Recipe:
        if self.rooms.measured is not None and self.scene_settings().are_on:
            raise ValueError("rooms.measured: scenes are made in simulated rooms alone; set scenes to its defaults")
        return self

    @model_validator(mode="after")
    def _receiver_fits(self) -> Recipe:
        settings = self.receiver.settings()
        if self.rooms.measured is not None and (settings.order > 1 or not settings.is_ideal):
            raise ValueError(
                "rooms.measured: responses are those of the microphone that measured them, in the first order; "
                "set receiver.kind to ambisonics and receiver.order to 1"
            )
        if self.scenes.moving_share > 0:
            try:
                check_can_move(settings)
            except ValueError as error:
                raise ValueError(f"receiver.{error}; set scenes.moving_share to 0") from error
        if settings.noise_db is not None and self.scene_settings().has_wet_stems:
            raise ValueError(
                "receiver.noise_db: stems with the room do not add up to a sound with the receiver's noise; "
                "set audio.stems to none or direct"
            )
        return self

    @property
    def dataset_name(self) -> str:
        return self.dataset or self.name

    #: True for a recipe that the user has written or named; what it names may be read and asked.
    _is_users: bool = PrivateAttr(default=False)
    #: The keys that the user has typed over the recipe of a release.
    _typed: frozenset[str] = PrivateAttr(default=frozenset())
    #: Whether the address in the environment, or the provider's own, is asked in place of those of a release.
    _asks_environment: bool = PrivateAttr(default=False)
    #: False for the recipe of a release that was begun before clips without a split were dealt: all are of train.
    _deals_splits: bool = PrivateAttr(default=True)

    #: The paths of the user's own files and folders, by their keys (pipeline.sections.own_files).
    _own_paths: dict[str, tuple[str, ...]] = PrivateAttr(default_factory=dict)

    def _paths_of(self, key: str, named: str | list[str]) -> tuple[str, ...]:
        """The paths of files or folders of the user's own that have these names.

        Raises:
            RecipeError: the recipe is a release's, and nobody says where they are.
        """
        if key not in self._own_paths:
            names = ", ".join(map(repr, [named] if isinstance(named, str) else named))
            raise RecipeError(
                f"recipe key {key}: where is {names}, which the release was made with? Add --set {key}=PATH"
            )
        return self._own_paths[key]

    @property
    def deals_splits(self) -> bool:
        """Whether clips without a split are dealt to the splits; False in a release that was begun before that."""
        return self._deals_splits

    def without_dealt_splits(self) -> Recipe:
        """The same recipe as releases of before had it: clips without a split are of train, the hash is the same."""
        older = self.model_copy()
        older._deals_splits = False
        return older

    def asking_the_environment(self) -> Recipe:
        """The same recipe, whose endpoints are those that the user has typed, else the environment's."""
        asking = self.model_copy()
        asking._asks_environment = True
        return asking

    def _address(self, key: str) -> Address:
        url: str | None = getattr(self.caption, key)
        if self._is_users or f"caption.{key}" in self._typed:
            return UserAddress(url)
        return UserAddress(None) if self._asks_environment else ForeignAddress(url)

    def list_input(self, input_dir: str) -> Listing:
        """The clips of an input folder in this recipe's layout.

        Raises:
            SourceUnusable: when the input cannot be listed.
        """
        select, rooms = self.select, self.room_supply()
        dealt = select.split_shares if self._deals_splits else SplitShares(train=1)
        shares = {split: share for split, share in dealt if share > 0}
        made = {
            split: share
            for split, share in shares.items()
            if (rooms.count(split) or self.rooms.measured) and self.augmentations.of(split)
        }
        selection = Selection(
            frozenset(select.exclude), tuple(select.licenses), select.splits, made or shares, self.seed
        )
        return list_clips(self.source, input_dir, self.dataset_name, selection)

    def caption_job(self, answers: tuple[AnswersFile, ...] = ()) -> CaptionJob:
        """The settings of the caption stage; `answers` are the answers.parquet files that are known."""
        # A command that only reads the recipe does not import the stage's packages.
        from transforms.captions.answer_budget import Price
        from transforms.captions.job import CaptionJob

        caption = self.caption
        prompts = (caption.prompt,) if isinstance(caption.prompt, str) else tuple(caption.prompt)
        values = caption.model_dump(exclude={"prices", "prompt", "prompt_texts", "base_url", "judge_base_url"})
        if not self._is_users:
            # A file that a release names is not read.
            values["weights_name"] = caption.weights_name or caption.weights
            values["weights"] = None
        of_judge = "judge_base_url" if caption.judge_base_url or caption.writer != "openai" else "base_url"
        job = CaptionJob(
            **values,
            address=self._address("base_url"),
            judge_address=self._address(of_judge),
            prompts=prompts,
            prompt_texts=tuple(caption.prompt_texts.items()),
            answers=answers,
        )
        prices = {model: Price(price.prompt, price.completion) for model, price in caption.prices.items()}
        if not prices:  # The name of a local model needs the SHA-256 of its file.
            return job
        return replace(job, price=prices.get(job.model_name), judge_price=prices.get(job.judge_name))

    def room_supply(self) -> RoomSupply:
        """The rooms of each split."""
        # Rooms are designed with SciPy: a command that only reads the recipe does not import it.
        from transforms.rooms.room_supply import RoomSupply

        counts = {split: self.rooms.of(split) for split in SPLITS}
        return RoomSupply(self.seed, counts, RoomRanges(**self.rooms.ranges), own_rooms_of(self.rooms.own))

    def scene_ranges(self) -> SceneRanges:
        """The ranges that positions are drawn from."""
        return SceneRanges(**self.scenes.ranges)

    def scene_settings(self) -> SceneSettings:
        """The sounds of a scene."""
        return self.scenes.settings(self.audio.stems)

    def ambience_recordings(self) -> tuple[Clip, ...]:
        """The recordings that ambiences are made of; none where they are noise.

        Raises:
            RecipeError: the recipe is a release's, and nobody says where they are.
            SourceUnusable: their folder cannot be listed.
        """
        name = self.scenes.ambience
        return () if name is None else list_recordings(self._paths_of(AMBIENCE, name)[0])

    def measured_rooms(self) -> MeasuredRooms | None:
        """The responses of measured rooms, which a process reads once; None without measured rooms.

        Raises:
            RecipeError: the recipe is a release's and nobody says where the files are, or they cannot be used.
        """
        rooms = self.rooms
        if rooms.measured is None:
            return None
        from pipeline.measured_rooms import read_measured_rooms
        from transforms.rooms.measured.read_measured import MeasuredUnusable
        from transforms.rooms.measured.settings import Conventions

        shares = {split: share for split, share in self.select.split_shares if share and self.augmentations.of(split)}
        paths = self._paths_of(MEASURED, rooms.measured)
        conventions = Conventions(rooms.measured_channels, rooms.measured_normalisation)
        try:
            return read_measured_rooms(paths, conventions, tuple(shares.items()), self.seed)
        except (MeasuredUnusable, OSError) as error:
            raise RecipeError(f"recipe key {MEASURED}: {one_line(error)}") from error

    def room_receivers(self) -> RoomReceivers:
        """The receiver in each room.

        Raises:
            RecipeError: the recipe is a release's, and nobody says where the file of its head is.
        """
        # It imports what simulates rooms.
        from transforms.receivers.receiver import RoomReceivers

        head = self.receiver.head
        path = "" if head is None else self._paths_of(HEAD, head)[0]
        return RoomReceivers(self.receiver.settings(path), self.seed)

    def render_settings(self) -> RenderSettings:
        """The settings of the rendering stage."""
        # These import libsndfile, SciPy and Beam.
        from transforms.sound.render import Level
        from transforms.sound.render_rows import RenderSettings

        audio = self.audio
        return RenderSettings(
            level=Level(audio.level, audio.fixed_gain_db, audio.peak_dbfs),
            bit_depth=audio.bit_depth,
            trim_below_peak_db=audio.trim_below_peak_db,
            min_duration_s=audio.min_duration_s,
            max_duration_s=audio.max_duration_s,
        )

    def sha256(self) -> str:
        """SHA-256 of everything that decides samples and words, as sorted JSON; see EXECUTION_ONLY."""
        values = self.model_dump(mode="json")
        for section, key in EXECUTION_ONLY:
            values[section].pop(key)
        for section, key in ADDED_KEYS:
            if getattr(getattr(self, section), key) == type(getattr(self, section)).model_fields[key].default:
                values[section].pop(key)
        for section in ADDED_SECTIONS:
            if getattr(self, section) == type(self).model_fields[section].default:
                values.pop(section)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def to_yaml(self) -> str:
        """The resolved recipe as YAML, with every key."""
        values = self.model_dump(mode="json")
        if not self._deals_splits:
            del values["select"]["split_shares"]
        return yaml.safe_dump(values, sort_keys=False)


def load_recipe(name_or_path: str, settings: Sequence[str] = ()) -> Recipe:
    """Loads a shipped recipe by its name, or a YAML file by its path, with `KEY=VALUE` settings over it.

    Raises:
        RecipeError: unknown recipe, key or value; the message names it.
    """
    shipped = shipped_recipes()
    if name_or_path in shipped:
        text = shipped_recipe(name_or_path)
    elif Path(name_or_path).is_file():
        try:
            text = Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe {name_or_path} cannot be read: {reason_of(error)}") from error
    else:
        known = ", ".join(shipped)
        raise RecipeError(f"no recipe {name_or_path!r}: it is neither a file nor one of {known}")
    recipe = parse_recipe(_values_of(name_or_path, text, settings), may_read=True)
    recipe._is_users = True
    return recipe


def _values_of(name: str, text: str, settings: Sequence[str]) -> dict[str, Any]:
    """The values of a recipe with `KEY=VALUE` settings over them."""
    try:
        values = _yaml_values(text)
    except YamlRefused as error:
        raise RecipeError(f"recipe {name} cannot be used: {error}") from error
    if not isinstance(values, dict):
        raise RecipeError(f"recipe {name} is not a mapping of keys to values")
    for setting in settings:
        _apply(values, setting)
    return values


def _yaml_values(text: str) -> Any:
    """The values of a YAML text, in a new copy for each caller."""
    return copy.deepcopy(_parsed_yaml(text))


@lru_cache(maxsize=8)
def _parsed_yaml(text: str) -> Any:
    # A build reads one recipe several times.
    return parse_yaml(text)


def load_release_recipe(release: str, settings: Sequence[str] = ()) -> Recipe:
    """The recipe in a release, which has every key written out, with `KEY=VALUE` settings laid over it.

    Nothing that it names is read or asked, because it may come from anybody. Only an address in `settings` is the
    user's.
    An older release lacks the key `select.split_shares`; its recipe deals no clips to the splits.

    Raises:
        RecipeError: naming an unknown key or value, or the path if there is no recipe.
    """
    name = join(release, RECIPE)
    try:
        text = folder_files.read_bytes(release, RECIPE, MOST_RECIPE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {name} cannot be read: {reason_of(error)}") from error
    typed = frozenset(setting.partition("=")[0].strip() for setting in settings)
    recipe = parse_recipe(_values_of(name, text, settings), typed=typed)
    recipe._typed = typed
    values = _yaml_values(text)
    select = values.get("select") if isinstance(values, dict) else None
    return recipe if isinstance(select, dict) and "split_shares" in select else recipe.without_dealt_splits()


def with_added_keys(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a release's recipe, with the keys that are newer than the release at their defaults."""
    whole = copy.deepcopy(values)
    for section in ADDED_SECTIONS:
        whole.setdefault(section, Recipe.model_fields[section].default.model_dump(mode="json"))
    for section, key in ADDED_KEYS:
        if isinstance(whole.get(section), dict):
            whole[section].setdefault(key, Recipe.model_fields[section].default.model_dump(mode="json")[key])
    return whole


def parse_recipe(values: dict[str, Any], *, may_read: bool = False, typed: frozenset[str] = frozenset()) -> Recipe:
    """Makes a recipe from plain values.

    Args:
        values: the values, key by key.
        may_read: whether lists and prompts that the recipe names by their paths are read.
        typed: the keys whose values the user has typed; files of his own that they name are read.

    Raises:
        RecipeError: naming the first key that is unknown or whose value does not fit.
    """
    reading = Reading(may_read, typed)
    try:
        recipe = Recipe.model_validate(values, context=reading)
        recipe._own_paths.update(reading.paths)
        return recipe
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise RecipeError(f"no recipe key is named {key}; {_nearest_keys(key)}") from error
        message = first["msg"].removeprefix("Value error, ")
        if not key:
            # Values of several sections do not fit each other; the message names them.
            raise RecipeError(f"recipe key {message}") from error
        got = "" if _holds_secret(key, first["input"]) else f" (got {_shown(first['input'])})"
        raise RecipeError(f"recipe key {key}: {message}{got}") from error


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _holds_secret(key: str, value: Any) -> bool:
    """Whether a rejected value may hold a password or a key, which no message repeats."""
    text = str(value)
    is_address = key.endswith("base_url") or "://" in text
    return is_address and any(mark in text for mark in "@?#")


def _nearest_keys(key: str) -> str:
    section: type[BaseModel] = Recipe
    *parents, _ = key.split(".")
    for parent in parents:
        entry = section.model_fields.get(parent)
        annotation = entry.annotation if entry is not None else None
        if annotation == dict[str, ModelPrice]:
            section = ModelPrice
            break
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            section = annotation
    return f"there is {', '.join(section.model_fields)}"


def _apply(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise RecipeError("--set takes KEY=VALUE" + ("" if _holds_secret("", setting) else f", not {setting!r}"))
    try:
        value = parse_yaml(text) if text else None
    except YamlRefused:
        value = text
    *parents, last = key.strip().split(".")
    section = values
    for parent in parents:
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise RecipeError(f"recipe key {key.strip()}: {parent} holds a value, not keys")
    section[last] = value
