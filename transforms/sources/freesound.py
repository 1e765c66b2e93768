"""Clips of Freesound in the layouts that people have: LAION's pairs, loose or in tars, and WavCaps' lists."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from transforms import storage
from transforms.records import Rejection
from transforms.sources.audio_files import (
    AudioFiles,
    Piece,
    in_order,
    is_audio,
    loose_audio,
    lost_folders,
    refuse_zips,
    tarred,
)
from transforms.sources.freesound_ids import freesound_id_of
from transforms.sources.input_tree import InputTree, Place, Refusal, SourceUnusable, list_tree
from transforms.sources.listing import EVERYTHING, Entry, Listing, Selection, listing_of
from transforms.sources.tars import MOST_SIDECAR_BYTES
from transforms.sources.text_files import one_line, parse_json_object, read_csv, read_json_objects

#: Columns of licenses.csv: what neither LAION nor WavCaps say of a clip.
LICENCE_LIST, _LICENCE_COLUMNS = "licenses.csv", ("freesound_id", "license")

#: Folders of WavCaps' other sources, whose numbers are not Freesound's.
_OTHERS = re.compile(r"(^|/)(soundbible|bbc_sound|audioset)", re.IGNORECASE)

_NO_PARTNER = Refusal("missing", "no audio file of that name lies beside the JSON file")

#: Ends of titles that are file names.
_FILE_ENDING = re.compile(r"\.(wav|wave|aiff?|flac|ogg|mp3|m4a|aac|wma)\.?$", re.IGNORECASE)


@dataclass(frozen=True)
class _Origin:
    license: str | None = None
    attribution: str | None = None


def list_freesound(input_dir: str, dataset: str, selection: Selection = EVERYTHING) -> Listing:
    """Lists clips of Freesound, in whichever of the two layouts lies there.

    LAION's pairs: `<split>/N.flac` beside `N.json {"text": […], "tag": […], "original_data": {…}}`, loose or in tars.
    WavCaps: `json_files/FreeSound/*.json` and `<id>.flac` in any folder or tar. A clip's id is Freesound's. Licences
    come from the JSON where it has them, else from a `licenses.csv` (freesound_id, license) at the top of the input.

    Raises:
        SourceUnusable: no such folder, neither layout, a list that cannot be read, audio in zip archives alone.
    """
    tree = list_tree(input_dir)
    origins = _origins(tree)
    lists = _wavcaps_lists(tree)
    if lists:
        audio = AudioFiles(tree, selection, leave_out=lambda name: _OTHERS.search(name) is not None)
        entries: Iterator[Entry | Rejection] = chain(
            audio.rejections, *(_wavcaps_entries(tree, name, audio, origins) for name in lists)
        )
    else:
        if not any(name.lower().endswith((".json", ".tar")) for name in tree.sizes):
            refuse_zips(tree)
            raise SourceUnusable(
                f"{input_dir} holds neither pairs of audio and JSON, nor tars of them, "
                "nor json_files/FreeSound/*.json: it is no Freesound"
            )
        pairs = (_loose_pairs(tree, selection, origins), _tarred_pairs(tree, selection, origins))
        entries = chain(lost_folders(tree), *pairs)
    return listing_of(entries, dataset, selection)


def _origins(tree: InputTree) -> dict[str, _Origin]:
    """Freesound id → licence and author, from the list that people lay beside what they downloaded."""
    if LICENCE_LIST not in tree.sizes:
        return {}
    origins = {}
    for row in read_csv(tree.path(LICENCE_LIST), _LICENCE_COLUMNS):
        number = freesound_id_of(row["freesound_id"])
        if number is not None:
            origins[number] = _Origin(row["license"].strip() or None, row.get("username", "").strip() or None)
    return origins


# ---- WavCaps


def _wavcaps_lists(tree: InputTree) -> list[str]:
    """The lists of WavCaps in a tree; fsd_final_2s.json holds clips of fsd_final.json again."""
    found = []
    for name in tree.sizes:
        folder, _, base = name.lower().rpartition("/")
        if base.endswith(".json") and (base.startswith("fsd_final") or folder.endswith("json_files/freesound")):
            found.append(name)
    whole = {name.rpartition("/")[0] for name in found if name.rpartition("/")[2] == "fsd_final.json"}
    return [
        name
        for name in found
        if not (name.rpartition("/")[2] == "fsd_final_2s.json" and name.rpartition("/")[0] in whole)
    ]


def _wavcaps_entries(
    tree: InputTree, name: str, audio: AudioFiles, origins: dict[str, _Origin]
) -> Iterator[Entry | Rejection]:
    place = Place(tree.path(name), tree.sizes[name])
    clips = 0
    for position, item in enumerate(read_json_objects(place)):
        if isinstance(item, str):
            if not clips:
                raise SourceUnusable(f"{place.path} cannot be read: {item}")
            yield Rejection(name, "list", "broken_json", f"after {position} clips: {item}")
            return
        clips += 1
        number = freesound_id_of(item.get("id"))
        if number is None:
            yield Rejection(
                f"{name}[{position}]", "list", "no_id", "the list has an entry without a Freesound id", "train"
            )
            continue
        captions = [item.get("caption"), *(item.get(key) for key in sorted(item) if re.fullmatch(r"caption_\d+", key))]
        origin = origins.get(number, _Origin())
        yield Entry(
            # WavCaps is for training: it has no splits.
            "train",
            number,
            _caption_texts(captions),
            audio.audio(number, "train"),
            _text(item.get("license")) or origin.license,
            _text(item.get("author")) or origin.attribution,
            _address(number, item.get("href")),
            number,
        )


def _address(number: str, href: object = None) -> str:
    path = _text(href) or ""
    return f"https://freesound.org{path}" if path.startswith("/people/") else f"https://freesound.org/s/{number}/"


# ---- LAION's pairs


def _loose_pairs(tree: InputTree, selection: Selection, origins: dict[str, _Origin]) -> Iterator[Entry | Rejection]:
    audio: dict[str, Piece] = {}
    for piece in loose_audio(tree):
        audio.setdefault(os.path.splitext(piece.name)[0], piece)
    sidecars = [name for name in tree.sizes if name.lower().endswith(".json") and _may_be_sidecar(name)]
    texts = in_order(
        lambda name: _read_sidecar(tree.path(name), tree.sizes[name]), sidecars, remote=storage.is_remote(tree.root)
    )
    for name, text in zip(sidecars, texts, strict=True):
        stem = os.path.splitext(name)[0]
        yield _pair(stem, name, text, audio.pop(stem, None), selection, origins)
    yield from map(_without_text, audio.values())


def _may_be_sidecar(name: str) -> bool:
    """LAION writes sizes.json beside its tars."""
    return name.rpartition("/")[2] != "sizes.json"


def _read_sidecar(path: str, size_bytes: int) -> bytes | Refusal:
    if size_bytes > MOST_SIDECAR_BYTES:
        return Refusal("too_large", f"a JSON file of {size_bytes} bytes")
    try:
        return storage.read_bytes(path)
    except OSError as error:
        return Refusal("unreadable", error.strerror or one_line(error))


def _tarred_pairs(tree: InputTree, selection: Selection, origins: dict[str, _Origin]) -> Iterator[Entry | Rejection]:
    """Pairs in tars; the two of a pair may lie anywhere in theirs."""
    audio: dict[str, Piece] = {}
    texts: dict[str, tuple[str, bytes]] = {}
    tar: str | None = None
    for piece in tarred(tree):
        if isinstance(piece, Rejection):
            yield piece
            continue
        of = piece.audio.path if isinstance(piece.audio, Place) else None
        if of != tar:
            yield from _left_over(audio, texts, selection, origins)
            audio, texts, tar = {}, {}, of
        stem = os.path.splitext(piece.name)[0]
        if piece.sidecar is not None and _may_be_sidecar(piece.name):
            texts.setdefault(stem, (piece.name, piece.sidecar))
        elif is_audio(piece.name):
            audio.setdefault(stem, piece)
        if stem in audio and stem in texts:
            yield _pair(stem, *texts.pop(stem), audio.pop(stem), selection, origins)
    yield from _left_over(audio, texts, selection, origins)


def _left_over(
    audio: dict[str, Piece], texts: dict[str, tuple[str, bytes]], selection: Selection, origins: dict[str, _Origin]
) -> Iterator[Entry | Rejection]:
    for stem, (name, text) in texts.items():
        yield _pair(stem, name, text, None, selection, origins)
    yield from map(_without_text, audio.values())


def _without_text(piece: Piece) -> Rejection:
    if isinstance(piece.audio, Refusal):
        return Rejection(piece.name, "list", piece.audio.reason, piece.audio.detail)
    return Rejection(piece.name, "list", "no_text", "no JSON file of that name lies beside the audio")


def _pair(
    stem: str,
    name: str,
    text: bytes | Refusal,
    piece: Piece | None,
    selection: Selection,
    origins: dict[str, _Origin],
) -> Entry | Rejection:
    split = selection.split_of(stem.split("/")[:-1])
    if isinstance(text, Refusal):
        return Rejection(name, "list", text.reason, text.detail, split)
    values = parse_json_object(text)
    if values is None:
        return Rejection(name, "list", "broken_json", "the file holds no JSON object", split)
    original = values.get("original_data")
    original = original if isinstance(original, dict) else {}
    number = next(
        filter(None, (freesound_id_of(original.get(key)) for key in ("id", "freesound_id", "download_url", "url"))),
        None,
    )
    origin = origins.get(number, _Origin()) if number is not None else _Origin()
    return Entry(
        split,
        number or stem,
        _laion_captions(values),
        _NO_PARTNER if piece is None else piece.audio,
        _text(original.get("license")) or _text(values.get("license")) or origin.license,
        _text(original.get("username")) or origin.attribution,
        None if number is None else _address(number),
        number,
        file=name,
    )


def _laion_captions(values: dict[str, Any]) -> tuple[str, ...]:
    """One or two captions: LAION's `text`, the title and the description's first sentence; else a sentence of tags.

    Tags are made into a caption only where there is no text, by LAION's own rule for sets without captions
    ("The sounds of A, B and C"), so that the keywords that have a sentence beside them are not said twice.
    """
    text = values.get("text")
    captions = _caption_texts(text if isinstance(text, list) else [text])
    if captions:
        return captions
    tags = values.get("tag")
    names = [name for name in (_text(tag) for tag in (tags if isinstance(tags, list) else [tags])) if name]
    if not names:
        return ()
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return (f"The sounds of {listed}.".replace("-", " "),)


def _caption_texts(values: list[Any]) -> tuple[str, ...]:
    """Texts on one line each, entities resolved, without those that say nothing and those that say the same again."""
    found: dict[str, str] = {}
    for value in values:
        text = " ".join(html.unescape(_text(value) or "").split())
        text = _FILE_ENDING.sub(".", text)
        # LAION ends each with a full stop: an empty description is a full stop alone.
        if any(sign.isalnum() for sign in text):
            found.setdefault(text.rstrip(".").lower(), text)
    return tuple(found.values())


def _text(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None
