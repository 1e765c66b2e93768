"""Shards that hold captions without an answer: notes beside the release, by which the next build asks again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from transforms.bounds.json_values import parse_json
from transforms.records import Answer, reply_of_reason
from transforms.shards import workspace
from transforms.storage import folder_files

#: The folder of the notes in the workspace, one note a shard.
_KIND = "unanswered"


@dataclass(frozen=True)
class Unanswered:
    """A shard in which the template wrote captions because the endpoint gave no answer."""

    shard: str
    """The path of the shard."""
    unanswered: int
    captions: int
    """The number of all captions of the shard."""
    causes: tuple[str, ...]
    """The errors of the requests, each once."""

    def line(self) -> str:
        """A line for the user."""
        return (
            f"{self.shard}: captions: {self.unanswered} of {self.captions} requests had no answer "
            f"({', '.join(self.causes)}); caption.on_failure=template lets the template write them"
        )


def find_unanswered(shard: str, answers: Sequence[Sequence[Answer]]) -> Unanswered | None:
    """The captions of a shard whose last reply is a failure of the endpoint; None if there are none.

    Args:
        shard: the path of the shard.
        answers: the replies that each caption had, in order.
    """
    last = [reply_of_reason(given[-1].reason) for given in answers if given and not given[-1].kept]
    failed = [reply for reply in last if reply.is_failure]
    if not failed:
        return None
    return Unanswered(shard, len(failed), len(answers), tuple(sorted({str(reply.error) for reply in failed})))


def write_note(release: str, note: Unanswered) -> None:
    """Notes a shard whose captions are to be asked for again."""
    folder_files.write_bytes(release, _name(note.shard), json.dumps(asdict(note)).encode())


def remove_note(release: str, shard: str) -> None:
    """Removes the note of a shard, if there is one."""
    if folder_files.exists(release, _name(shard)):
        folder_files.remove_files(release, [_name(shard)])


def read_notes(release: str) -> list[Unanswered]:
    """All notes, in the order of their shards."""
    folder = workspace.folder_of(_KIND)
    names = folder_files.list_files(release, folder)
    notes = []
    for name in names:
        # What no build has written is no note of one.
        with contextlib.suppress(ValueError, TypeError, KeyError):
            note = parse_json(folder_files.read_bytes(release, f"{folder}/{name}"))
            notes.append(Unanswered(**{**note, "causes": tuple(note["causes"])}))
    return sorted(notes, key=lambda note: str(note.shard))


def _name(shard: str) -> str:
    return f"{workspace.folder_of(_KIND)}/{shard.replace('/', '-', 1)}.json"
