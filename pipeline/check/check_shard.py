"""Checks one shard: its table, the numbers, room and captions of each row, and each FLAC against its row."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.check.check_flacs import check_flacs
from pipeline.check.check_sources import check_sources, receiver_and_room_m
from pipeline.check.check_stems import check_stems, stem_files
from pipeline.recipe import Recipe, RecipeError, load_release_recipe
from pipeline.release.layout import RELEASE_JSON, ROOMS, read_table, sha256_of
from pipeline.release.totals import ShardTally, tally_shard
from pipeline.release.usable_rows import LONGEST_NAME_BYTES, unusable_row
from transforms.bounds import parquet_tables
from transforms.bounds.limits import (
    MORE_ROWS_THAN_STATED,
    MOST_CAPTION_CHARACTERS,
)
from transforms.bounds.parquet_tables import TableRefused, most_file_bytes
from transforms.captions.check import SOFT_REASONS, check_caption
from transforms.captions.check.place import check_place
from transforms.captions.judge import compare_place, compare_reading, parse_reading
from transforms.captions.questions import caption_seeds
from transforms.captions.rewriting import TEMPLATE, caption_text, scene_version, template_version
from transforms.captions.scenes import FORM_AND_CONTENT, check_scene_caption
from transforms.captions.scenes.scene_text import scene_words_of_values
from transforms.errors import reason_of
from transforms.scenes.stem_names import STEMS
from transforms.shards.plan_shards import row_seed
from transforms.shards.release_rows import OLDER_ROOM_SCHEMA, ROOM_SCHEMA, ROW_SCHEMAS, is_scene, with_newer_columns
from transforms.shards.write_shard import METADATA
from transforms.sound.decoding import LONGEST_S
from transforms.storage import folder_files
from transforms.words import VOCABULARY, SpatialWords, reverberation_word, room_size_word

STATUSES = ("rewritten", TEMPLATE)
#: Column of a row → the column of rooms.parquet with the same value.
_OF_ROOM = {
    "room_length_m": "length_m",
    "room_width_m": "width_m",
    "room_height_m": "height_m",
    "floor_area_m2": "floor_area_m2",
    "volume_m3": "volume_m3",
}
#: Positions are stored in micrometres, angles in hundredths of a degree.
_POSITION_TOLERANCE_M = 2e-5


@dataclass(frozen=True)
class CaptionKey:
    """A caption for the comparison with answers.parquet."""

    name: str
    """The row's file and the caption's index, for messages."""
    caption_hash: int
    """Hash of the row's id and the caption's index."""
    text_hash: int
    """Hash of the row's id, the caption's index and its text."""
    rewritten: bool


@dataclass(frozen=True)
class DoubtedCaption:
    """A rewritten caption that the check refuses for a reason that a judge may overrule."""

    name: str
    """The row's file and the caption's index, for messages."""
    caption_hash: int
    """Hash of the row's id and the caption's index."""
    caption: str
    original: str
    words: SpatialWords
    reason: str
    fully: bool
    """Whether the rules for its sounds are those that it was kept by."""

    def holds_by(self, reply: str) -> bool:
        """Whether a judge's reply, compared again by rule, keeps it."""
        reading = parse_reading(reply)
        compare = compare_reading if self.fully else compare_place
        return reading is not None and compare(reading, self.caption, self.original, self.words) is None


@dataclass
class ShardFindings:
    """The problems of a shard, one line each, and its counts for the totals."""

    path: str
    problems: list[str] = field(default_factory=list)
    bytes: int = 0
    tally: ShardTally | None = None
    captions: list[CaptionKey] = field(default_factory=list)
    doubted: list[DoubtedCaption] = field(default_factory=list)


def caption_hashes(row_id: str, index: int, text: str) -> tuple[int, int]:
    """The two hashes of CaptionKey, signed 64-bit integers so that a million of them take little memory."""
    caption = f"{row_id}\0{index}"
    return _hash(caption), _hash(f"{caption}\0{text}")


