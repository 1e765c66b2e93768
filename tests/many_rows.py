"""A release of any number of rows for tests of scale: everything is real but the sound and what is measured on it.

Plan, rooms, places, words, captions, answers, rejections and the files at the root come from the pipeline's own
functions. Nothing is rendered: each row's FLAC is a link to one of a few short bursts, and its decay times are drawn
about those that its room was asked for.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.build.finish import finish_release
from pipeline.recipe import Recipe, load_recipe
from prompts import load_prompt
from transforms.captions.check import check_caption
from transforms.captions.describe_places import describe_place
from transforms.captions.questions import Questions
from transforms.captions.template import template_caption
from transforms.records import (
    ERROR_PREFIX,
    OCTAVE_BANDS_HZ,
    SPLITS,
    Acoustics,
    Answer,
    Audio,
    Caption,
    Clip,
    Rejection,
    Room,
    Row,
    Shard,
)
from transforms.rooms.place_source import SceneDoesNotFit, place_row
from transforms.seeds import derive_seed, keyed_generator
from transforms.shards import workspace
from transforms.shards.plan_shards import input_sha256, plan_shards, rows_of
from transforms.shards.release_rows import ROOM_SCHEMA, room_values
from transforms.shards.write_shard import table_to_parquet, write_shard
from transforms.sound.render import encode_flac, pcm_sha256
from transforms.sound.render_rows import flac_name
from transforms.storage import folder_files
from transforms.words import SpatialWords

MODEL, PROMPT = "some-model", load_prompt("place")
QUESTIONS = Questions(MODEL, {PROMPT.id: PROMPT}, 1, 2)
RATE, BURSTS = 48_000, 64
#: Of a row; as short as it can be, unless the reading of sound is what is measured.
SECONDS = 0.01
SOUNDS = (
    "A dog barks loudly",
    "Rain falls on a metal roof",
    "A woman speaks while a child laughs",
    "A car engine starts and idles",
    "Several birds are chirping",
    "Someone types on a keyboard",
    "A door creaks and slams shut",
    "Water drips into a bucket",
    "A siren wails, then fades",
    "A crowd cheers and claps",
    "A cat meows twice",
    "Wind howls through the trees with some rustling of leaves",
)
LICENSES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-NC-4.0")


@dataclass(frozen=True)
class _Burst:
    data: bytes
    seconds: float
    sha256: str
    pcm_sha256: str


def many_rows_recipe(rows_per_shard: int = 256) -> Recipe:
    """The recipe that the release states; its writer is a language model's."""
    settings = (f"rows_per_shard={rows_per_shard}", "name=many", "caption.writer=openai", f"caption.model={MODEL}")
    return load_recipe("folder", settings)


def write_many_rows(
    output: Path,
    rows: int,
    *,
    rows_per_shard: int = 256,
    bit_depth: int = 16,
    seconds: float = SECONDS,
    unanswered: bool = False,
) -> None:
    """Writes a release of `rows` rows at `output`, nine tenths of them for training with two versions a clip.

    Args:
        output: the folder of the release.
        rows: their number.
        rows_per_shard: of the recipe.
        bit_depth: of the FLACs.
        seconds: of sound in each row.
        unanswered: whether half of the captions had no answer, so that the template wrote it.
    """
    recipe = many_rows_recipe(rows_per_shard)
    recipe = recipe.model_copy(update={"audio": recipe.audio.model_copy(update={"bit_depth": bit_depth})})
    clips = list(_clips(rows))
    shards = plan_shards(
        clips, seed=recipe.seed, rows_per_shard=rows_per_shard, augmentations=recipe.augmentations.model_dump()
    )
    supply = recipe.room_supply()
    rooms: dict[str, Room] = {}
    bursts = [_burst(number, bit_depth, round(seconds * RATE)) for number in range(BURSTS)]
    for planned in shards:
        folder = output / planned.path
        folder.mkdir(parents=True)
        done, rejections, answers = [], [], []
        for row in rows_of(planned, seed=recipe.seed, augmentations=recipe.augmentations.model_dump()).rows:
            try:
                placed = place_row(row, supply, recipe.scene_ranges())
            except SceneDoesNotFit as error:
                rejections.append(_rejection(row.clip, "place", "scene_does_not_fit", str(error)))
                continue
            assert placed.room is not None
            rooms[placed.room.room_id] = placed.room
            described = describe_place(replace(placed, acoustics=_about(placed.room, row.seed)))
            told, given = _told(described, unanswered)
            answers += given
            done.append(replace(told, audio=_audio(flac_name(row.id), folder, bursts[row.seed % BURSTS])))
        if derive_seed("refused", planned.path) % 2:
            rejections.append(_refused(planned.clips[0], "render", "silent", "no sample over -90 dBFS"))
        shard = Shard(planned.split, planned.index, planned.count, tuple(done), tuple(rejections), tuple(answers))
        write_shard(shard, str(output), caption_model=MODEL, run=None)
    measured = [room_values(room, _about(room, recipe.seed)) for _, room in sorted(rooms.items())]
    folder_files.write_bytes(str(output), workspace.rooms_file(0), table_to_parquet(measured, ROOM_SCHEMA))
    listed = [_refused(clip, "list", "missing", "no such file") for clip in clips[::200]]
    finish_release(recipe, listed, input_sha256(clips), str(output))


