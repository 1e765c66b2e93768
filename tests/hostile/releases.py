"""Changes an honest release, or a folder of requests, into a hostile one; the same seed gives the same folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import yaml

from pipeline.release.release_json import seal
from tests.hostile.values import TEXTS, change_cell, change_somewhere, odd_json, odd_table, odd_value, odd_yaml
from tests.sounds import RATE

#: The name of the file beside the release that nobody may read, and what it holds.
SECRET, SECRET_TEXT = "outside/secret.txt", "nobody reads this"

#: Of a file that takes no room on the disk.
_SPARSE_BYTES = 40 << 30

#: What a change raises where an earlier one has taken away what it changes, or nested it too deeply.
_NOT_TO_BE_CHANGED = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, MemoryError, RecursionError),
    pa.ArrowException,
)


def make_hostile(seed: int, release: Path) -> list[str]:
    """Changes the release in place; returns the names of the changes."""
    draw = random.Random(seed)
    done = []
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        change = draw.choice(CHANGES)
        try:
            change(draw, release)
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            MemoryError,
            RecursionError,
            pa.ArrowException,
        ):
            done.append(f"({change.__name__})")
            continue
        done.append(change.__name__)
    if draw.random() < 0.7:
        state_again(release)
        done.append("state_again")
    return done


def make_hostile_requests(seed: int, requests: Path) -> list[str]:
    """The same for a folder of requests with its results."""
    draw = random.Random(seed)
    files = sorted(path for path in requests.rglob("*") if path.is_file())
    path = draw.choice(files)
    if path.suffix == ".parquet":
        path.write_bytes(odd_table(draw, pq.read_table(path)))
    elif path.suffix == ".json" and draw.random() < 0.7:
        values = json.loads(path.read_text())
        change_somewhere(draw, values)
        _write_json(path, values)
    elif path.suffix == ".jsonl":
        lines = path.read_bytes().splitlines()
        values = json.loads(lines[0])
        change_somewhere(draw, values)
        extra = odd_json(draw, lines[0].decode()) if draw.random() < 0.5 else _dumped(values)
        path.write_bytes(b"\n".join([extra, *lines[1:]]))
    elif draw.random() < 0.5:
        path.write_bytes(odd_json(draw, path.read_text()))
    else:
        _replace(draw, path, requests)
    return [path.name]


def state_again(release: Path) -> None:
    """Makes the hashes of release.json again where it is one, so that only what they cover is wrong."""
    path = release / "release.json"
    try:
        values = json.loads(path.read_bytes()) if path.is_file() else None
        for name in values["files"]:
            if (release / name).is_file() and (release / name).stat().st_size < _SPARSE_BYTES:
                values["files"][name] = hashlib.sha256((release / name).read_bytes()).hexdigest()
        for shard in values["shards"]:
            table = release / shard["path"] / "metadata.parquet"
            if table.is_file() and not table.is_symlink() and table.stat().st_size < _SPARSE_BYTES:
                data = table.read_bytes()
                shard["metadata_sha256"] = hashlib.sha256(data).hexdigest()
        values["sha256"] = seal(values)
        _write_json(path, values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError):
        return


def _write_json(path: Path, values: object) -> None:
    path.write_bytes(_dumped(values))


def _dumped(values: object) -> bytes:
    try:
        return json.dumps(values).encode()
    except RecursionError:
        # Deeper than Python writes.
        return b"[" * 3_000 + b"]" * 3_000


def _tables(release: Path) -> list[Path]:
    return sorted(path for path in release.rglob("*.parquet") if path.is_file() and not path.is_symlink())


def _flacs(release: Path) -> list[Path]:
    return sorted(path for path in release.rglob("*.flac") if path.is_file() and not path.is_symlink())


def a_key_of_release_json(draw: random.Random, release: Path) -> None:
    values = json.loads((release / "release.json").read_text())
    change_somewhere(draw, values)
    _write_json(release / "release.json", values)


def a_count_of_release_json(draw: random.Random, release: Path) -> None:
    values = json.loads((release / "release.json").read_text())
    values[draw.choice(list(values))] = odd_value(draw)
    _write_json(release / "release.json", values)


def stated_rows(draw: random.Random, release: Path) -> None:
    values = json.loads((release / "release.json").read_text())
    draw.choice(values["shards"])[draw.choice(("rows", "path", "metadata_sha256"))] = odd_value(draw)
    _write_json(release / "release.json", values)


def text_of_a_json(draw: random.Random, release: Path) -> None:
    path = release / draw.choice(("release.json", "release.json", "croissant.json"))
    path.write_bytes(odd_json(draw, path.read_text()))


def a_key_of_the_recipe(draw: random.Random, release: Path) -> None:
    values = yaml.safe_load((release / "recipe.yaml").read_text())
    change_somewhere(draw, values)
    try:
        text = yaml.safe_dump(values)
    except RecursionError:
        # Deeper than PyYAML writes.
        text = f"seed: {'[' * 2_000}{']' * 2_000}\n"
    (release / "recipe.yaml").write_text(text)


def paths_in_the_recipe(draw: random.Random, release: Path) -> None:
    values = yaml.safe_load((release / "recipe.yaml").read_text())
    outside = str(release.parent / SECRET)
    section, key = draw.choice(
        (
            *(("caption", "prompt"), ("caption", "weights"), ("rooms", "file"), ("select", "exclude")),
            *(("receiver", "array"), ("receiver", "head")),
        )
    )
    values[section][key] = [outside] if key == "exclude" else draw.choice((outside, "/dev/zero", str(release / "pipe")))
    os.mkfifo(release / "pipe")
    (release / "recipe.yaml").write_text(yaml.safe_dump(values))


def addresses_in_the_recipe(draw: random.Random, release: Path) -> None:
    values = yaml.safe_load((release / "recipe.yaml").read_text())
    values["caption"] |= {"writer": "openai", "base_url": "http://attacker.invalid/v1", "judge": "model"}
    values["caption"]["judge_base_url"] = "http://attacker.invalid/v1"
    (release / "recipe.yaml").write_text(yaml.safe_dump(values))


def text_of_the_recipe(draw: random.Random, release: Path) -> None:
    path = release / "recipe.yaml"
    path.write_bytes(odd_yaml(draw, path.read_text()))


def a_table(draw: random.Random, release: Path) -> None:
    path = draw.choice(_tables(release))
    path.write_bytes(odd_table(draw, pq.read_table(path)))


def swapped_files(draw: random.Random, release: Path) -> None:
    one, other = draw.sample(draw.choice((_tables(release), _flacs(release))), 2)
    one_bytes, other_bytes = one.read_bytes(), other.read_bytes()
    for path, data in ((one, other_bytes), (other, one_bytes)):
        path.unlink()
        path.write_bytes(data)


def _replace(draw: random.Random, path: Path, release: Path) -> None:
    """Puts something else than an honest file in the place of a file."""
    outside = release.parent / SECRET
    path.unlink()
    kinds: tuple[Callable[[], object], ...] = (
        lambda: os.mkfifo(path),
        lambda: path.symlink_to("/dev/zero"),
        lambda: path.symlink_to(outside),
        lambda: path.symlink_to(path),
        lambda: path.mkdir(),
        lambda: None,
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(os.urandom(3_000)),
        lambda: _sparse(path),
        lambda: path.rename(path) if path.exists() else path.write_text("no file of a release"),
    )
    draw.choice(kinds)()


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(_SPARSE_BYTES)


def another_kind_of_file(draw: random.Random, release: Path) -> None:
    _replace(draw, draw.choice(sorted(path for path in release.rglob("*") if path.is_file())), release)


def a_folder_that_is_a_link(draw: random.Random, release: Path) -> None:
    outside = release.parent / "outside"
    name = draw.choice(("train", "report", "report/data", "report/audio", ".elsa", "report/index.html", "shard"))
    path = next(iter(sorted(release.glob("train/*")))) if name == "shard" else release / name
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside)


def odd_names(draw: random.Random, release: Path) -> None:
    for text in draw.sample(TEXTS, 3):
        name = text.replace("/", "_").replace("\0", "")[:200] or "empty"
        (release / draw.choice(("", "train", "report")) / name).mkdir(parents=True, exist_ok=True)


def planted_workspace(draw: random.Random, release: Path) -> None:
    folder, honest_table = release / ".elsa", pq.read_table(_tables(release)[0])
    for name in (
        "state.json",
        "lock",
        "run",
        "plan.parquet",
        "redone/a.parquet",
        "answers/a.parquet",
        "journal/a.jsonl",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(odd_json(draw, "{}") if draw.random() < 0.7 else odd_table(draw, honest_table))


def _restate_row(release: Path, flac: Path, **values: object) -> None:
    """Makes the row of a FLAC agree with it, as an attacker does; a stem has none."""
    path = flac.parent / "metadata.parquet"
    if not path.exists():
        return
    rows = pq.read_table(path)
    records = rows.to_pylist()
    # An earlier change may have taken the row away, which is a KeyError.
    row = {one["file_name"]: one for one in records}[flac.name]
    row |= {"sha256": hashlib.sha256(flac.read_bytes()).hexdigest(), **values}
    pq.write_table(pa.Table.from_pylist(records, rows.schema), path, compression="zstd")


def a_flac_of_another_length(draw: random.Random, release: Path) -> None:
    flac = draw.choice(_flacs(release))
    data = bytearray(flac.read_bytes())
    frames = draw.choice((2**36 - 1, 0, 10**9))
    data[21] = data[21] & 0xF0 | frames >> 32
    data[22:26] = (frames & 0xFFFFFFFF).to_bytes(4, "big")
    flac.unlink()
    flac.write_bytes(data)
    _restate_row(release, flac, duration_s=frames / RATE)


def a_flac_that_grows(draw: random.Random, release: Path) -> None:
    flac = draw.choice(_flacs(release))
    seconds = draw.choice((20, 280))
    data = io.BytesIO()
    soundfile.write(data, np.zeros((seconds * RATE, 4), dtype=np.int16), RATE, format="FLAC", subtype="PCM_16")
    flac.unlink()
    flac.write_bytes(data.getvalue())
    _restate_row(release, flac, duration_s=float(seconds))


def a_flac_that_is_none(draw: random.Random, release: Path) -> None:
    flac = draw.choice(_flacs(release))
    samples = np.zeros((480, draw.choice((1, 4, 8))), dtype=np.int16)
    data = io.BytesIO()
    kind = draw.choice(("WAV", "FLAC", "AIFF", "OGG"))
    soundfile.write(data, samples, draw.choice((RATE, 8_000)), format=kind)
    content = bytearray(data.getvalue())
    for _ in range(draw.choice((0, 1, 20))):
        content[draw.randrange(len(content))] = draw.randrange(256)
    flac.unlink()
    flac.write_bytes(content)
    _restate_row(release, flac)


def cells_of_rows(draw: random.Random, release: Path) -> None:
    path = draw.choice([table for table in _tables(release) if table.name == "metadata.parquet"])
    rows = pq.read_table(path)
    records = rows.to_pylist()
    row = draw.choice(records)
    name = draw.choice(("file_name", "id", "captions", "captions_original", "caption_status", "room_id", "license"))
    kind = rows.schema.field(name).type
    row[name] = [draw.choice(TEXTS) for _ in range(3)] if pa.types.is_list(kind) else draw.choice(TEXTS)
    pq.write_table(pa.Table.from_pylist(records, rows.schema), path, compression="zstd")


def sources_of_rows(draw: random.Random, release: Path) -> None:
    path = draw.choice([table for table in _tables(release) if table.name == "metadata.parquet"])
    rows = pq.read_table(path)
    records = rows.to_pylist()
    kind = rows.schema.field("sources").type
    for _ in range(draw.choice((1, 1, 1, 20))):
        row = draw.choice(records)
        row["sources"] = change_cell(draw, row["sources"], kind)
    pq.write_table(pa.Table.from_pylist(records, rows.schema), path, compression="zstd")


def receiver_of_rows(draw: random.Random, release: Path) -> None:
    """Other channels, and files of higher degrees that lie anywhere."""
    path = draw.choice([table for table in _tables(release) if table.name == "metadata.parquet"])
    rows = pq.read_table(path)
    records = rows.to_pylist()
    row = draw.choice(records)
    names = [row["file_name"].replace(".flac", f".d{degree}.flac") for degree in (2, 3, 4)]
    row["channels"] = draw.choice(("LR", "WYZX", None, *TEXTS))
    row["degree_files"] = draw.choice(
        (names[:1], names[:2], names, names[1::-1], [row["file_name"]], ["../../README.md"], [*TEXTS], [None], None)
    )
    count = draw.choice((0, 1, 2, len(row["degree_files"] or ())))
    for column in ("degree_sha256", "degree_pcm_sha256"):
        row[column] = draw.choice(([row["sha256"]] * count, [draw.choice(TEXTS)] * count, None))
    if draw.random() < 0.5:
        for name in names[: draw.choice((1, 2, 3))]:
            shutil.copy(path.parent / row["file_name"], path.parent / name)
    pq.write_table(pa.Table.from_pylist(records, rows.schema), path, compression="zstd")


def long_captions(draw: random.Random, release: Path) -> None:
    path = draw.choice([table for table in _tables(release) if table.name == "metadata.parquet"])
    rows = pq.read_table(path)
    records = rows.to_pylist()
    piece = draw.choice(
        ("a dog barks in a small room to the left, ", "((((", "near near ", "1.5 metres ", "\u0301", "'\"'")
    )
    for record in records:
        record["captions"] = [piece * draw.choice((50, 400, 40_000)) for _ in record["captions"]]
    pq.write_table(pa.Table.from_pylist(records, rows.schema), path, compression="zstd")


CHANGES: Sequence[Callable[[random.Random, Path], None]] = (
    a_key_of_release_json,
    a_key_of_release_json,
    a_count_of_release_json,
    stated_rows,
    text_of_a_json,
    a_key_of_the_recipe,
    a_key_of_the_recipe,
    paths_in_the_recipe,
    addresses_in_the_recipe,
    text_of_the_recipe,
    a_table,
    a_table,
    a_table,
    a_table,
    cells_of_rows,
    cells_of_rows,
    sources_of_rows,
    sources_of_rows,
    sources_of_rows,
    receiver_of_rows,
    receiver_of_rows,
    long_captions,
    swapped_files,
    another_kind_of_file,
    another_kind_of_file,
    a_folder_that_is_a_link,
    odd_names,
    planted_workspace,
    a_flac_of_another_length,
    a_flac_that_grows,
    a_flac_that_is_none,
)
