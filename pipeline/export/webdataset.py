"""The export of a release as WebDataset tar shards; every file's SHA-256 is checked while it is copied."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TextIO

from pipeline.check.row_progress import RowProgress
from pipeline.export.checked_rows import ReleaseDamaged, checked_rows, whole_shards
from pipeline.export.output_folder import claim_folder, finish_folder
from pipeline.release.row_flacs import row_flacs
from transforms.records import SPLITS
from transforms.storage import folder_files

#: The most bytes of a tar shard; the next row begins another one.
SHARD_BYTES = 1_000_000_000
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Exported:
    """The size of an export."""

    rows: int
    shards: int
    bytes: int


def sample_key(file_name: str) -> str:
    """The name that a sample's members share: the FLAC's name without dots, as readers split names at the first dot."""
    return _NOT_IN_KEYS.sub("-", file_name.removesuffix(".flac"))


def export_webdataset(release: Path, output: Path, screen: TextIO, *, shard_bytes: int = SHARD_BYTES) -> Exported:
    """Writes SPLIT-000000.tar, … with `KEY.flac` and `KEY.json` (every column) for each row, in the release's order.

    A row of a higher order has `KEY.d2.flac` and `KEY.d3.flac` besides.

    The stems of a scene stay in the release: they hold again what the FLAC holds mixed, and may be twice as large.

    A tar appears under its name only when it is complete. The release and the size alone decide the bytes of each tar,
    so an export that was stopped can go on: it keeps the tars that are complete.

    Raises:
        ReleaseError: when the folder has no release.json whose shards can be read.
        ReleaseDamaged: when a file differs from what the release states.
        ExportError: when the output folder holds something else.
        OSError: when a file cannot be read or written.
    """
    shards, digest = whole_shards(release)
    index = {"digest": digest, "shard_bytes": shard_bytes}
    claim_folder(output, index)
    written: dict[str, Any] = {}
    with RowProgress("export", sum(shard["rows"] for shard in shards), screen) as progress:
        for split in SPLITS:
            tars = _Tars(output, split, shard_bytes)
            with tars:
                for shard, values in checked_rows(release, [s for s in shards if s["path"].startswith(f"{split}/")]):
                    tars.add(release, shard, values)
                    progress.add(1)
            written.update(tars.written)
    finish_folder(output, {**index, "tars": written})
    counts = list(written.values())
    return Exported(sum(c["rows"] for c in counts), len(counts), sum(c["bytes"] for c in counts))


class _Tars:
    """Writes the tars of a split one after another; a tar that is already complete is counted and kept."""

    def __init__(self, output: Path, split: str, most_bytes: int) -> None:
        self._output, self._split, self._most_bytes = output, split, most_bytes
        self.written: dict[str, dict[str, int]] = {}
        self._number = -1
        self._room = 0
        self._rows = 0
        self._file: BinaryIO | None = None
        self._tar: tarfile.TarFile | None = None

    def __enter__(self) -> _Tars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
        elif self._tar is not None:
            self._tar.close()
            self._close_file()
            folder_files.remove_files(str(self._output), [self._partial])

    def add(self, release: Path, shard: str, values: dict[str, Any]) -> None:
        """Adds the members of a row; they go into the next tar when this one has no room."""
        metadata = json.dumps(values, ensure_ascii=False, sort_keys=True).encode()
        flacs = row_flacs(values)
        # A tar stores whole blocks, and one block for each header.
        sizes = [*(folder_files.size_of(str(release), f"{shard}/{flac.name}") for flac in flacs), len(metadata)]
        needed = sum(tarfile.BLOCKSIZE * (1 + -(-size // tarfile.BLOCKSIZE)) for size in sizes)
        if self._number < 0 or (self._rows and needed > self._room):
            self._finish()
            self._begin()
        self._room -= needed
        self._rows += 1
        if self._tar is None:
            return
        members = []
        for degree, flac in enumerate(flacs, 1):
            name = f"{shard}/{flac.name}"
            data = folder_files.read_bytes(str(release), name, flac.most_bytes(values["duration_s"]))
            if hashlib.sha256(data).hexdigest() != flac.sha256:
                raise ReleaseDamaged(f"{name}: its SHA-256 is not the one in its row")
            members.append(("flac" if degree == 1 else f"d{degree}.flac", data))
        key = sample_key(values["file_name"])
        for ending, data in (*members, ("json", metadata)):
            # Owner and time stay at zero, so that the same release gives the same bytes.
            member = tarfile.TarInfo(f"{key}.{ending}")
            member.size = len(data)
            self._tar.addfile(member, io.BytesIO(data))

    @property
    def _target(self) -> str:
        return f"{self._split}-{self._number:06d}.tar"

    @property
    def _partial(self) -> str:
        return f".{self._target}.partial"

    def _begin(self) -> None:
        self._number += 1
        self._room, self._rows = self._most_bytes, 0
        if not folder_files.exists(str(self._output), self._target):
            self._file = folder_files.create_file(str(self._output), self._partial)
            self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)

    def _finish(self) -> None:
        if self._number < 0:
            return
        if self._tar is not None:
            self._tar.close()
            self._close_file()
            folder_files.rename(str(self._output), self._partial, self._target)
            self._tar = None
        size = folder_files.size_of(str(self._output), self._target)
        self.written[self._target] = {"rows": self._rows, "bytes": size}

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
