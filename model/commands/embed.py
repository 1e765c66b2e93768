"""``elsa embed``: embeds sounds and sentences as unit vectors."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from model.commands.command_line import Command
from model.errors import OptionError, SoundUnreadable, one_line
from model.files import PARTS, create, finish, write_text
from model.folders import check_model


def _configure_embed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a folder that elsa train has written")
    parser.add_argument(
        "--audio",
        metavar="FILE",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        help="sound files with four channels (ambisonics, AmbiX) or one (sound without space)",
    )
    parser.add_argument("--text", metavar="STRING", nargs="+", action="extend", default=[], help="sentences")
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help=".parquet or .jsonl with the columns kind, name, embedding; JSON lines on standard output without it",
    )


def _embed(arguments: argparse.Namespace) -> int:
    if not arguments.audio and not arguments.text:
        raise OptionError("nothing to embed; --audio or --text is expected")
    output: Path | None = arguments.output
    if output is not None and output.suffix not in (".parquet", ".jsonl"):
        raise OptionError(f"--output {output}: a name that ends in .parquet or .jsonl is expected")
    if output is not None and not output.absolute().parent.is_dir():
        raise OptionError(f"--output {output}: no such folder")

    check_model(arguments.run_folder)

    from model.elsa import Embedder

    embedder = Embedder.from_run(arguments.run_folder, "auto")
    rows: list[dict[str, object]] = []
    missing = 0
    for file in arguments.audio:
        try:
            rows.append({"kind": "audio", "name": str(file), "embedding": embedder.audio([file])[0].tolist()})
        except SoundUnreadable as error:
            print(f"elsa embed: {one_line(error)}", file=sys.stderr)
            missing += 1
    if arguments.text:
        vectors = embedder.text(arguments.text).tolist()
        rows += [
            {"kind": "text", "name": text, "embedding": vector}
            for text, vector in zip(arguments.text, vectors, strict=True)
        ]
    if output is None:
        for row in rows:
            print(json.dumps(row, ensure_ascii=not str(row["name"]).isprintable()))
    else:
        _write_rows(rows, output)
    return 1 if missing else 0


def _write_rows(rows: list[dict[str, object]], output: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = output.absolute().parent
    if output.suffix == ".parquet":
        fields = [("kind", pa.string()), ("name", pa.string()), ("embedding", pa.list_(pa.float32()))]
        with create(folder, output.name + PARTS) as file:
            pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), file)
        finish(folder, output.name)
    else:
        write_text(folder, output.name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


embed = Command(
    "embed",
    "embed sounds and sentences with a trained model",
    'elsa embed out/run --audio dog.flac --text "a dog barking on the left" --output out/embeddings.parquet',
    _configure_embed,
    _embed,
)
