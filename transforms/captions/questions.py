"""The questions of a caption job: which prompt each caption is asked with, its seeds, and the hash of each question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prompts import Prompt
from transforms.captions.scenes.scene_text import scene_words_of
from transforms.records import CaptionRequest, Row
from transforms.scene_words import SceneWords
from transforms.seeds import derive_seed
from transforms.words import SpatialWords

__all__ = ["Questions", "caption_seeds", "decimal_text", "draw_order", "request_sha256"]


@dataclass(frozen=True)
class Questions:
    """What decides the questions of a job. Each original has `versions` captions, side by side in the lists of a row.

    The prompts of an original's versions are a permutation of all prompts, drawn by the row's seed. It starts again
    where there are more versions than prompts.
    """

    model: str
    prompts: Mapping[str, Prompt]
    """The prompts by their ids, in the order of the recipe, with the job's sampling; empty for the template."""
    versions: int
    tries: int
    """How often a caption is asked for before the template writes it."""
    judge: Questions | None = None
    """The judge's model and its one prompt; None for no judge."""
    scene_prompts: Mapping[str, Prompt] = field(default_factory=dict)
    """The prompts of captions of scenes by their ids; empty for the template."""

    @property
    def all_prompts(self) -> dict[str, Prompt]:
        """The prompts of captions of one sound and of scenes, by their ids."""
        return {**self.prompts, **self.scene_prompts}

    def of_rows(self, rows: Sequence[Row]) -> list[CaptionRequest]:
        """The requests of rows that have their words, in order."""
        requests = []
        for row in rows:
            if row.words is None:
                raise ValueError(f"row {row.id} has no words")
            originals, scene, words = row.clip.captions, row.scene, row.words
            if scene is None or scene.is_one_still_source:
                requests += self.of_row(row.id, row.seed, originals, words)
            else:
                scenes = [scene_words_of(scene, words, number) for number in range(len(originals))]
                requests += self.of_scene(row.id, row.seed, scenes)
        return requests

    def of_row(self, row_id: str, seed: int, originals: Sequence[str], words: SpatialWords) -> list[CaptionRequest]:
        """The requests of one row: all versions of its first original, then those of the next one."""
        return self._of_row(list(self.prompts), row_id, seed, [(original, words, None) for original in originals])

    def of_scene(self, row_id: str, seed: int, scenes: Sequence[SceneWords]) -> list[CaptionRequest]:
        """The requests of a row of several or moving sounds.

        Args:
            scenes: what each caption has to say; they differ in the originals of the sounds.
        """
        asked = [
            (scene.original, SpatialWords(None, None, None, scene.room_size, scene.reverberation), scene)
            for scene in scenes
        ]
        return self._of_row(list(self.scene_prompts), row_id, seed, asked)

    def _of_row(
        self, ids: list[str], row_id: str, seed: int, asked: Sequence[tuple[str, SpatialWords, SceneWords | None]]
    ) -> list[CaptionRequest]:
        requests = []
        for number, (original, words, scene) in enumerate(asked):
            order = draw_order(len(ids), seed, number)
            for version in range(self.versions):
                index = number * self.versions + version
                *earlier, own = caption_seeds(seed, index, self.versions)
                repeat, turn = divmod(version, len(ids)) if ids else (version, 0)
                prompt = ids[order[turn]] if ids else ""
                requests.append(
                    CaptionRequest(row_id, index, original, words, own, prompt, repeat, tuple(earlier), scene)
                )
        return requests

    def sha256(self, request: CaptionRequest, attempt: int = 0) -> str:
        """The hash of a question."""
        prompt = self.all_prompts[request.prompt]
        parameters: dict[str, int | str] = {
            "temperature": decimal_text(prompt.temperature),
            "max_tokens": prompt.max_tokens,
        }
        return request_sha256(request, self.model, parameters, attempt)


def draw_order(count: int, seed: int, number: int) -> list[int]:
    """A permutation of `count` prompts for the original with this number, drawn by the row's seed."""
    return sorted(range(count), key=lambda index: derive_seed(seed, "caption-prompt", number, index))


def caption_seeds(seed: int, index: int, versions: int) -> tuple[int, ...]:
    """The template's seed of a caption of a row, last, after those of the earlier versions of the same original."""
    return tuple(derive_seed(seed, "caption", each) for each in range(index - index % versions, index + 1))


def request_sha256(request: CaptionRequest, model: str, parameters: Mapping[str, int | str], attempt: int = 0) -> str:
    """A SHA-256 over all that shapes an answer: model, prompt, sampling parameters, caption, words, seed, attempt.

    Parameters are integers and strings, a temperature its decimal text (`decimal_text`), because the text of a float
    is not the same everywhere. The row's id is left out, so that two rows with the same question ask it once.
    """
    for name, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise TypeError(f"the parameter {name} has to be an integer or a string, not {type(value).__name__}")
    shaped: dict[str, object] = {
        "attempt": attempt,
        "caption": request.caption,
        "model": model,
        "parameters": dict(parameters),
        "prompt": request.prompt,
        "seed": request.question_seed,
        "words": request.words.present(),
    }
    # Left out for the first, so that answers from before there were versions keep their hashes.
    if request.repeat:
        shaped["repeat"] = request.repeat
    if request.scene is not None:
        shaped["scene"] = request.scene.record()
    # ASCII escapes carry any text, lone surrogates too.
    return hashlib.sha256(json.dumps(shaped, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def decimal_text(value: float) -> str:
    """A parameter as the shortest decimal text with at most six decimals: 0.9 → "0.9", 1.0 → "1"."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
