"""Files, tars and lists as downloaders leave them, made by the tests that read them."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import soundfile

from tests.sounds import RATE, noise_burst


def write_tree(root: Path, files: Mapping[str, bytes]) -> Path:
    """Files below a folder, by their names."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def csv_bytes(columns: Sequence[str], rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(columns)
    table.writerows(rows)
    return text.getvalue().encode(encoding)


def tar_bytes(members: Sequence[tuple[str | tarfile.TarInfo, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar of members in their order; a TarInfo stands for a member that is no plain file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            if isinstance(name, str):
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def pair_json(number: int | None, text: object = ("A title.", "A dog barks."), **original: object) -> bytes:
    """A sidecar as LAION writes it."""
    known = {} if number is None else {"id": number}
    data = {"text": text, "tag": ["dog", "bark"], "original_data": {"username": "someone", **known, **original}}
    return json.dumps(data).encode()


def wavcaps_json(items: Sequence[Mapping[str, object]]) -> bytes:
    """A list as WavCaps publishes it."""
    return json.dumps({"num_captions_per_audio": 1, "data": list(items)}).encode()


def wavcaps_item(number: int, caption: str = "A traditional ringtone is playing.") -> dict[str, object]:
    """An entry of WavCaps' list of Freesound."""
    return {
        "id": str(number),
        "file_name": "UK Mello.wav",
        "href": f"/people/someone/sounds/{number}/",
        "tags": ["ringtone"],
        "description": "Standard traditional basic ringtone.",
        "author": "someone",
        "duration": 3.2,
        "download_link": f"https://freesound.org/people/someone/sounds/{number}/download/{number}__someone__x.wav",
        "caption": caption,
        "audio": "wav_path",
    }


def sound(seed: int, ending: str = "flac") -> bytes:
    """A short burst of noise as an audio file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, noise_burst(0.3, seed=seed), RATE, format=ending)
    return buffer.getvalue()
