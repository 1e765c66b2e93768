"""The records that flow through the pipeline: clip, room, placement, response, answer, row, shard."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transforms.paths import Path, Point
from transforms.scene_words import PathPoint, SceneWords
from transforms.seeds import derive_seed
from transforms.words import SpatialWords

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Clip:
    """A captioned recording as its list names it; nothing has been decoded."""

    dataset: str
    split: str
    source_id: str
    path: str
    """The file, or the tar that holds it."""
    captions: tuple[str, ...]
    license: str | None = None
    attribution: str | None = None
    source_url: str | None = None
    member: str | None = None
    """The clip's name in the tar; None if `path` is the clip's own file."""
    offset_bytes: int | None = None
    """The position in the tar at which the encoded file begins."""
    size_bytes: int | None = None
    """The size of the encoded file; None if the listing does not say."""
    target: str | None = None
    """The path of the file that `path` was a link to when the input was listed; None if it was no link."""
    modified_ns: int | None = None
    """When the file, or the tar, was last written to, in nanoseconds since 1970; None if the listing does not say."""
    label: str | None = None
    """The class of its sound, from a column `label` of the list; None if the list has none."""

    @property
    def file_name(self) -> str:
        """The name of the encoded file; its ending is a hint at the format."""
        return self.path if self.member is None else self.member


@dataclass(frozen=True)
class Rejection:
    """An input that was rejected: in which stage, with a machine-readable reason and a detail for a person."""

    file: str
    stage: str
    reason: str
    detail: str
    split: str | None = None
    source_id: str | None = None


@dataclass(frozen=True)
class Room:
    """A shoebox room: its size in metres, materials, absorption by octave band, and the T30 it is designed for."""

    room_id: str
    split: str
    length_m: float
    width_m: float
    height_m: float
    materials: tuple[str, ...]
    """The names of floor, ceiling and walls in pyroomacoustics' database."""
    absorption: tuple[tuple[float, ...], ...]
    """Energy absorption by surface (floor, ceiling, walls) and octave band, scaled so that the room has its T30."""
    absorption_scale: float
    """The factor from the published absorption exponents of the materials to those of the room."""
    t30_ms: float
    """The full-band T30 that the room is designed for."""
    t30_bands_ms: tuple[float, ...]
    """The T30 that the room is designed for in each octave band (OCTAVE_BANDS_HZ)."""

    @property
    def floor_area_m2(self) -> float:
        # Rounded like the column of the release, so that both give the same word at a threshold.
        return round(self.length_m * self.width_m, 6)

    @property
    def volume_m3(self) -> float:
        return round(self.length_m * self.width_m * self.height_m, 6)


#: Centres of the octave bands of every `*_bands_*` value, in hertz.
OCTAVE_BANDS_HZ = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)


@dataclass(frozen=True)
class Placement:
    """Positions of receiver and source from one lower corner of the room, and the source relative to the receiver."""

    receiver_m: tuple[float, float, float]
    source_m: tuple[float, float, float]
    azimuth_deg: float
    elevation_deg: float
    distance_m: float


@dataclass(frozen=True)
class MeasuredPlace:
    """Where a room response was measured; None for what its files do not say."""

    response_id: str
    room_id: str
    split: str
    azimuth_deg: float
    """Of the source from the receiver, as it was turned."""
    elevation_deg: float
    distance_m: float | None = None
    length_m: float | None = None
    width_m: float | None = None
    height_m: float | None = None
    floor_area_m2: float | None = None
    receiver_m: Point | None = None
    """From one lower corner of the room."""
    source_m: Point | None = None


@dataclass(frozen=True)
class Sound:
    """The sound of a clip, as it was decoded and prepared."""

    clip: Clip
    source_sha256: str
    """Of the clip's file."""
    n_samples: int
    """The length of the prepared sound."""
    level_db: float
    """The level of its loudest part, in dB relative to full scale."""


@dataclass(frozen=True)
class Source:
    """One sound of a scene: its clip, when it sounds, how loud it is, where it is, and how it moves."""

    number: int
    """Its number among the sounds that were drawn for the row; 0 is the row's own clip."""
    clip: Clip
    source_sha256: str
    """Of the clip's file."""
    placement: Placement
    """At its onset."""
    onset_s: float
    duration_s: float
    """The length of its sound, without its reverberation."""
    gain_db: float
    """Of its sound against the level of the scene, before distance and room."""
    applied_gain_db: float
    """From the prepared sound of its clip to its sound in the scene."""
    path: Path | None = None
    """None if it stands still."""
    points: tuple[PathPoint, ...] = ()
    """The path as a release tells it, every 0.1 s while it sounds; empty if it stands still."""
    motion: str | None = None
    """The word for its motion (transforms.scene_words.motion_word)."""
    drr_db: float | None = None
    """At its onset."""
    words: SpatialWords | None = None
    """The words of its place at its onset, without those of the room."""
    stems: tuple[str, ...] = ()
    """The files that hold its sound alone."""


