"""`elsa export`: a release as tar shards for WebDataset, or in the layout of DCASE."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from pipeline.command import DONE, INCOMPLETE, UNUSABLE, fail
from pipeline.commands.arguments import UnusableArgument, refuse_missing_file
from pipeline.errors import last_words

_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def parse_size(text: str) -> int:
    """The number of bytes that a text such as `500M`, `1G` or `1000000` names.

    Raises:
        argparse.ArgumentTypeError: when the text is not a positive number of bytes.
    """
    match = re.fullmatch(r"(\d{1,15})([kMG]?)B?", text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 500M or 1G")
    return int(match[1]) * _UNITS[match[2]]


def parse_sample_rate(text: str) -> int:
    """A sample rate in hertz between 8000 and 48000.

    Raises:
        argparse.ArgumentTypeError: for anything else.
    """
    if not re.fullmatch(r"[0-9]{4,5}", text) or not 8_000 <= int(text) <= 48_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no sample rate between 8000 and 48000 Hz")
    return int(text)


class ExportCommand:
    """Writes a release in another format."""

    name = "export"
    help = "write a release as WebDataset tar shards or in the layout of DCASE"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = (
            "Writes a release in another format, and checks the SHA-256 of every file on the way.\n\n"
            "webdataset  tar shards: SPLIT-000000.tar, … with KEY.flac and KEY.json for each row\n"
            "dcase       the layout of DCASE's challenge on localisation (SELD): foa_dev/dev-SPLIT/NAME.wav,\n"
            "            metadata_dev/dev-SPLIT/NAME.csv (frame,class,source,azimuth,elevation,distance) and\n"
            "            classes.csv. A sound's class is its label."
        )
        parser.epilog = (
            "examples:\n"
            "  elsa export webdataset out/demo --output out/demo-tars\n"
            "  elsa export dcase out/scenes --output out/scenes-dcase --sample-rate 24000"
        )
        parser.add_argument("form", metavar="FORMAT", choices=["webdataset", "dcase"], help="webdataset or dcase")
        parser.add_argument("release", metavar="RELEASE", help="the folder of the release")
        parser.add_argument("--output", required=True, metavar="DIR", help="the folder of the export, new or empty")
        tars = parser.add_argument_group("options of webdataset")
        tars.add_argument(
            "--shard-size", type=parse_size, metavar="SIZE", help="the most bytes of a tar, such as 500M (default: 1G)"
        )
        dcase = parser.add_argument_group("options of dcase")
        dcase.add_argument(
            "--sample-rate",
            type=parse_sample_rate,
            metavar="HZ",
            help="of the WAV files; DCASE's have 24000 (default: as in the release)",
        )
        dcase.add_argument(
            "--classes",
            metavar="FILE",
            help="a CSV file with the columns label,class or source_id,class, which also orders the classes "
            "(default: each label is a class, sorted)",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        from pipeline.export.checked_rows import ReleaseDamaged
        from pipeline.export.output_folder import ExportError
        from pipeline.release.layout import ReleaseError
        from transforms.storage import is_remote

        for path in (arguments.release, arguments.output):
            if is_remote(path):
                fail(f"{path}: an export reads and writes folders on this machine")
                return UNUSABLE
        foreign = [name for name in _OPTIONS_OF_OTHERS[arguments.form] if getattr(arguments, name) is not None]
        if foreign:
            fail(f"--{foreign[0].replace('_', '-')} is no option of {arguments.form} (see elsa export --help)")
            return UNUSABLE
        try:
            return _export_dcase(arguments) if arguments.form == "dcase" else _export_webdataset(arguments)
        except (ReleaseError, ExportError, UnusableArgument) as error:
            fail(str(error))
            return UNUSABLE
        except ReleaseDamaged as error:
            fail(f"{error}; elsa verify {arguments.release} names every problem")
            return INCOMPLETE
        except OSError as error:
            fail(f"the export stopped: {last_words(error)}; run the same command again to go on")
            return INCOMPLETE


#: Format → the options that are another format's, as argparse calls them.
_OPTIONS_OF_OTHERS = {"webdataset": ("sample_rate", "classes"), "dcase": ("shard_size",)}


def _export_webdataset(arguments: argparse.Namespace) -> int:
    from pipeline.export.webdataset import SHARD_BYTES, export_webdataset

    size = arguments.shard_size or SHARD_BYTES
    exported = export_webdataset(Path(arguments.release), Path(arguments.output), sys.stderr, shard_bytes=size)
    gigabytes = exported.bytes / 1e9
    print(f"{arguments.output}: {exported.rows} rows in {exported.shards} tar shards, {gigabytes:.3f} GB")
    return DONE


def _export_dcase(arguments: argparse.Namespace) -> int:
    from pipeline.export.dcase import HOW_TO_LABEL, export_dcase
    from pipeline.export.output_folder import ExportError
    from pipeline.export.sound_classes import parse_classes
    from transforms.bounds.limits import MOST_TEXT_BYTES

    classes = None
    if arguments.classes is not None:
        refuse_missing_file("--classes", arguments.classes)
        try:
            with open(arguments.classes, "rb") as file:
                data = file.read(MOST_TEXT_BYTES + 1)
        except OSError as error:
            raise ExportError(f"--classes {arguments.classes} cannot be read: {last_words(error)}") from error
        if len(data) > MOST_TEXT_BYTES:
            raise ExportError(f"--classes {arguments.classes} is larger than {MOST_TEXT_BYTES} bytes")
        classes = parse_classes(data, arguments.classes)
    exported = export_dcase(
        Path(arguments.release),
        Path(arguments.output),
        sys.stderr,
        sample_rate=arguments.sample_rate,
        classes=classes,
    )
    classes_text = "1 class" if exported.classes == 1 else f"{exported.classes} classes"
    print(f"{arguments.output}: {_rows(exported.rows)} of {classes_text}")
    if exported.turned_down:
        turned = f"{_rows(exported.turned_down)} {_are(exported.turned_down)} turned down"
        who = "it" if exported.turned_down == 1 else "they"
        print(f"{turned}, because {who} would clip at {arguments.sample_rate} Hz")
    if exported.left_out:
        mend = HOW_TO_LABEL if classes is None else f"name its class in {arguments.classes}"
        left_out = (
            f"{exported.left_out} of {_rows(exported.rows + exported.left_out)} {_are(exported.left_out)} left out"
        )
        fail(f"{left_out}, the first is {exported.first_left_out}: {mend}")
        return INCOMPLETE
    return DONE


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


export = ExportCommand()