def _clips(rows: int) -> Iterator[Clip]:
    test = validation = max(rows // 20, 1)
    counts = {"train": (rows - test - validation) // 2, "validation": validation}
    counts["test"] = rows - 2 * counts["train"] - validation
    number = 0
    for split in SPLITS:
        for _ in range(counts[split]):
            number += 1
            captions = tuple(SOUNDS[(number + at) % len(SOUNDS)] for at in range(2 if number % 8 == 0 else 1))
            yield Clip(
                "many",
                split,
                f"{number:07d}",
                f"{number:07d}.wav",
                captions,
                LICENSES[number % len(LICENSES)],
                f"recordist {number % 997}",
                f"https://example.org/sounds/{number}",
            )


def _burst(number: int, bit_depth: int, samples: int) -> _Burst:
    pcm = keyed_generator("burst", number).integers(-(2**13), 2**13, (samples, 4), dtype=np.int32)
    data = encode_flac(pcm, RATE, bit_depth)
    return _Burst(data, samples / RATE, hashlib.sha256(data).hexdigest(), pcm_sha256(pcm, bit_depth))


def _audio(name: str, folder: Path, burst: _Burst) -> Audio:
    # A link: a hundred thousand files of their own would be slow to write, and nothing here looks at them twice.
    first = folder.parent.parent / workspace.FOLDER / "bursts" / f"{folder.parent.name}-{burst.sha256}.flac"
    if not first.exists():
        first.parent.mkdir(parents=True, exist_ok=True)
        first.write_bytes(burst.data)
    os.link(first, folder / name)
    gain_db = -12.0
    return Audio(name, burst.seconds, RATE, gain_db, False, burst.sha256, burst.sha256, burst.pcm_sha256)


def _about(room: Room, seed: int) -> Acoustics:
    near = 0.9 + 0.2 * (derive_seed(seed, "measured", room.room_id) % 1000) / 1000
    bands = tuple(near * value for value in room.t30_bands_ms)
    assert len(bands) == len(OCTAVE_BANDS_HZ)
    return Acoustics(near * room.t30_ms, bands, 0.8 * room.t30_ms, 12.0 - 0.01 * room.t30_ms, -0.004 * room.t30_ms)


@lru_cache(maxsize=100_000)
def _answer_text(original: str, words: SpatialWords, version: int) -> tuple[str, str | None]:
    text = template_caption(original, words, version)
    return text, check_caption(text, original, words)


def _told(row: Row, unanswered: bool) -> tuple[Row, list[Answer]]:
    captions, answers = [], []
    for request in QUESTIONS.of_rows([row]):
        # One answer in eight is bad, so that some captions need a second, and some have none in the end.
        draws = [derive_seed(request.seed, "answer", attempt) % 8 for attempt in range(2)]
        kept: str | None = None
        for attempt, draw in enumerate(draws):
            text, reason = _answer_text(request.caption, request.words, draw % 2)
            if draw == 7:
                text, reason = "As an AI I cannot hear this.", "leak"
            if unanswered and derive_seed(request.seed, "unanswered") % 2 == 0:
                text, reason = "", f"{ERROR_PREFIX}status 401"
            digest = QUESTIONS.sha256(request, attempt)
            tokens = (180 + len(request.caption) // 4, len(text) // 4)
            answers.append(
                Answer(
                    digest,
                    row.id,
                    request.caption_index,
                    attempt,
                    text,
                    reason is None,
                    reason,
                    MODEL,
                    request.prompt,
                    *tokens,
                )
            )
            if reason is None:
                kept = text
            if reason is None or not text:
                break
        fallback = _answer_text(request.caption, request.words, 0)[0] if kept is None else kept
        captions.append(Caption(fallback, request.caption, "template" if kept is None else "rewritten", request.prompt))
    return replace(row, captions=tuple(captions)), answers


def _rejection(clip: Clip, stage: str, reason: str, detail: str) -> Rejection:
    return Rejection(clip.path, stage, reason, detail, clip.split, clip.source_id)


def _refused(beside: Clip, stage: str, reason: str, detail: str) -> Rejection:
    """Of a clip that the list has beside this one, so that the rows are as many as were asked for."""
    other = replace(beside, source_id=f"{beside.source_id}-{stage}", path=f"{stage}-{beside.path}")
    return _rejection(other, stage, reason, detail)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.many_rows", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rows-per-shard", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of sound in each row")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    write_many_rows(
        arguments.output, arguments.rows, rows_per_shard=arguments.rows_per_shard, seconds=arguments.seconds
    )