@dataclass(frozen=True)
class Scene:
    """The sounds of one row around one receiver, in the order of onset, and the noise under them."""

    receiver_m: Point
    duration_s: float
    sources: tuple[Source, ...]
    ambience_snr_db: float | None = None
    """The level of all sounds over that of the ambience, on W, in dB; None for no ambience."""

    @property
    def is_one_still_source(self) -> bool:
        """Whether the scene has one place."""
        return len(self.sources) == 1 and self.sources[0].path is None


@dataclass(frozen=True)
class Acoustics:
    """Values measured on W of a response (ISO 3382-1)."""

    t30_ms: float
    t30_bands_ms: tuple[float, ...]
    edt_ms: float
    c50_db: float
    drr_db: float


@dataclass(frozen=True)
class Response:
    """A room response, float32 (channels, samples) in ACN order and SN3D, with the values measured on it."""

    samples: NDArray[np.float32]
    sample_rate: int
    acoustics: Acoustics


@dataclass(frozen=True)
class DegreeFile:
    """The FLAC file of one ambisonic degree above the first, beside that of a row."""

    file_name: str
    sha256: str
    pcm_sha256: str


@dataclass(frozen=True)
class Audio:
    """The FLAC file of a row: its name, length, gain and hashes."""

    file_name: str
    duration_s: float
    sample_rate: int
    gain_db: float
    turned_down: bool
    """True if the recipe's gain would have clipped, so that a lower one was used."""
    source_sha256: str
    sha256: str
    pcm_sha256: str
    channels: str = "WYZX"
    """The channels of the file: WYZX for ambisonics in ACN order and SN3D, LR for two ears."""
    degrees: tuple[DegreeFile, ...] = ()
    """The files of the degrees 2 and 3 beside it; none for the first order."""


@dataclass(frozen=True)
class Answer:
    """One answer of a language model, kept or refused."""

    request_sha256: str
    row_id: str
    caption_index: int
    attempt: int
    text: str
    kept: bool
    reason: str | None
    model: str
    prompt: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    asked: str = "writer"
    """Who was asked: `writer` for a caption, `judge` for what a writer's answer says."""


@dataclass(frozen=True)
class Caption:
    """A spatial caption and the original that it was made from; the status is `rewritten` or `template`."""

    text: str
    original: str
    status: str
    prompt: str | None = None
    """The id of the prompt that a language model was asked with; None where none was to be asked."""


@dataclass(frozen=True)
class Row:
    """One spatial sample on its way through the pipeline; each stage fills in its fields."""

    id: str
    clip: Clip
    augmentation: int
    seed: int
    room: Room | None = None
    placement: Placement | None = None
    """Of a row of one still source; a scene has a placement for each source."""
    sounds: tuple[Sound, ...] = ()
    """The sounds that a scene is composed of, the row's own clip first; empty for a row that is no scene."""
    ambience: Clip | None = None
    """The recording that the ambience of a scene is made of; None for noise, and for no ambience."""
    scene: Scene | None = None
    """The sounds of a row of several or moving sources; None for one still source."""
    measured: MeasuredPlace | None = None
    """Of a row in a measured room, which has neither room nor placement."""
    response: Response | None = None
    acoustics: Acoustics | None = None
    audio: Audio | None = None
    words: SpatialWords | None = None
    captions: tuple[Caption, ...] = ()


