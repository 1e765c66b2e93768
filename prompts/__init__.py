"""Prompts as versioned text files: a YAML header with the parameters and the examples, then the text to fill in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from prompts.phrases import PHRASES, one_line, place_phrase
from prompts.sounds import sounds_text

__all__ = [
    "PHRASES",
    "STYLES",
    "Example",
    "Prompt",
    "PromptError",
    "load_judge_prompt",
    "load_prompt",
    "load_scene_prompt",
    "place_phrase",
    "prompt_list",
    "prompt_names",
]

#: The prompts that the name `styles` stands for: the same caption in seven ways. They are for strong models.
STYLES = ("place_first", "place_last", "woven", "listener", "sound_first", "rich", "short")

#: The prompt of the judge, which reads captions and writes none, and the one for captions of scenes.
_JUDGE, _SCENE = "judge", "scene"

_HEADER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_SEGMENT = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)(?:\|(\w+))?\}")
_SLOTS = (*PHRASES, "place", "words")
_ANSWER_START_SLOTS = ("place", "first_word")
# First words of a caption that need no capital letter inside a sentence, whatever follows.
_PLAIN_FIRST_WORD = re.compile(
    r"(?:an?|the|some|several|many|multiple|various|two|three|four|five|someone|something|people|men|women|children"
    r"|dogs|birds|music|water|wind|rain|loud|[a-z]+ing)(?![\w'’-])",
    re.IGNORECASE,
)


class PromptError(ValueError):
    """A prompt that is not there or cannot be read; the message is one line for a person."""


@dataclass(frozen=True)
class Example:
    """One example for the model: a caption, the words of its place, and the right answer."""

    caption: str
    words: Mapping[str, str]
    answer: str
    sounds: str = ""
    """The lines of its sounds, for a prompt of scenes."""


@dataclass(frozen=True)
class Prompt:
    """A prompt: its text, its sampling parameters and its examples."""

    name: str
    version: int
    sha256: str
    """The SHA-256 of the file."""
    temperature: float
    max_tokens: int
    system: str
    """The system message; empty for none."""
    template: str
    """The text of one request, with the slots `{caption}`, an attribute, `{place}` and `{words}`, or `{sounds}`."""
    examples: tuple[Example, ...]
    answer_start: str = ""
    """How every answer begins, with the slots `{place}` and `{first_word}`; empty for a prompt that leaves it open."""

    @property
    def id(self) -> str:
        """The name and the first digits of the file's hash, as in the column `caption_prompt`."""
        return f"{self.name}@{self.sha256[:12]}"

    @property
    def parameters(self) -> dict[str, float | int]:
        """The sampling parameters that go with the prompt."""
        return {"temperature": self.temperature, "max_tokens": self.max_tokens}

    def messages(self, caption: str, words: Mapping[str, str], sounds: str = "") -> list[dict[str, str]]:
        """The chat that asks to rewrite `caption` with `words` (attribute → word): system, examples, request.

        Args:
            sounds: the lines of a scene's sounds (`prompts.sounds`).
        """
        chat = [{"role": "system", "content": self.system}] if self.system else []
        for example in self.examples:
            chat.append(
                {"role": "user", "content": _fill(self.template, example.caption, example.words, example.sounds)}
            )
            chat.append({"role": "assistant", "content": example.answer})
        chat.append({"role": "user", "content": _fill(self.template, caption, words, sounds)})
        return chat

    def start_of_answer(self, caption: str, words: Mapping[str, str]) -> str:
        """The words with which the answer begins, for a model that goes on from them: "Near, on the left, a".

        They are the place and the first word of the caption, if that word needs no capital letter. Empty where the
        prompt has no `answer_start`, and where there is no word of space.
        """
        place = place_phrase(words)
        if not (self.answer_start and place):
            return ""
        first = _PLAIN_FIRST_WORD.match(caption.lstrip())
        values = {"place": place[0].upper() + place[1:], "first_word": first[0].lower() if first else ""}
        return _SLOT.sub(lambda match: values[match[1]], self.answer_start).strip()


def prompt_names() -> list[str]:
    """The names of the prompts in this package with which a model writes captions, sorted."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    names = (name.removesuffix(".txt") for name in files if name.endswith(".txt"))
    return sorted(name for name in names if name not in (_JUDGE, _SCENE))


def prompt_list(
    names_or_paths: Sequence[str], texts: Mapping[str, str], *, may_read: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Resolves a list of prompts, so that nothing of it has to be read from a file again.

    Args:
        names_or_paths: names of prompts of this package, `styles`, paths of text files, and ids that `texts` has.
        texts: the text of each prompt that is known by its id.
        may_read: whether paths are read; the list of a release may come from anybody, and holds none.

    Returns:
        The names, with `styles` replaced by the prompts that it stands for and each path by the id of the prompt in
        that file; and the texts of the ids among them.

    Raises:
        PromptError: when the list is empty, a prompt cannot be loaded, or two are the same.
    """
    found: dict[str, str] = {}
    used: dict[str, str] = {}
    for entry in names_or_paths:
        for name in STYLES if entry == "styles" else (entry,):
            data = _prompt_bytes(name, texts, may_read=may_read)
            prompt = load_prompt(name, texts) if name in texts else _parse(data, name)
            if prompt.id in found:
                same = f" as {found[prompt.id]!r}" if found[prompt.id] != name else ""
                raise PromptError(f"the prompt {name!r} is in the list twice{same}")
            found[prompt.id] = name
            if name not in prompt_names():
                used[prompt.id] = data.decode()
    if not found:
        raise PromptError(f"the list of prompts is empty; known are styles, {', '.join(prompt_names())}")
    return [prompt_id if prompt_id in used else name for prompt_id, name in found.items()], used


