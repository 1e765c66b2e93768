"""Prompts: what a request looks like when filled, with any of the words missing, and with any caption."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import prompts
from prompts import PHRASES, STYLES, Example, PromptError, load_prompt, place_phrase, prompt_list, prompt_names

ALL_WORDS = {
    "direction": "left",
    "elevation": "up",
    "distance": "near",
    "room_size": "small",
    "reverberation": "dampened",
}


def _sound_first(example: Example) -> bool:
    return example.answer.split()[0] == example.caption.split()[0]


#: The form that every example of a prompt shows.
FORMS: dict[str, Callable[[Example], bool]] = {
    "listener": lambda example: re.search(r"\byou(?:r|rs)?\b", example.answer, re.IGNORECASE) is not None,
    "place": lambda example: not _sound_first(example),
    "place_first": lambda example: not _sound_first(example),
    "place_last": _sound_first,
    "rich": lambda example: len(example.answer.split()) >= 18,
    "short": lambda example: len(example.answer.split()) <= 16,
    "sound_first": _sound_first,
    "woven": lambda example: example.answer.split()[-1] != example.caption.split()[-1],
}


def test_the_papers_prompt_with_every_word_is_the_papers_sentence() -> None:
    messages = load_prompt("paper").messages("A dog barks", ALL_WORDS)
    assert messages == [
        {
            "role": "user",
            "content": 'The sound: "A dog barks" is coming from the near up left of a small '
            "acoustically dampened room. Rephrase as a short English sentence describing the sound and all the "
            "details of its source.",
        }
    ]


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ({}, "is coming from a room."),
        ({"reverberation": "dampened"}, "is coming from an acoustically dampened room."),
        ({"distance": "far"}, "is coming from the far side of a room."),
        ({"direction": "back", "room_size": "large"}, "is coming from the back of a large room."),
        (
            {"reverberation": "reverberant", "elevation": "down"},
            "coming from the down side of a highly reverberant room.",
        ),
    ],
)
def test_the_papers_prompt_is_grammatical_when_words_are_missing(words: dict[str, str], place: str) -> None:
    assert place in load_prompt("paper").messages("A dog barks", words)[0]["content"]


@pytest.mark.parametrize("name", prompt_names())
def test_every_combination_of_words_is_asked_for_whole(name: str) -> None:
    prompt = load_prompt(name)
    options = [[(attribute, word) for word in (None, *PHRASES[attribute])] for attribute in PHRASES]
    for combination in itertools.product(*options):
        words = {attribute: word for attribute, word in combination if word is not None}
        text = prompt.messages("Rain", words)[-1]["content"]
        assert all(word in text for word in words.values())
        assert "  " not in text
        assert "{" not in text
        assert "[" not in text
        assert "a acoustically" not in text


def test_a_prompt_has_the_hash_of_its_file() -> None:
    data = (Path(prompts.__file__).parent / "place.txt").read_bytes()
    prompt = load_prompt("place")
    assert prompt.sha256 == hashlib.sha256(data).hexdigest()
    assert prompt.id == f"place@{prompt.sha256[:12]}"
    assert prompt.parameters == {"temperature": prompt.temperature, "max_tokens": prompt.max_tokens}


@pytest.mark.parametrize(
    ("caption", "words", "start"),
    [
        ("A dog barks", {"distance": "near", "direction": "left"}, "Near, on the left, a"),
        ("Humming of an engine", {"elevation": "up"}, "Up above, humming"),
        ("John's dog barks", {"elevation": "up"}, "Up above,"),
        ("A's fifth is played", {"elevation": "up"}, "Up above,"),
        ("", {"elevation": "up"}, "Up above,"),
        ("A dog barks", {}, ""),
    ],
)
def test_an_answer_starts_with_the_place_and_a_first_word_that_is_no_name(
    caption: str, words: dict[str, str], start: str
) -> None:
    assert load_prompt("place").start_of_answer(caption, words) == start
    assert load_prompt("woven").start_of_answer(caption, words) == ""


@pytest.mark.parametrize("name", sorted(name for name in prompt_names() if load_prompt(name).answer_start))
def test_the_examples_of_a_prompt_start_as_its_answers_do(name: str) -> None:
    prompt = load_prompt(name)
    for example in prompt.examples:
        place = prompt.start_of_answer("", example.words)
        assert example.answer.startswith(place), example


def test_examples_come_before_the_request_and_pass_the_check() -> None:
    from transforms.captions.check import check_caption
    from transforms.words import SpatialWords

    prompt = load_prompt("place")
    messages = prompt.messages("Rain", {"distance": "far"})
    roles = [message["role"] for message in messages]
    assert roles == ["system", *["user", "assistant"] * len(prompt.examples), "user"]
    examples = [(name, example) for name in prompt_names() for example in load_prompt(name).examples]
    refused = [
        (reason, name, example)
        for name, example in examples
        if (reason := check_caption(example.answer, example.caption, SpatialWords(**example.words))) is not None
    ]
    assert refused == []


@pytest.mark.parametrize("name", FORMS)
def test_the_examples_of_a_prompt_have_its_form(name: str) -> None:
    examples = load_prompt(name).examples
    assert [example.answer for example in examples if not FORMS[name](example)] == []


def test_every_style_has_a_form_and_stands_in_the_page_with_an_example_of_its_own() -> None:
    assert set(STYLES) <= set(FORMS)
    page = (Path(__file__).parents[2] / "docs" / "captions.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([A-Z][^|]+\.) \|$", page, re.MULTILINE))
    assert set(STYLES) <= set(shown)
    for name in STYLES:
        assert shown[name] in [example.answer for example in load_prompt(name).examples]


@pytest.mark.parametrize(
    "caption",
    ["{place} {caption}", 'He said "stop"', "line\nbreak", "[x {words}]", "", "😀" * 100, "\\1 \\g<0>", "a apple"],
)
def test_a_caption_is_data(caption: str) -> None:
    for name in prompt_names():
        text = load_prompt(name).messages(caption, {"distance": "far"})[-1]["content"]
        assert f'"{" ".join(caption.replace(chr(34), chr(39)).split())}"' in text


def test_a_prompt_can_be_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("---\nname: mine\nversion: 3\ntemperature: 0\nmax_tokens: 9\n---\nSay {caption} with {words}.\n")
    prompt = load_prompt(str(path), may_read=True)
    assert (prompt.name, prompt.version, prompt.temperature, prompt.max_tokens) == ("mine", 3, 0.0, 9)
    assert prompt.messages("rain", {"distance": "far"}) == [{"role": "user", "content": "Say rain with far."}]


def test_a_prompt_of_a_strangers_recipe_is_no_path_that_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "own.txt").write_text("---\nname: a\nversion: 1\ntemperature: 0\nmax_tokens: 9\n---\n{caption}\n")
    for path in ("pipe", "own.txt", "none"):
        for read in (lambda name: prompt_list([name], {}), load_prompt):
            with pytest.raises(PromptError, match="no text comes with it"):
                read(str(tmp_path / path))
    with pytest.raises(PromptError, match="no prompt"):
        load_prompt(str(tmp_path / "pipe"), may_read=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no header", "header"),
        ("---\nname: x\n---\n{caption}", "version"),
        ("---\nname: x\nversion: 1\ntemperature: hot\nmax_tokens: 9\n---\n{caption}", "hot"),
        ("---\nname: x\nversion: 1\ntemperature: 1\nmax_tokens: 9\n---\nno slot", "{caption}"),
        ("---\nname: x\nversion: 1\ntemperature: 1\nmax_tokens: 9\n---\n{caption} {colour}", "{colour}"),
        (
            '---\nname: x\nversion: 1\ntemperature: 1\nmax_tokens: 9\nanswer_start: "{words}"\n---\n{caption}',
            "answer_start has {words}; known are place, first_word",
        ),
        ("---\n: [\n---\n{caption}", "mine.txt"),
    ],
)
def test_a_broken_prompt_is_refused_in_one_line_that_names_it(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(PromptError) as caught:
        load_prompt(str(path), may_read=True)
    message = str(caught.value)
    assert "mine.txt" in message
    assert says in message
    assert "\n" not in message


def test_an_unknown_prompt_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(PromptError, match=r"no prompt 'nonsense': .*paper, place, .*styles$"):
        load_prompt("nonsense", may_read=True)


def test_styles_is_the_name_of_prompts_that_show_every_word_and_forms_of_their_own() -> None:
    assert prompt_list(["styles"], {}) == (list(STYLES), {})
    assert len(STYLES) >= 6
    styles = [load_prompt(name) for name in STYLES]
    assert [prompt.name for prompt in styles] == list(STYLES)
    for prompt in styles:
        assert len(prompt.examples) >= 5
        shown = {(attribute, word) for example in prompt.examples for attribute, word in example.words.items()}
        assert {attribute for attribute, _ in shown} == set(PHRASES), prompt.name
        assert len(shown) >= 8, prompt.name
    captions = [example.caption for prompt in styles for example in prompt.examples]
    assert len(set(captions)) == len(captions)
    first = load_prompt("place_first").messages("Rain", {"distance": "far"})[-1]["content"]
    assert first == 'Caption: "Rain"\nDistance from the listener: far\nSentence:'


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], r"the list of prompts is empty; known are styles, .*listener, "),
        (["place", "nonsense"], r"no prompt 'nonsense': neither a file nor one of .*listener, .*place, "),
        (["place", "paper", "place"], r"the prompt 'place' is in the list twice$"),
        (["rich", "styles"], r"the prompt 'rich' is in the list twice$"),
    ],
)
def test_a_list_of_prompts_that_cannot_be_used_is_refused_by_name(names: list[str], says: str) -> None:
    with pytest.raises(PromptError, match=says):
        prompt_list(names, {}, may_read=True)


def test_a_copy_of_a_prompt_is_the_same_prompt(tmp_path: Path) -> None:
    path = tmp_path / "copy.txt"
    path.write_bytes((Path(prompts.__file__).parent / "place.txt").read_bytes())
    with pytest.raises(PromptError, match=r"copy\.txt' is in the list twice as 'place'$"):
        prompt_list(["place", str(path)], {}, may_read=True)


def test_the_place_in_prose() -> None:
    assert place_phrase({}) == ""
    assert place_phrase({"reverberation": "dampened"}) == "in an acoustically dampened room"
    assert place_phrase(ALL_WORDS) == "near, up above, on the left, in a small, acoustically dampened room"


def test_a_text_is_a_prompt_only_under_its_own_id() -> None:
    text = "---\nname: mine\nversion: 1\ntemperature: 0\nmax_tokens: 9\n---\nSay {caption}.\n"
    own = f"mine@{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    assert load_prompt(own, {own: text}).id == own
    for wrong in ("mine@000000000000", "place", "/dev/zero"):
        with pytest.raises(PromptError, match=f"its text is that of '{own}'"):
            load_prompt(wrong, {wrong: text})
