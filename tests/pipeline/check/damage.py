"""Damage to a release, each with what verify must name; most of it is a single bit, cell or file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from pipeline.release.release_json import seal
from pipeline.release.totals import total
from tests.sounds import RATE
from tests.tables import change_table
from transforms.sound.render import pcm_sha256


def first_flac(release: Path) -> Path:
    return sorted(release.glob("train/*/*.flac"))[0]


def first_metadata(release: Path) -> Path:
    return sorted(release.glob("train/*/metadata.parquet"))[0]


def flip_a_bit(path: Path, at: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def change_cell(release: Path, column: str, value: object) -> None:
    change_table(first_metadata(release), column, lambda _: value)


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, list):
        return [changed(value[0]), *value[1:]] if value else ["x"]
    if isinstance(value, dict):
        first = next(iter(value))
        return {**value, first: changed(value[first])}
    if isinstance(value, str):
        return f"{value}x"
    return "x" if value is None else value + 1


def reorder_rows(release: Path) -> None:
    table = pq.read_table(first_metadata(release))
    pq.write_table(table.take(list(range(table.num_rows))[::-1]), first_metadata(release))


def exchange_rows(release: Path) -> None:
    first, second = sorted(release.glob("train/*/metadata.parquet"))[:2]
    one, other = pq.read_table(first), pq.read_table(second)
    pq.write_table(pa.concat_tables([other.slice(0, 1), one.slice(1)]), first)
    pq.write_table(pa.concat_tables([one.slice(0, 1), other.slice(1)]), second)


def stated(release: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((release / "release.json").read_text())
    return values


def edit_json(release: Path, change: Callable[[dict[str, Any]], object], *, sealed: bool = False) -> None:
    values = stated(release)
    change(values)
    if sealed:
        values["sha256"] = seal(values)
    (release / "release.json").write_text(json.dumps(values))


def restate(release: Path, *, digest: bool = False) -> None:
    """Makes every hash again, as a careful forger does, and on request the digest too."""
    values = stated(release)
    values["files"] = {name: hashlib.sha256((release / name).read_bytes()).hexdigest() for name in values["files"]}
    for shard in values["shards"]:
        data = (release / shard["path"] / "metadata.parquet").read_bytes()
        shard["metadata_sha256"] = hashlib.sha256(data).hexdigest()
    if digest:
        values["digest"] = total(str(release), None).digest
    values["sha256"] = seal(values)
    (release / "release.json").write_text(json.dumps(values))


def write_flac(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16", kind: str = "FLAC") -> None:
    soundfile.write(path, samples, rate, format=kind, subtype=subtype)
    # The row states the hashes of the new file, so that only the kind of the file is wrong.
    bits = int(subtype.removeprefix("PCM_"))
    pcm = soundfile.read(path, dtype="int16" if bits == 16 else "int32", always_2d=True)[0]
    row = pq.read_table(path.parent / "metadata.parquet")["file_name"].to_pylist().index(path.name)
    new = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "pcm_sha256": pcm_sha256(pcm if bits == 16 else pcm >> (32 - bits), bits),
    }
    for column, value in new.items():
        change_table(path.parent / "metadata.parquet", column, lambda _, value=value: value, [row])


def samples_of(path: Path) -> np.ndarray:
    samples: np.ndarray = soundfile.read(path, dtype="int16", always_2d=True)[0]
    return samples


def swap_flacs(release: Path) -> None:
    # Two rows of a small release may have the same burst.
    table = pq.read_table(first_metadata(release), columns=["file_name", "sha256"]).to_pylist()
    other = next(row for row in table if row["sha256"] != table[0]["sha256"])
    first, second = (first_metadata(release).parent / row["file_name"] for row in (table[0], other))
    data = first.read_bytes()
    first.unlink()
    first.write_bytes(second.read_bytes())
    second.unlink()
    second.write_bytes(data)


def truncate(path: Path, to: float = 0.9) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * to)])


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link_out(path: Path, release: Path) -> None:
    target = release.parent / f"outside-{path.name}"
    shutil.move(path, target)
    os.symlink(target, path)


def forget_shard(values: dict[str, Any]) -> None:
    values["shards"] = [shard for shard in values["shards"] if not shard["path"].startswith("train/00001")]


def other_word(release: Path) -> None:
    """Gives a row a word of direction that its azimuth contradicts."""
    change_cell(release, "direction", "left")
    change_cell(release, "azimuth_deg", 0.0)


def last_train(release: Path) -> Path:
    return sorted(release.glob("train/*"))[-1]


Damage = Callable[[Path], object]

#: What is done to a release, and what a line of the findings has to name.
DAMAGES: dict[str, tuple[Damage, str]] = {
    "a flipped bit in a FLAC's sound": (lambda r: flip_a_bit(first_flac(r)), ".flac: its SHA-256"),
    "a flipped bit in a FLAC's header": (lambda r: flip_a_bit(first_flac(r), 0.01), ".flac: its SHA-256"),
    "a truncated FLAC": (lambda r: truncate(first_flac(r)), ".flac: its SHA-256"),
    "an empty FLAC": (lambda r: first_flac(r).write_bytes(b""), ".flac: cannot be decoded"),
    "a missing FLAC": (lambda r: first_flac(r).unlink(), ".flac: No such file"),
    "a renamed FLAC": (lambda r: first_flac(r).rename(first_flac(r).with_name("a.flac")), "a.flac: not part of"),
    "two FLACs swapped": (swap_flacs, ".flac: its samples are not those of the row"),
    "a FLAC that is a link": (lambda r: link_out(first_flac(r), r), ".flac: is a link"),
    "a FLAC that is a folder": (lambda r: into_folder(first_flac(r)), ".flac: is a folder"),
    "an extra FLAC": (lambda r: shutil.copy(first_flac(r), first_flac(r).with_name("extra.flac")), "extra.flac: not"),
    "an extra file at the root": (lambda r: (r / "notes.txt").write_text("x"), "notes.txt: not part"),
    "an extra empty folder": (lambda r: (r / "train" / "empty").mkdir(), "train/empty: not part"),
    "a stray shard": (lambda r: shutil.copytree(first_flac(r).parent, r / "train" / "extra"), "train/extra/metadata"),
    "a leaked partial file": (lambda r: (first_flac(r).parent / ".x.flac.7.partial").write_bytes(b""), ".partial: not"),
    "a leaked folder of a build": (lambda r: ((r / ".elsa").mkdir(), (r / ".elsa/run").write_text("")), ".elsa/run"),
    "a shard that is a link": (lambda r: link_out(first_flac(r).parent, r), "train/"),
    "reordered rows": (reorder_rows, "metadata.parquet: its SHA-256"),
    "rows exchanged between shards": (exchange_rows, "metadata.parquet: its SHA-256"),
    "a truncated metadata.parquet": (lambda r: truncate(first_metadata(r)), "metadata.parquet: not readable"),
    "an emptied metadata.parquet": (lambda r: first_metadata(r).write_bytes(b""), "metadata.parquet: not readable"),
    "a replaced metadata.parquet": (
        lambda r: pq.write_table(pa.table({"x": [1]}), first_metadata(r)),
        "metadata.parquet: its columns",
    ),
    "a missing metadata.parquet": (lambda r: first_metadata(r).unlink(), "metadata.parquet: No such file"),
    "a missing shard": (lambda r: shutil.rmtree(last_train(r)), "metadata.parquet: No such file"),
    "a flipped bit in rooms.parquet": (lambda r: flip_a_bit(r / "rooms.parquet"), "rooms.parquet: its SHA-256"),
    "a deleted rooms.parquet": (lambda r: (r / "rooms.parquet").unlink(), "rooms.parquet: No such file"),
    "a changed room": (
        lambda r: change_table(r / "rooms.parquet", "t30_ms", lambda value: value + 1),
        "rooms.parquet: its SHA-256",
    ),
    "a missing answers.parquet": (lambda r: (r / "answers.parquet").unlink(), "answers.parquet: No such file"),
    "a changed answer": (
        lambda r: change_table(r / "answers.parquet", "text", changed),
        "answers.parquet: its SHA-256",
    ),
    "an answer kept that was refused": (
        lambda r: change_table(r / "answers.parquet", "kept", lambda value: not value),
        "answers.parquet: 1 answers are kept with a reason, or refused without one",
    ),
    "a changed rejection": (
        lambda r: change_table(r / "rejected.parquet", "reason", changed),
        "rejected.parquet: its SHA-256",
    ),
    "an edited recipe": (lambda r: (r / "recipe.yaml").write_text("name: x\nsource: folder\n"), "recipe.yaml: its SHA"),
    "a recipe with more versions of a caption": (
        lambda r: (r / "recipe.yaml").write_text(
            (r / "recipe.yaml").read_text().replace("  versions: 1\n", "  versions: 2\n")
        ),
        "captions_original does not hold each original 2 times in a row",
    ),
    "a recipe that is none": (lambda r: (r / "recipe.yaml").write_text("a: ["), "recipe.yaml: recipe"),
    "an edited card": (lambda r: (r / "README.md").write_text("# mine"), "README.md: its SHA-256"),
    "an edited croissant.json": (lambda r: (r / "croissant.json").write_text("{}"), "croissant.json: its SHA-256"),
    "an edited CITATION.cff": (lambda r: (r / "CITATION.cff").write_text(""), "CITATION.cff: its SHA-256"),
    "an edited attribution.csv": (lambda r: flip_a_bit(r / "attribution.csv"), "attribution.csv: its SHA-256"),
}

#: What is done to release.json, and what names it even where its own hash was made again.
EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "the digest": (lambda v: v.update(digest="0" * 64), "release.json: digest is"),
    "a count": (lambda v: v["counts"].update(rows=3), "release.json: counts.rows is 3"),
    "a count of licences": (lambda v: v["counts"]["licenses"].update({"CC0-1.0": 1}), "counts.licenses.CC0-1.0"),
    "a count of answers": (lambda v: v["counts"]["answers"].update(kept=0), "counts.answers.kept"),
    "the variety": (lambda v: v["caption_variety"]["all"].update(frames=99), "caption_variety.all.frames is 99"),
    "a variety that is none": (lambda v: v.update(caption_variety=[7]), "caption_variety"),
    "the hours": (lambda v: v.update(hours=1.0), "release.json: hours"),
    "the seed": (lambda v: v.update(seed=5), "release.json: seed"),
    "the recipe's hash": (lambda v: v.update(recipe_sha256="0" * 64), "release.json: recipe_sha256"),
    "the format": (lambda v: v.update(format=2), "release.json: its format"),
    "an unknown key": (lambda v: v.update(note="x"), "release.json: note is a key that no release has"),
    "a shard's hash": (lambda v: v["shards"][0].update(metadata_sha256="0" * 64), "metadata.parquet: its SHA-256"),
    "a shard's rows": (lambda v: v["shards"][0].update(rows=99), "release.json says 99"),
    "a shard that is not stated": (forget_shard, "are not stated, the first is"),
    "a shard stated twice": (lambda v: v["shards"].append(v["shards"][0]), "is stated twice"),
    "a shard of odd values": (lambda v: v["shards"].append({"path": "../..", "rows": "x"}), "a shard is stated as"),
    "shards that are no list": (lambda v: v.update(shards=7), "states no shard"),
    "a file's hash": (lambda v: v["files"].update({"README.md": "0" * 64}), "README.md: its SHA-256"),
    "a file that is not stated": (lambda v: v["files"].pop("rooms.parquet"), "states no SHA-256 of rooms.parquet"),
    "a file that leads outside": (lambda v: v["files"].update({"../x": "0" * 64}), "../x, which no release has"),
}

#: Changes that nothing but sense tells, as every hash and the digest were made again after them.
FORGERIES: dict[str, tuple[Damage, str]] = {
    "a word that the numbers deny": (other_word, "are not those of its source"),
    "a caption that contradicts its words": (
        lambda r: change_cell(r, "captions", ["A dog barks far away, up on the left and behind, in a dead tiny room."]),
        "caption 0 ",
    ),
    "a caption that no answer gives": (
        lambda r: change_cell(r, "captions_original", ["Someone whistles"]),
        "caption 0 does not hold",
    ),
    "a template's caption that is said to be a model's": (
        lambda r: change_first(r, "caption_status", lambda v: v[0] == "template", lambda v: ["rewritten", *v[1:]]),
        "has no kept answer that gives it",
    ),
    "a model's caption that is said to be the template's": (
        lambda r: change_first(r, "caption_status", lambda v: v[0] == "rewritten", lambda v: ["template", *v[1:]]),
        "has a kept answer for it",
    ),
    "an answer that was refused and is kept no more": (
        lambda r: change_table(r / "answers.parquet", "text", changed, [first_kept(r)]),
        "has no kept answer that gives it",
    ),
    "numbers of a room that are not the room's": (
        lambda r: change_table(first_metadata(r), "room_length_m", lambda value: value + 0.5),
        "room_length_m not as rooms.parquet has them",
    ),
    "a room that is changed": (
        lambda r: change_table(r / "rooms.parquet", "width_m", lambda v: v + 1, range(20)),
        "room_width_m not as rooms.parquet has them",
    ),
    "a room that is in no table": (lambda r: change_cell(r, "room_id", "train-999999"), "is not in rooms.parquet"),
    "two splits that share a room": (
        lambda r: change_table(first_metadata(r), "room_id", lambda _: a_room(r, "test")),
        "is of the split test",
    ),
    "a room that is in the table twice": (
        lambda r: change_table(r / "rooms.parquet", "room_id", lambda _: a_room(r, "train", 1)),
        "in the table more than once",
    ),
    "a place that is not where its numbers are": (
        lambda r: change_table(first_metadata(r), "source_x_m", lambda value: value + 0.01),
        "are not those of its source",
    ),
    "a source outside of the room": (
        lambda r: [change_table(first_metadata(r), f"{w}_z_m", lambda v: v + 50) for w in ("source", "receiver")],
        "is outside of the room",
    ),
    "a row of another split": (lambda r: change_cell(r, "split", "test"), "its split is test"),
    "an id that is not the clip's": (lambda r: change_cell(r, "source_id", "other"), "its clip and augmentation say"),
    "a seed that is not the id's": (lambda r: change_cell(r, "seed", 5), "its seed is not the one"),
    "two rows with one id": (
        lambda r: change_table(first_metadata(r), "id", lambda _: row_value(r, "id", 1)),
        "more than one row has this id",
    ),
    "two rows with one file": (
        lambda r: change_table(first_metadata(r), "file_name", lambda _: row_value(r, "file_name", 1)),
        "is the file of two rows",
    ),
    "a path that leads outside": (lambda r: change_cell(r, "file_name", "../../README.md"), "leads out of its shard"),
    "an empty cell": (lambda r: change_cell(r, "azimuth_deg", None), "azimuth_deg is null"),
    "a number that is none": (lambda r: change_cell(r, "t30_ms", float("nan")), "t30_ms holds nan"),
    "a number without end": (lambda r: change_cell(r, "distance_m", 1e308), "distance_m holds"),
    "captions of another length": (lambda r: change_cell(r, "captions", []), "are not of one length, or empty"),
    "a status that is none": (
        lambda r: change_table(first_metadata(r), "caption_status", lambda v: ["mine"] * len(v)),
        "the status of caption 0 is mine",
    ),
    "another hash of samples": (lambda r: change_cell(r, "pcm_sha256", "0" * 64), "its samples are not those"),
    "another length": (lambda r: change_cell(r, "duration_s", 7.0), "sample rate or length"),
    "another sample rate": (
        lambda r: write_flac(first_flac(r), samples_of(first_flac(r)), 44_100),
        "sample rate or length",
    ),
    "another count of channels": (
        lambda r: write_flac(first_flac(r), samples_of(first_flac(r))[:, :2]),
        "is FLAC of 2 channels",
    ),
    "another bit depth": (
        lambda r: write_flac(first_flac(r), samples_of(first_flac(r)), subtype="PCM_24"),
        "4 channels and 24 bit, not",
    ),
    "a WAV with a FLAC's name": (
        lambda r: write_flac(first_flac(r), samples_of(first_flac(r)), kind="WAV"),
        "is WAV of 4 channels",
    ),
}


def row_value(release: Path, column: str, row: int) -> Any:
    return pq.read_table(first_metadata(release))[column][row].as_py()


def change_first(release: Path, column: str, wanted: Callable[[Any], bool], change: Callable[[Any], Any]) -> None:
    for path in sorted(release.glob("*/*/metadata.parquet")):
        values = pq.read_table(path)[column].to_pylist()
        for row, value in enumerate(values):
            if wanted(value):
                change_table(path, column, change, [row])
                return
    raise AssertionError("no row is like that")


def first_kept(release: Path) -> int:
    return pq.read_table(release / "answers.parquet")["kept"].to_pylist().index(True)


def a_room(release: Path, split: str, number: int = 0) -> str:
    rooms = pq.read_table(release / "rooms.parquet", columns=["room_id", "split"]).to_pylist()
    return [str(room["room_id"]) for room in rooms if room["split"] == split][number]
