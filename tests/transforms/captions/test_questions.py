"""Questions: which prompt a caption draws, how versions are numbered, and hashes that older answers were kept under."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from pipeline.recipe import load_recipe
from prompts import load_prompt
from transforms.captions.answer_journal import KnownAnswers
from transforms.captions.list_questions import open_questions, request_of
from transforms.captions.questions import Questions, caption_seeds, draw_order
from transforms.captions.rewriting import rewrite, template_version
from transforms.records import Clip, Row, Shard
from transforms.seeds import derive_seed
from transforms.words import SpatialWords

WORDS = SpatialWords("left", None, "near", "small", None)
NAMES = ("place", "paper")
IDS = tuple(load_prompt(name).id for name in NAMES)


def _questions(versions: int = 1, prompts: tuple[str, ...] = NAMES) -> Questions:
    return Questions("small", {load_prompt(name).id: load_prompt(name) for name in prompts}, versions, 2)


def _row(seed: int = 7, captions: tuple[str, ...] = ("A dog barks", "Rain falls")) -> Row:
    return Row("train/a.wav#0", Clip("d", "train", "a.wav", "a.wav", captions), 0, seed, words=WORDS)


def test_one_name_has_the_hashes_and_seeds_of_before_there_were_lists() -> None:
    # As the version before lists of prompts computed them.
    for settings in (["caption.prompt=paper"], ["caption.prompt=[paper]", "caption.versions=1"]):
        recipe = load_recipe("folder", ["caption.writer=openai", "caption.model=small", *settings])
        assert recipe.sha256() == "53a8049a6a0db5eb1587eea88aa3bceae5383fdb4a761df4569d34da72269217"
        questions = recipe.caption_job().questions()
        first, second = questions.of_rows([_row()])
        assert (first.seed, second.seed) == (7215797287443464523, 4765315710709345565)
        assert [questions.sha256(request, attempt) for request in (first, second) for attempt in (0, 1)] == [
            "ebb0dbc217b0ebfec2b765ee10a5f709cf652136e2bcc312edd3021b48c4e3ac",
            "807cb42d0a7a9116261074153fac1d824b375eea8165c77744e85ff9137c58a3",
            "d4c20dfcb622721bda339319862ef749ab8c35bc526affebf05536b0eb22762f",
            "1168b0c9ea9bf5f88882dea21904a2703130d7a2fa8ea158411d8d00d2bd426d",
        ]


def test_a_row_s_seed_alone_draws_the_prompts() -> None:
    questions = _questions()
    rows = [replace(_row(seed), id=f"row-{seed}") for seed in range(2000)]
    together = {(one.row_id, one.caption_index): one.prompt for one in questions.of_rows(rows)}
    for row in reversed(rows[::97]):
        assert [one.prompt for one in questions.of_rows([row])] == [together[row.id, 0], together[row.id, 1]]
    counts = Counter(together.values())
    assert set(counts) == set(IDS)
    assert min(counts.values()) > 1900
    # A row's second original draws for itself.
    assert 900 < sum(together[row.id, 0] != together[row.id, 1] for row in rows) < 1100


def test_every_order_of_the_prompts_is_drawn_equally_often() -> None:
    orders = Counter(tuple(draw_order(3, seed, 0)) for seed in range(3000))
    assert len(orders) == 6
    assert min(orders.values()) > 420


def test_versions_stand_side_by_side_and_have_every_prompt_before_one_comes_again() -> None:
    requests = _questions(versions=5).of_rows([_row()])
    assert [request.caption_index for request in requests] == list(range(10))
    assert [request.caption for request in requests] == ["A dog barks"] * 5 + ["Rain falls"] * 5
    for of_original in (requests[:5], requests[5:]):
        prompts = [request.prompt for request in of_original]
        assert set(prompts[:2]) == set(IDS)
        assert prompts == [*prompts[:2], *prompts[:2], prompts[0]]
        assert [request.repeat for request in of_original] == [0, 0, 1, 1, 2]
    digests = [_questions(versions=5).sha256(request) for request in requests]
    assert len(set(digests)) == 10


def test_the_first_version_is_the_caption_of_a_recipe_without_versions() -> None:
    one, three = _questions(1).of_rows([_row()]), _questions(3).of_rows([_row()])
    assert one[0] == three[0]
    assert _questions().sha256(one[1]) == _questions().sha256(three[3])


def test_each_version_has_the_template_s_seed_of_its_index() -> None:
    assert caption_seeds(7, 4, 1) == (derive_seed(7, "caption", 4),)
    assert caption_seeds(7, 4, 3) == (derive_seed(7, "caption", 3), derive_seed(7, "caption", 4))
    requests = _questions(versions=3).of_rows([_row()])
    assert [(*request.earlier_seeds, request.seed) for request in requests] == [
        caption_seeds(7, index, 3) for index in range(6)
    ]


def test_the_template_writes_versions_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = ["one.", "one.", "one.", "two.", "three."]
    seeds: list[int] = []

    def template(original: str, words: SpatialWords, seed: int) -> str:
        seeds.append(seed)
        return sentences[len(seeds) - 1]

    monkeypatch.setattr("transforms.captions.rewriting.template_caption", template)
    # The text is one that no other test has, because versions are remembered.
    assert template_version("A dog barks in one sentence", WORDS, (1, 2, 3)) == "three."
    assert seeds == [1, 2, derive_seed(2, "again", 0), derive_seed(2, "again", 1), 3]


def test_a_template_s_caption_does_not_depend_on_who_wrote_the_other_versions() -> None:
    questions = replace(_questions(versions=4), prompts={})
    requests = questions.of_rows([_row()])
    whole = [caption for caption, _ in rewrite(requests, None, questions)]
    assert [caption for caption, _ in rewrite(requests[2:4], None, questions)] == whole[2:4]
    assert len({caption.text for caption in whole}) == 8
    assert {caption.prompt for caption in whole} == {None}


def test_a_template_that_has_but_one_sentence_repeats_it() -> None:
    assert template_version("", SpatialWords(), (1, 2, 3)) == "A sound is heard."


def test_a_prompt_s_sampling_and_the_recipe_s_over_it() -> None:
    job = load_recipe("folder", ["caption.writer=openai", "caption.prompt=[place, paper]"]).caption_job()
    assert [prompt.temperature for prompt in job.questions().prompts.values()] == [0.8, 0.9]
    job = replace(job, temperature=0.0, max_tokens=7)
    found = [(prompt.id, prompt.temperature, prompt.max_tokens) for prompt in job.questions().prompts.values()]
    assert found == [(IDS[0], 0.0, 7), (IDS[1], 0.0, 7)]
    assert replace(job, writer="template").questions().prompts == {}


def test_a_question_of_before_there_were_versions_can_be_read() -> None:
    shard = Shard("train", 0, 1, (_row(),))
    rows = open_questions(shard, _questions(versions=3), KnownAnswers())
    assert [row["repeat"] for row in rows] == [0, 0, 1] * 2
    for row, request in zip(rows, _questions(versions=3).of_rows([_row()]), strict=True):
        assert request_of(row) == replace(request, seed=0, earlier_seeds=())
    assert request_of({name: value for name, value in rows[0].items() if name != "repeat"}) == request_of(rows[0])
