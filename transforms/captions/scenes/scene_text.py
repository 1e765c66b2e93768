"""What a caption of a scene has to say, from the sounds of a row, and as a language model is told it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prompts import Prompt
from prompts.sounds import sounds_text
from transforms.records import CaptionRequest, Scene
from transforms.scene_words import SceneWords, SourceWords, time_relations
from transforms.words import SpatialWords

__all__ = ["chat_of", "scene_words_of", "scene_words_of_values"]


def scene_words_of(scene: Scene, room_words: SpatialWords, number: int) -> SceneWords:
    """The words of a scene for the caption with this number.

    Args:
        scene: its sources have the words of their places.
        room_words: of the room; words of a place among them are not used.
        number: each sound has the original with this number, and begins again where it has fewer.
    """
    sources = tuple(
        _source_words(source.clip.captions, source.words or SpatialWords(), source.motion, number)
        for source in scene.sources
    )
    sounds = [(source.onset_s, source.onset_s + source.duration_s) for source in scene.sources]
    return SceneWords(sources, room_words.room_size, room_words.reverberation, time_relations(sounds))


def scene_words_of_values(values: Mapping[str, Any], number: int) -> SceneWords:
    """The same as `scene_words_of` from a row of a release, by its columns."""
    sources = values["sources"]
    words = tuple(
        _source_words(
            source["captions"],
            SpatialWords(source["direction"], source["elevation"], source["distance"]),
            source["motion"],
            number,
        )
        for source in sources
    )
    sounds = [(source["onset_s"], source["onset_s"] + source["duration_s"]) for source in sources]
    return SceneWords(words, values["room_size"], values["reverberation"], time_relations(sounds))


def _source_words(captions: Sequence[str], words: SpatialWords, motion: str | None, number: int) -> SourceWords:
    caption = captions[number % len(captions)] if captions else ""
    return SourceWords(caption, words.direction, words.elevation, words.distance, motion)


def chat_of(prompt: Prompt, request: CaptionRequest) -> list[dict[str, str]]:
    """The chat that asks a language model for a caption, of one sound or of a scene."""
    scene = request.scene
    if scene is None:
        return prompt.messages(request.caption, request.words.present())
    room = SpatialWords(room_size=scene.room_size, reverberation=scene.reverberation)
    sounds = [{"caption": source.caption, **source.present()} for source in scene.sources]
    times = [(each.earlier, each.later, each.word) for each in scene.times]
    return prompt.messages(scene.original, room.present(), sounds_text(sounds, times))
