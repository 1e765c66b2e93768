"""Clips of Freesound in the layouts that people have: LAION's pairs, loose or in tars, and WavCaps' lists."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from transforms import storage
from transforms.errors import reason_of
from transforms.records import Rejection
from transforms.sources.audio_files import (
    AudioFiles,
    Piece,
    in_order,
    list_name,
    loose_audio,
    lost_folders,
    refuse_zips,
    tarred,
)
from transforms.sources.freesound_ids import freesound_id_of
from transforms.sources.input_tree import InputTree, Place, Refusal, list_tree
from transforms.sources.listing import EVERYTHING, Entry, Listing, Selection, listing_of
from transforms.sources.lists.captions import NotText, captions_of
from transforms.sources.lists.csv_rows import read_csv
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.json_rows import parse_json_object, read_json_objects
from transforms.sources.lists.rows import BadRow, Columns
from transforms.sources.names import is_audio
from transforms.sources.tars import MOST_SIDECAR_BYTES
from transforms.storage import folder_files

#: A list of what neither LAION nor WavCaps say of a clip.
LICENCE_LIST = "licenses.csv"
_LICENCE_COLUMNS = Columns(("freesound_id", "license"), also=("username",), looks={"freesound_id": r"\d+"})

#: JSON files of these names are never of a clip: LAION writes sizes.json beside its tars, hubs write the others.
_NOT_SIDECARS = frozenset(("sizes.json", "dataset_info.json", "dataset_infos.json", "croissant.json", "state.json"))

#: A clip's JSON has one of these.
_SIDECAR_KEYS = ("text", "tag", "original_data")

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
    origins: dict[str, _Origin] = {}
    bad_lines = list(_read_origins(tree, origins))
    lists = _wavcaps_lists(tree)
    if lists:
        audio = AudioFiles(tree, selection, leave_out=lambda name: _OTHERS.search(name) is not None)
        entries: Iterator[Entry | Rejection] = chain(
            audio.rejections, *(_wavcaps_entries(tree, name, audio, origins) for name in lists)
        )
    else:
        if not any(name.lower().endswith((".json", ".tar")) for name in (*tree.sizes, *tree.refused)):
            refuse_zips(tree)
            raise SourceUnusable(
                f"{input_dir} holds neither pairs of audio and JSON, nor tars of them, "
                "nor json_files/FreeSound/*.json: it is no Freesound"
            )
        pairs = (_loose_pairs(tree, selection, origins), _tarred_pairs(tree, selection, origins))
        entries = chain(lost_folders(tree), *pairs)
    listing = listing_of(chain(bad_lines, entries), dataset, selection)
    unlisted = audio.unlisted if lists else 0
    return replace(listing, unlisted=unlisted, releases=tree.releases)


def _read_origins(tree: InputTree, origins: dict[str, _Origin]) -> Iterator[Rejection]:
    """Adds licence and author by Freesound id, from the list that people lay beside what they downloaded."""
    if list_name(tree, LICENCE_LIST) is None:
        return
    for row in read_csv(tree.file(LICENCE_LIST), _LICENCE_COLUMNS, LICENCE_LIST):
        if isinstance(row, BadRow):
            yield row.rejection()
            continue
        number = freesound_id_of(row.cells["freesound_id"])
        if number is not None:
            licence, author = row.cells["license"].strip(), row.cells.get("username", "").strip()
            origins[number] = _Origin(licence or None, author or None)


# ---- WavCaps


def _wavcaps_lists(tree: InputTree) -> list[str]:
    """The lists of WavCaps in a tree; fsd_final_2s.json holds clips of fsd_final.json again.

    Raises:
        SourceUnusable: where one of them may not be read.
    """
    found = []
    for name in (*tree.sizes, *tree.refused):
        folder, _, base = name.lower().rpartition("/")
        if base.endswith(".json") and (base.startswith("fsd_final") or folder.endswith("json_files/freesound")):
            found.append(name)
    whole = {name.rpartition("/")[0] for name in found if name.rpartition("/")[2] == "fsd_final.json"}
    lists = [
        name
        for name in found
        if not (name.rpartition("/")[2] == "fsd_final_2s.json" and name.rpartition("/")[0] in whole)
    ]
    return [name for name in lists if list_name(tree, name)]


def _wavcaps_entries(
    tree: InputTree, name: str, audio: AudioFiles, origins: dict[str, _Origin]
) -> Iterator[Entry | Rejection]:
    clips = 0
    for row in read_json_objects(tree.file(name), tree.sizes[name], name):
        if isinstance(row, BadRow):
            if not clips:
                raise SourceUnusable(f"{tree.path(name)} cannot be read: {row.detail}")
            detail = row.where.says(f"after {clips} clips: {row.detail}")
            yield Rejection(name, "list", "broken_json", detail)
            return
        clips += 1
        item = row.cells
        number = freesound_id_of(item.get("id"))
        if number is None:
            detail = row.where.says("the list has an entry without a Freesound id")
            yield Rejection(row.where.name, "list", "no_id", detail)
            continue
        captions = [item.get("caption"), *(item.get(key) for key in sorted(item) if re.fullmatch(r"caption_\d+", key))]
        origin = origins.get(number, _Origin())
        split = audio.split_of(number)
        yield Entry(
            # WavCaps has no splits; the folders of its audio may have been given some.
            split,
            number,
            tuple(captions),
            audio.audio(number, split),
            _text(item.get("license")) or origin.license,
            _text(item.get("author")) or origin.attribution,
            _address(number, item.get("href")),
            number,
            where=row.where,
            clean=_clean,
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
    unread = {os.path.splitext(name)[0]: name for name in tree.refused if name.lower().endswith(".json")}
    texts = in_order(
        lambda name: _read_sidecar(tree.file(name), tree.sizes[name]), sidecars, remote=storage.is_remote(tree.root)
    )
    for name, text in zip(sidecars, texts, strict=True):
        stem = os.path.splitext(name)[0]
        yield from _pair(stem, name, text, audio.pop(stem, None), selection, origins)
    for stem in sorted(audio.keys() & unread.keys()):
        yield from _pair(stem, unread[stem], tree.refused[unread[stem]], audio.pop(stem), selection, origins)
    yield from map(_without_text, audio.values())


def _may_be_sidecar(name: str) -> bool:
    return name.rpartition("/")[2].lower() not in _NOT_SIDECARS


def _read_sidecar(path: str, size_bytes: int) -> bytes | Refusal:
    if size_bytes > MOST_SIDECAR_BYTES:
        return Refusal("too_large", f"a JSON file of {size_bytes} bytes")
    try:
        return folder_files.read_listed(path, MOST_SIDECAR_BYTES)
    except OSError as error:
        return Refusal("unreadable", reason_of(error))


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
            yield from _pair(stem, *texts.pop(stem), audio.pop(stem), selection, origins)
    yield from _left_over(audio, texts, selection, origins)


def _left_over(
    audio: dict[str, Piece], texts: dict[str, tuple[str, bytes]], selection: Selection, origins: dict[str, _Origin]
) -> Iterator[Entry | Rejection]:
    for stem, (name, text) in texts.items():
        yield from _pair(stem, name, text, None, selection, origins)
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
) -> Iterator[Entry | Rejection]:
    """The entry of a clip's JSON file and its audio; nothing where the file is another's, and has no audio."""
    split = selection.split_of(stem.split("/")[:-1])
    if isinstance(text, Refusal):
        if piece is not None or text.reason != "too_large":
            yield Rejection(name, "list", text.reason, text.detail, split)
        return
    values = parse_json_object(text)
    if isinstance(values, str):
        yield Rejection(name, "list", "broken_json", f"the file holds no JSON object: {values}", split)
        return
    if piece is None and not any(key in values for key in _SIDECAR_KEYS):
        return
    original = values.get("original_data")
    original = original if isinstance(original, dict) else {}
    number = next(
        filter(None, (freesound_id_of(original.get(key)) for key in ("id", "freesound_id", "download_url", "url"))),
        None,
    )
    origin = origins.get(number, _Origin()) if number is not None else _Origin()
    yield Entry(
        split,
        number or stem,
        _laion_captions(values),
        _NO_PARTNER if piece is None else piece.audio,
        _text(original.get("license")) or _text(values.get("license")) or origin.license,
        _text(original.get("username")) or origin.attribution,
        None if number is None else _address(number),
        number,
        file=name,
        needs_split="/" in stem,
        clean=_clean,
    )


def _laion_captions(values: dict[str, Any]) -> tuple[Any, ...]:
    """One or two captions: LAION's `text`, the title and the description's first sentence; else a sentence of tags.

    Tags are made into a caption only where there is no text, by LAION's own rule for sets without captions
    ("The sounds of A, B and C"), so that the keywords that have a sentence beside them are not said twice.
    """
    try:
        if _clean(captions_of(values.get("text"))):
            return (values.get("text"),)
    except NotText:
        return (values.get("text"),)
    tags = values.get("tag")
    names = [name for name in (_text(tag) for tag in (tags if isinstance(tags, list) else [tags])) if name]
    if not names:
        return ()
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return (f"The sounds of {listed}.".replace("-", " "),)


def _clean(captions: Iterable[str]) -> tuple[str, ...]:
    """Texts on one line each, entities resolved, without those that say nothing and those that say the same again."""
    found: dict[str, str] = {}
    for caption in captions:
        text = _FILE_ENDING.sub(".", " ".join(html.unescape(caption).split()))
        # LAION ends each with a full stop: an empty description is a full stop alone.
        if any(sign.isalnum() for sign in text):
            found.setdefault(text.rstrip(".").lower(), text)
    return tuple(found.values())


def _text(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None
