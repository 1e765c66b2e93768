"""The folder that an export writes: it is claimed for one release, and an export that was stopped can go on in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transforms.bounds.json_values import parse_json
from transforms.errors import reason_of
from transforms.storage import folder_files

#: The name of the file that describes an export; it is written last.
INDEX = "index.json"
#: The name of the note that an export is under way.
_NOTE = ".export.json"


class ExportError(ValueError):
    """An output folder that cannot take an export, or an export that cannot start; one line for the user."""


def claim_folder(output: Path, identity: Mapping[str, Any]) -> None:
    """Makes the output folder, and notes that an export is under way in it.

    Args:
        output: the folder; it is new or empty, or holds an export of the same identity.
        identity: the keys of INDEX that say which export it is.

    Raises:
        ExportError: when the folder holds something else.
        OSError: when it cannot be read or written.
    """
    if output.exists() and not output.is_dir():
        raise ExportError(f"{output} is a file: --output takes a folder")
    held = [entry.name for entry in folder_files.entries_in(str(output))] if output.exists() else []
    for name in (_NOTE, INDEX):
        if name in held:
            try:
                values = parse_json(folder_files.read_bytes(str(output), name))
            except (OSError, ValueError) as error:
                raise ExportError(f"{output / name} cannot be read: {reason_of(error)}") from error
            if not isinstance(values, dict) or any(values.get(key) != value for key, value in identity.items()):
                raise ExportError(
                    f"{output} holds an export of another release or with other options: export into another folder"
                )
            break
    else:
        if held:
            raise ExportError(f"{output} is not empty and holds no export: export into another folder")
    folder_files.make_folder(str(output))
    folder_files.remove_partials(str(output))
    folder_files.write_bytes(str(output), _NOTE, json.dumps(identity).encode())


def finish_folder(output: Path, index: Mapping[str, Any]) -> None:
    """Writes INDEX and removes the note: the export is whole.

    Raises:
        OSError: when it cannot be written.
    """
    folder_files.write_bytes(str(output), INDEX, (json.dumps(index, indent=1) + "\n").encode())
    folder_files.remove_files(str(output), [_NOTE])
