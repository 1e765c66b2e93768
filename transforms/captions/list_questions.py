"""List questions: writes what a build would ask for its captions, without rendering or asking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, ClassVar

import pyarrow as pa

from transforms.bounds.json_values import parse_json
from transforms.captions.answer_journal import Journals, KnownAnswers, read_answers
from transforms.captions.job import CaptionJob
from transforms.captions.judge import judge_request
from transforms.captions.questions import Questions
from transforms.captions.rewriting import OpenQuestion, open_question
from transforms.records import CaptionRequest, Row, Shard
from transforms.scene_words import SceneWords
from transforms.shards.each_shard import Stage, guarded
from transforms.shards.write_shard import table_to_parquet
from transforms.sound.clip_audio import ClipRefused
from transforms.sound.render_rows import RenderSettings, prepare_source
from transforms.storage import folder_files
from transforms.words import VOCABULARY, SpatialWords

QUESTION_SCHEMA = pa.schema(
    [
        ("request_sha256", pa.string()),
        ("attempt", pa.int32()),
        ("row_id", pa.string()),
        ("caption_index", pa.int32()),
        ("caption", pa.string()),
        *((attribute, pa.string()) for attribute in VOCABULARY),
        ("model", pa.string()),
        ("prompt", pa.string()),
        ("repeat", pa.int32()),
        ("asked", pa.string()),
        # A scene's sounds as JSON (transforms.scene_words.SceneWords.record), null for one sound.
        ("scene", pa.string()),
        # What the judge is asked about; the caption and the words are those that its reply is compared with.
        ("about", pa.string()),
    ]
)


def open_questions(shard: Shard, questions: Questions, known: KnownAnswers) -> list[dict[str, Any]]:
    """The next question of each caption of a shard that has one, as rows of QUESTION_SCHEMA."""
    found = (open_question(request, known.get, questions) for request in questions.of_rows(shard.rows))
    return [_values(question, questions) for question in found if question is not None]


def _values(question: OpenQuestion, questions: Questions) -> dict[str, Any]:
    """A question as a row of QUESTION_SCHEMA."""
    request, to_judge = question.request, question.to_judge
    asked = {"model": questions.model, "prompt": request.prompt, "asked": "writer", "about": None}
    if to_judge is not None and questions.judge is not None:
        judge = questions.judge
        asked = {"model": judge.model, "prompt": to_judge.prompt, "asked": "judge", "about": to_judge.caption}
    return {
        "request_sha256": question.sha256,
        "attempt": question.attempt,
        "row_id": request.row_id,
        "caption_index": request.caption_index,
        "caption": request.caption,
        **{attribute: getattr(request.words, attribute) for attribute in VOCABULARY},
        "repeat": request.repeat,
        "scene": None if request.scene is None else json.dumps(request.scene.record(), sort_keys=True),
        **asked,
    }


def request_of(question: dict[str, Any]) -> CaptionRequest:
    """The request of the caption in a row of QUESTION_SCHEMA. Its seed is 0, because only the template uses it."""
    words = SpatialWords(**{attribute: question[attribute] for attribute in VOCABULARY})
    # Tables from before there were scenes have no such column.
    scene = question.get("scene")
    return CaptionRequest(
        question["row_id"],
        question["caption_index"],
        question["caption"],
        words,
        0,
        question["prompt"],
        # Tables from before there were versions have no such column.
        question.get("repeat") or 0,
        scene=SceneWords.of_record(parse_json(scene.encode())) if scene else None,
    )


def request_to_judge(question: dict[str, Any]) -> CaptionRequest | None:
    """What the judge is asked in a row of QUESTION_SCHEMA; None for a question to the writer."""
    if question.get("asked") != "judge":
        return None
    return judge_request(request_of(question), question["about"], question["prompt"])


def usable(shard: Shard, settings: RenderSettings) -> Shard:
    """The shard without the rows whose clips rendering would reject, so that nobody pays for their captions."""
    rows: list[Row] = []
    for clip, of_clip in groupby(shard.rows, key=lambda row: row.clip):
        try:
            prepare_source(clip, settings)
        except ClipRefused:
            continue
        rows.extend(of_clip)
    return shard.with_rows(tuple(rows))


@dataclass
class ListQuestions(Stage):
    """Writes the open questions of each shard as Parquet, or why it has none as JSON; yields the shard's path."""

    name: ClassVar[str] = "list questions"
    folder: str
    below: str
    """The name of the folder in it where the questions are written."""
    job: CaptionJob
    settings: RenderSettings
    _known: KnownAnswers = field(default_factory=KnownAnswers, init=False, repr=False)
    _questions: Questions | None = field(default=None, init=False, repr=False)

    def setup(self) -> None:
        self._questions = self.job.questions()
        self._known = read_answers(self.job.answers)
        if self.job.release is not None:
            Journals(self.job.release).refresh(self._known)

    def process(self, element: Shard) -> Iterator[str]:
        assert self._questions is not None
        shard = guarded(self.name, lambda shard: usable(shard, self.settings), element)
        name = f"{self.below}/{shard.split}-{shard.name}"
        if shard.failure is not None:
            folder_files.write_bytes(self.folder, f"{name}.json", json.dumps(f"{shard.path}: {shard.failure}").encode())
        else:
            questions = open_questions(shard, self._questions, self._known)
            folder_files.write_bytes(self.folder, f"{name}.parquet", table_to_parquet(questions, QUESTION_SCHEMA))
        yield shard.path
