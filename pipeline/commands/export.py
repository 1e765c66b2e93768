"""`elsa export webdataset`: a release as tar shards for WebDataset."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from pipeline.command import DONE, INCOMPLETE, UNUSABLE, fail
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


class ExportCommand:
    """Writes a release in another format."""

    name = "export"
    help = "write a release as WebDataset tar shards"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = "Writes a release in another format, and checks the SHA-256 of every file on the way."
        parser.epilog = "example:\n  elsa export webdataset out/demo --output out/demo-tars"
        parser.add_argument("form", metavar="FORMAT", choices=["webdataset"], help="webdataset: tar shards")
        parser.add_argument("release", metavar="RELEASE", help="the folder of the release")
        parser.add_argument("--output", required=True, metavar="DIR", help="the folder of the tar shards")
        parser.add_argument(
            "--shard-size",
            type=parse_size,
            default="1G",
            metavar="SIZE",
            help="the most bytes of a tar, such as 500M (default: 1G)",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        from pipeline.export.checked_rows import ReleaseDamaged
        from pipeline.export.output_folder import ExportError
        from pipeline.export.webdataset import export_webdataset
        from pipeline.release.layout import ReleaseError
        from transforms.storage import is_remote

        for path in (arguments.release, arguments.output):
            if is_remote(path):
                fail(f"{path}: an export reads and writes folders on this machine")
                return UNUSABLE
        try:
            exported = export_webdataset(
                Path(arguments.release), Path(arguments.output), sys.stderr, shard_bytes=arguments.shard_size
            )
        except (ReleaseError, ExportError) as error:
            fail(str(error))
            return UNUSABLE
        except ReleaseDamaged as error:
            fail(f"{error}; elsa verify {arguments.release} names every problem")
            return INCOMPLETE
        except OSError as error:
            fail(f"the export stopped: {last_words(error)}; run the same command again to go on")
            return INCOMPLETE
        gigabytes = exported.bytes / 1e9
        print(f"{arguments.output}: {exported.rows} rows in {exported.shards} tar shards, {gigabytes:.3f} GB")
        return DONE


export = ExportCommand()