@dataclass(frozen=True)
class Shard:
    """The unit of work: the rows of one folder of the release, and the rejected clips of that folder."""

    split: str
    index: int
    count: int
    rows: tuple[Row, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    answers: tuple[Answer, ...] = ()
    failure: str | None = None
    """Why the shard could not be finished; the next build tries it again."""

    @property
    def name(self) -> str:
        """The name of the shard's folder in the folder of its split."""
        return f"{self.index:05d}-of-{self.count:05d}"

    @property
    def path(self) -> str:
        """The folder of the shard, relative to the release."""
        return f"{self.split}/{self.name}"

    def with_rows(self, rows: tuple[Row, ...]) -> Shard:
        """The shard with these rows in place of its own."""
        return replace(self, rows=rows)

    def rejecting(self, *rejections: Rejection) -> Shard:
        """The shard with further rejections."""
        return replace(self, rejections=(*self.rejections, *rejections))


@dataclass(frozen=True)
class CaptionRequest:
    """A question to a writer: rephrase `caption` so that it also says the position and the room in `words`."""

    row_id: str
    caption_index: int
    caption: str
    words: SpatialWords
    """Of the room alone in a scene, whose sounds have words of their own."""
    seed: int
    """Seeds the choices of the template: each row has its own, so rows differ."""
    prompt: str = ""
    """The id of the prompt; empty for the template."""
    repeat: int = 0
    """The number of earlier versions of the same original that have the same prompt."""
    earlier_seeds: tuple[int, ...] = ()
    """The template's seeds of the earlier versions of the same original."""
    scene: SceneWords | None = None
    """The sounds of a scene; None for one still source. `caption` then joins their originals with "; "."""

    @property
    def question_seed(self) -> int:
        """Seeds the choices of a language model: the same for every row that asks the same question."""
        words = (part for pair in self.words.present().items() for part in pair)
        scene = () if self.scene is None else ("scene", json.dumps(self.scene.record(), sort_keys=True))
        repeat = ("repeat", self.repeat) if self.repeat else ()
        return derive_seed("question", self.caption, *words, *scene, *repeat)


class ReplyKind(enum.Enum):
    """The kinds of a writer's reply. The value is how the reply's error begins; FAILED takes every other error."""

    TEXT = None
    """The model wrote a text, which has not been checked."""
    REFUSAL = "refusal"
    """The model declined to answer. This is paid, so the same attempt is not asked again."""
    UNREADABLE = "unreadable"
    """The endpoint answered with something that is not a completion."""
    OVER_BUDGET = "budget"
    """The request was not sent, because the budget is spent."""
    ENDPOINT_DOWN = "endpoint down"
    """The request was not sent, because the endpoint did not answer the requests before it."""
    NOT_ASKED = "not asked"
    """The request was not sent, because a release is made again from its own answers alone."""
    NO_SCENES = "no scenes"
    """The request was not sent, because a small model on this machine writes no captions of scenes."""
    FAILED = "failed"
    """The endpoint gave no answer: an error status, a timeout, a broken connection."""


#: The `reason` of an answer that is not a text begins with this; the error of the reply follows.
ERROR_PREFIX = "error: "


@dataclass(frozen=True)
class Reply:
    """A writer's reply before any check; `error` says why there is no text, and is None where there is one."""

    text: str = ""
    error: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def kind(self) -> ReplyKind:
        """The kind of this reply."""
        if self.error is None:
            return ReplyKind.TEXT
        named = (kind for kind in ReplyKind if kind.value is not None and self.error.startswith(kind.value))
        return next(named, ReplyKind.FAILED)

    @property
    def is_answer(self) -> bool:
        """Whether the model answered, so that the same question is not asked again."""
        return self.kind in (ReplyKind.TEXT, ReplyKind.REFUSAL)

    @property
    def is_failure(self) -> bool:
        """Whether the endpoint failed to answer; a spent budget is no failure of the endpoint."""
        return self.kind in (ReplyKind.UNREADABLE, ReplyKind.ENDPOINT_DOWN, ReplyKind.FAILED)

    @property
    def ends_question(self) -> bool:
        """Whether another attempt is useless: the writer has retried what can be retried."""
        return self.kind in (
            ReplyKind.OVER_BUDGET,
            ReplyKind.ENDPOINT_DOWN,
            ReplyKind.NOT_ASKED,
            ReplyKind.NO_SCENES,
            ReplyKind.FAILED,
        )


def reason_of_reply(reply: Reply) -> str | None:
    """The `reason` column of an answer whose reply has no text; None for a text, whose reason the check gives."""
    return None if reply.error is None else f"{ERROR_PREFIX}{reply.error}"


def answer_of_reply(
    request: CaptionRequest,
    reply: Reply,
    reason: str | None,
    *,
    digest: str,
    attempt: int,
    model: str,
    prompt: str,
    asked: str = "writer",
) -> Answer:
    """The answer to a request that a reply gives.

    Args:
        reason: why its text is refused; a reply without text has a reason of its own.
        digest: the hash of the question.
        prompt: the prompt of the question.
    """
    reason = reason if reply.kind is ReplyKind.TEXT else reason_of_reply(reply)
    return Answer(
        request_sha256=digest,
        row_id=request.row_id,
        caption_index=request.caption_index,
        attempt=attempt,
        text=reply.text,
        kept=reason is None,
        reason=reason,
        model=model,
        prompt=prompt,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        asked=asked,
    )


def reply_of_reason(
    reason: str | None, text: str = "", prompt_tokens: int | None = None, completion_tokens: int | None = None
) -> Reply:
    """The reply that an answer was made from: the inverse of `reason_of_reply`; reasons of the check mean a text."""
    error = reason.removeprefix(ERROR_PREFIX) if reason is not None and reason.startswith(ERROR_PREFIX) else None
    return Reply(text, error, prompt_tokens, completion_tokens)


def outcome_of_reason(reason: str | None) -> str:
    """A short name for counting: `kept`, a reason of the check, or the kind of a reply that is no text."""
    kind = reply_of_reason(reason).kind
    return (reason or "kept") if kind is ReplyKind.TEXT else kind.name.lower()


def outcome_of_answer(answer: Answer) -> str:
    """A short name for counting an answer; what the judge kept is not counted as kept twice."""
    return "kept_by_judge" if answer.asked == "judge" and answer.kept else outcome_of_reason(answer.reason)