def load_prompt(
    name_or_path: str, texts: Mapping[str, str] = MappingProxyType({}), *, may_read: bool = False
) -> Prompt:
    """The prompt of this package with this name, or the one with this id in `texts`; if `may_read`, a text file's.

    Raises:
        PromptError: when there is no such prompt, it cannot be read, or its text is not that of its id.
    """
    prompt = _parse(_prompt_bytes(name_or_path, texts, may_read=may_read), name_or_path)
    if name_or_path in texts and prompt.id != name_or_path:
        raise PromptError(f"prompt {name_or_path!r}: its text is that of {prompt.id!r}")
    return prompt


def _prompt_bytes(name_or_path: str, texts: Mapping[str, str], *, may_read: bool) -> bytes:
    if name_or_path in texts:
        return texts[name_or_path].encode(errors="replace")
    if name_or_path in prompt_names():
        return resources.files(__name__).joinpath(f"{name_or_path}.txt").read_bytes()
    shipped = ", ".join(prompt_names())
    if not may_read:
        raise PromptError(f"no prompt {name_or_path!r}: no text comes with it, and it is none of {shipped}")
    try:
        # Not a device or a pipe, which would be read for ever.
        if Path(name_or_path).exists() and not Path(name_or_path).is_file():
            raise OSError("it is no file")
        return Path(name_or_path).read_bytes()
    except (OSError, ValueError) as error:
        raise PromptError(f"no prompt {name_or_path!r}: neither a file nor one of {shipped}, styles") from error


def load_judge_prompt() -> Prompt:
    """The prompt with which a model is asked what a caption says."""
    return _parse(resources.files(__name__).joinpath(f"{_JUDGE}.txt").read_bytes(), _JUDGE)


def load_scene_prompt() -> Prompt:
    """The prompt with which a model is asked for the caption of a scene."""
    return _parse(resources.files(__name__).joinpath(f"{_SCENE}.txt").read_bytes(), _SCENE)


@lru_cache(maxsize=16)
def _parse(data: bytes, source: str) -> Prompt:
    try:
        match = _HEADER.match(data.decode().replace("\r\n", "\n"))
        header: Any = yaml.safe_load(match[1]) if match else None
        if match is None or not isinstance(header, dict):
            raise PromptError(f"prompt {source!r}: it has no header between two lines of ---")
        template = match[2].strip()
        subject = "sounds" if source == _SCENE else "caption"
        if subject not in [name for name, _ in _SLOT.findall(template)]:
            raise ValueError(f"its text has no {{{subject}}}")
        _check_slots("text", template, (subject, *_SLOTS))
        answer_start = str(header.get("answer_start") or "")
        _check_slots("answer_start", answer_start, _ANSWER_START_SLOTS)
        return Prompt(
            name=str(header["name"]),
            version=int(header["version"]),
            sha256=hashlib.sha256(data).hexdigest(),
            temperature=float(header["temperature"]),
            max_tokens=int(header["max_tokens"]),
            system=str(header.get("system") or "").strip(),
            template=template,
            examples=tuple(_example(entry) for entry in header.get("examples") or ()),
            answer_start=answer_start,
        )
    except PromptError:
        raise
    except KeyError as error:
        raise PromptError(f"prompt {source!r}: {error.args[0]!r} is missing") from error
    except (UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError) as error:
        raise PromptError(f"prompt {source!r}: {' '.join(str(error).split())}") from error


def _example(entry: Mapping[str, Any]) -> Example:
    words = {str(attribute): str(word) for attribute, word in (entry.get("words") or {}).items()}
    for attribute, word in words.items():
        if word not in PHRASES.get(attribute, {}):
            raise ValueError(f"an example has {attribute}: {word}, which is not a word of space")
    sounds = [{str(name): str(value) for name, value in sound.items()} for sound in entry.get("sounds") or ()]
    times = [(int(earlier) - 1, int(later) - 1, str(word)) for earlier, word, later in entry.get("times") or ()]
    lines = sounds_text(sounds, times) if sounds else ""
    return Example(str(entry["caption"]) if not sounds else "", words, str(entry["answer"]), lines)


def _check_slots(part: str, text: str, known: Sequence[str]) -> None:
    for name, _ in _SLOT.findall(text):
        if name not in known:
            raise ValueError(f"its {part} has {{{name}}}; known are {', '.join(known)}")


def _fill(template: str, caption: str, words: Mapping[str, str], sounds: str = "") -> str:
    """The template with its slots filled. A `[segment]` is left out if none of its slots has a word of the row."""
    values = _slot_values(words)

    def keep_or_drop(match: re.Match[str]) -> str:
        slots = [name for name, _ in _SLOT.findall(match[1])]
        return match[1] if any(values.get(name) for name in slots) else ""

    def value(match: re.Match[str]) -> str:
        return match[0] if match[1] in ("caption", "sounds") else values.get(match[1]) or match[2] or ""

    text = _SLOT.sub(value, _SEGMENT.sub(keep_or_drop, template))
    text = "\n".join(re.sub(r" {2,}", " ", line).rstrip() for line in text.split("\n"))
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    # The caption is filled in last and on one line, so that nothing in it becomes a slot or a new instruction.
    return text.replace("{sounds}", sounds) if "{sounds}" in text else text.replace("{caption}", one_line(caption))


def _slot_values(words: Mapping[str, str]) -> dict[str, str]:
    # The paper fills in the bare words of place, but "acoustically dampened" and "highly reverberant".
    values = {name: PHRASES[name][word] if name == "reverberation" else word for name, word in words.items()}
    values["place"] = place_phrase(words)
    values["words"] = ", ".join(word for word in words.values())
    return values
