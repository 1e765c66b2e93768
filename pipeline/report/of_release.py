"""The report as the commands write it: for a release on this machine's disk, with the originals of its input."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline.recipe import load_release_recipe
from pipeline.report import write_report
from pipeline.report.players import OriginalOf
from transforms.sound.clip_audio import ClipRefused, decode_clip
from transforms.sound.clip_file import read_clip
from transforms.storage import is_remote


def write_report_of(release: str, input_dir: str | None, *, samples: int = 12, rows: Sequence[str] = ()) -> None:
    """Write the report of a release on this machine's disk. With the input folder it has players of the originals.

    Raises:
        RowUnknown: when the release has no row with an id in `rows`.
    """
    if is_remote(release):
        print(f"no report: copy {release} to this machine, and run elsa report on the copy", file=sys.stderr)
        return
    original_of = original_reader(release, input_dir) if input_dir else None
    page = write_report(Path(release), original_of=original_of, samples=samples, rows=rows)
    print(f"report {os.path.relpath(page)}")


def original_reader(release: str, input_dir: str) -> OriginalOf:
    """A function that returns the samples and the rate of a row's clip, or None when the input lacks it."""
    recipe = load_release_recipe(release)
    clips = {(clip.split, clip.source_id): clip for clip in recipe.list_input(input_dir).clips}

    def original_of(row: Mapping[str, Any]) -> tuple[NDArray[Any], int] | None:
        clip = clips.get((row["split"], row["source_id"]))
        try:
            return (
                decode_clip(read_clip(clip), clip.file_name, max_duration_s=recipe.audio.max_duration_s)
                if clip
                else None
            )
        except (OSError, ClipRefused):
            return None

    return original_of