def answer_hashes(row_id: str, index: int, answer: str) -> tuple[int, int]:
    """The hashes of the caption that a kept answer gives."""
    return caption_hashes(row_id, index, caption_text(answer) if answer.strip() else "")


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def scene_caption_problems(values: Mapping[str, Any], index: int, versions: int, *, fully: bool) -> Iterator[str]:
    """What is wrong with a caption of a row of several or moving sounds, which tells each sound at its place.

    Args:
        values: the row's columns.
        index: the caption's number.
        versions: captions of each original.
        fully: True to check the sounds' own words too.
    """
    if any(values[name] not in (*VOCABULARY[name], None) for name in ("room_size", "reverberation")):
        # A word that no room has is a problem of its own, and nothing can tell it.
        return
    scene = scene_words_of_values(values, index // versions)
    caption, is_template = values["captions"][index], values["caption_status"][index] == TEMPLATE
    if values["captions_original"][index] != scene.original:
        yield f"captions_original {index} does not join the captions of its sources"
    reason = check_scene_caption(caption, scene)
    if reason is None or (reason in FORM_AND_CONTENT and (is_template or not fully)):
        return
    if not is_template:
        yield f"caption {index} does not hold: {reason}"
    # If the check cannot read the originals, the template's own words are compared.
    elif caption != scene_version(scene, caption_seeds(values["seed"], index, versions)):
        yield f"caption {index} does not tell its sounds: {reason}"


class ShardChecker:
    """Checks shards of a local release one after another; each process has its own checker."""

    def __init__(self, release: Path, *, fully: bool) -> None:
        """`fully` checks captions by all rules, which holds only for captions of this version of the tool."""
        self.release = release
        self.fully = fully
        self.recipe: Recipe | None = None
        # A recipe that cannot be read is a problem of the root, and reported there.
        with contextlib.suppress(RecipeError):
            self.recipe = load_release_recipe(str(release))
        self.rooms = _rooms(release)
        self._longest_s = LONGEST_S
        if self.recipe is not None:
            # A last sample may be more than the clip had before its rate was changed.
            self._longest_s = max(self.recipe.audio.max_duration_s, self.recipe.audio.min_duration_s) + 1

    def check(self, shard: Mapping[str, Any]) -> ShardFindings:
        """Checks the shard that release.json states with `path`, `rows` and `metadata_sha256`."""
        findings = ShardFindings(str(shard["path"]))
        rows = self._read(shard, findings)
        if rows is None:
            return findings
        expected = {METADATA}
        usable = []
        names: set[str] = set()
        stems: set[str] = set()
        for values in rows:
            name = values["file_name"]
            problem = unusable_row(values)
            if problem is None and values["sources"] is None:
                problem = "sources is null"
            of_row = {name, *(values["degree_files"] or ())}
            if problem is None and names & of_row:
                problem = "is the file of two rows"
            if problem is not None:
                findings.problems.append(f"{findings.path}/{str(name)[:LONGEST_NAME_BYTES]}: {problem}")
                continue
            names |= of_row
            usable.append(values)
            size, problems = self._check_audio(findings.path, values)
            findings.bytes += size
            findings.problems += problems
            findings.problems += self._check_row(findings.path, values)
            stems_of_row = stem_files(values)
            stems.update(stems_of_row)
            if stems_of_row and not problems:
                of_stems = check_stems(str(self.release), findings.path, values)
                findings.problems += [f"{findings.path}/{name}: {problem}" for problem in of_stems]
            findings.problems += self._check_captions(findings, values)
        gain_db = None
        if self.recipe is not None and self.recipe.audio.level == "fixed":
            gain_db = self.recipe.audio.fixed_gain_db
        findings.tally = tally_shard(findings.path, str(shard["metadata_sha256"]), usable, gain_db)
        findings.problems += self._extra(findings.path, expected | names, stems)
        return findings

    def _read(self, shard: Mapping[str, Any], findings: ShardFindings) -> list[dict[str, Any]] | None:
        name = f"{findings.path}/{METADATA}"
        try:
            with folder_files.open_file(str(self.release), name) as file:
                if sha256_of(file, most_file_bytes(most_rows(shard["rows"]))) != shard["metadata_sha256"]:
                    findings.problems.append(f"{name}: its SHA-256 is not the one in {RELEASE_JSON}")
                table = parquet_tables.open_table(file, rows=most_rows(shard["rows"]))
                if not any(table.schema.equals(schema, check_metadata=False) for schema in ROW_SCHEMAS):
                    findings.problems.append(f"{name}: its columns are not those of a release")
                    return None
                rows = [with_newer_columns(values) for values in table.read().to_pylist()]
        except TableRefused as error:
            findings.problems.append(f"{name}: {error}")
            return None
        except OSError as error:
            findings.problems.append(f"{name}: {reason_of(error)}")
            return None
        if len(rows) != shard["rows"]:
            findings.problems.append(f"{name}: {len(rows)} rows, {RELEASE_JSON} says {shard['rows']}")
        return rows

    def _check_audio(self, shard: str, values: Mapping[str, Any]) -> tuple[int, list[str]]:
        if values["duration_s"] > self._longest_s:
            name = f"{shard}/{values['file_name']}"
            return 0, [f"{name}: its row says {values['duration_s']} s, longer than its recipe allows"]
        return check_flacs(str(self.release), shard, values, self.recipe)

    def _check_row(self, shard: str, values: Mapping[str, Any]) -> Iterator[str]:
        name = f"{shard}/{values['file_name']}"
        for attribute, word in _room_words(values).items():
            if word != values[attribute]:
                yield f"{name}: {attribute} is {values[attribute]}, its numbers say {word}"
        if values["split"] != shard.partition("/")[0]:
            yield f"{name}: its split is {values['split']}"
        identity = f"{values['split']}/{values['source_id']}#{values['augmentation']}"
        if values["id"] != identity:
            yield f"{name}: its id is {values['id']}, its clip and augmentation say {identity}"
        if self.recipe is not None and values["seed"] != row_seed(self.recipe.seed, values["id"]):
            yield f"{name}: its seed is not the one that the recipe gives its id"
        receiver_m, size_m = receiver_and_room_m(values)
        if receiver_m is not None and size_m is not None and not ((receiver_m > 0) & (receiver_m < size_m)).all():
            yield f"{name}: the receiver is outside of the room"
        yield from (f"{name}: {problem}" for problem in check_sources(values, self.recipe))
        yield from self._check_room(name, values)

    def _check_room(self, name: str, values: Mapping[str, Any]) -> Iterator[str]:
        if self.rooms is None:
            return
        room = self.rooms.get(values["room_id"])
        if room is None:
            yield f"{name}: its room {values['room_id']} is not in {ROOMS}"
            return
        differing = [column for column, of_room in _OF_ROOM.items() if values[column] != room[of_room]]
        if differing:
            yield f"{name}: {', '.join(differing)} not as {ROOMS} has them for {values['room_id']}"
        if room["split"] != values["split"]:
            yield f"{name}: its room {values['room_id']} is of the split {room['split']}"

    def _check_captions(self, findings: ShardFindings, values: Mapping[str, Any]) -> Iterator[str]:
        name = f"{findings.path}/{values['file_name']}"
        captions, originals, statuses = (
            values[column] for column in ("captions", "captions_original", "caption_status")
        )
        if not len(captions) == len(originals) == len(statuses) or not captions:
            yield f"{name}: captions, captions_original and caption_status are not of one length, or empty"
            return
        versions = self.recipe.caption.versions if self.recipe is not None else 1
        of_one_original = [originals[start : start + versions] for start in range(0, len(originals), versions)]
        if any(len(of_one) != versions or len(set(of_one)) > 1 for of_one in of_one_original):
            yield f"{name}: captions_original does not hold each original {versions} times in a row"
        stated = {attribute: values[attribute] for attribute in VOCABULARY}
        known = all(word is None or word in VOCABULARY[attribute] for attribute, word in stated.items())
        words = SpatialWords(**stated if known else {})
        for index, (caption, original, status) in enumerate(zip(captions, originals, statuses, strict=True)):
            if status not in STATUSES:
                yield f"{name}: the status of caption {index} is {status}"
                continue
            if max(len(caption), len(original)) > MOST_CAPTION_CHARACTERS:
                yield f"{name}: caption {index} or its original has more than {MOST_CAPTION_CHARACTERS} characters"
                continue
            hashes = caption_hashes(values["id"], index, caption)
            findings.captions.append(CaptionKey(f"{name}: caption {index}", *hashes, status != TEMPLATE))
            if is_scene(values):
                problems = scene_caption_problems(values, index, versions, fully=self.fully)
                yield from (f"{name}: {problem}" for problem in problems)
                continue
            if status == TEMPLATE:
                reason = check_place(caption, original, words)
                # If no sentence can hold the original, the template says the position in one of its own.
                seeds = caption_seeds(values["seed"], index, versions)
                if reason is not None and caption != template_version(original, words, seeds):
                    yield f"{name}: caption {index} does not tell its words: {reason}"
                continue
            reason = (check_caption if self.fully else check_place)(caption, original, words)
            if reason in SOFT_REASONS:
                key = findings.captions[-1]
                findings.doubted.append(
                    DoubtedCaption(key.name, key.caption_hash, caption, original, words, reason, self.fully)
                )
            elif reason is not None:
                yield f"{name}: caption {index} does not hold: {reason}"

    def _extra(self, shard: str, expected: set[str], stems: set[str]) -> Iterator[str]:
        """A line for each file in the shard's folder that does not belong to it, sorted."""
        try:
            entries = folder_files.entries_in(str(self.release), shard)
            of_stems = [] if not stems else folder_files.entries_in(str(self.release), f"{shard}/{STEMS}")
        except OSError as error:
            yield f"{shard}: {reason_of(error)}"
            return
        for entry in entries:
            if entry.name not in expected and not (stems and entry.name == STEMS):
                yield f"{shard}/{entry.name}: not part of the release"
        for entry in of_stems:
            if f"{STEMS}/{entry.name}" not in stems:
                yield f"{shard}/{STEMS}/{entry.name}: not part of the release"


def _rooms(release: Path) -> dict[str, dict[str, Any]] | None:
    """The rooms by id; None if the table cannot be used, which is a problem of the root."""
    try:
        table = read_table(str(release), ROOMS)
    except (OSError, pa.ArrowException, ValueError):
        return None
    if not any(table.schema.equals(schema, check_metadata=False) for schema in (ROOM_SCHEMA, OLDER_ROOM_SCHEMA)):
        return None
    wanted = table.select(["room_id", "split", *_OF_ROOM.values()]).to_pylist()
    return {room["room_id"]: room for room in wanted}


def _room_words(values: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "room_size": room_size_word(values["floor_area_m2"]),
        "reverberation": reverberation_word(values["t30_ms"]),
    }


def most_rows(stated: int) -> int:
    """How many rows a table is read with at most, of which release.json states so many."""
    return 2 * stated + MORE_ROWS_THAN_STATED
