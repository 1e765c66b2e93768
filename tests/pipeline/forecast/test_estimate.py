"""The arithmetic of a plan: what a sample says of all clips, and how sure it is of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.build.planning import Plan
from pipeline.forecast import with_captions
from pipeline.forecast.captions import MOST_ROWS, QuestionCount, count_questions, plan_captions
from pipeline.forecast.estimate import Interval, Population, Sample, SampledClip, SampledRow, Setting, estimate
from pipeline.forecast.measure_sample import ModelAnswers
from pipeline.forecast.text import bytes_text, plan_lines, rounded_time_text
from pipeline.forecast.tokens import text_tokens
from pipeline.recipe import Recipe, load_recipe
from prompts import load_prompt
from tests.chat_server import obedient
from transforms.captions.answer_journal import KnownAnswers
from transforms.records import Clip
from transforms.shards.plan_shards import PlannedShard

pytestmark = pytest.mark.slow

STAGES = {"place": 0.001, "respond": 0.05, "word": 0.0001, "captions": 0.004}


def sampled(length_s: float, expected_s: float, bytes_a_second: float = 100_000.0, *, row: bool = True) -> SampledClip:
    made = SampledRow(round(bytes_a_second * length_s), {**STAGES, "render": 0.004 * length_s, "write": 0.001}, 0.2)
    return SampledClip(2, expected_s, length_s, 0.01, 0.01, row=made if row else None)


def sample_of(clips: list[SampledClip]) -> Sample:
    return Sample(tuple(clips), 3.4, 2.0, 0.05, 0.006, 450.0, 20_000.0, 0.0001, 0.004, 2, 20.0)


def population_of(lengths: np.ndarray, shards: int = 4) -> Population:
    total = float(np.sum(lengths))
    return Population(len(lengths), 2 * len(lengths), total, 2 * total, shards, 100, 120, 4)


def clips_of_recipe(count: int, captions: int = 1) -> tuple[Recipe, Plan]:
    recipe = load_recipe("folder", ["caption.writer=openai", "caption.model=small", "rooms.train=4"])
    clips = tuple(
        Clip("folder", "train", f"{n}", f"{n}.wav", tuple(f"A dog barks {n} {k}" for k in range(captions)))
        for n in range(count)
    )
    return recipe, Plan((PlannedShard("train", 0, 1, clips),), (("train", 0),), (), "")


@given(st.lists(st.floats(4.0, 300.0), min_size=1, max_size=12))
def test_what_was_sampled_whole_is_exact(lengths: list[float]) -> None:
    clips = [sampled(length, length) for length in lengths]
    found = estimate(population_of(np.array(lengths)), sample_of(clips), Setting(2, 2), 0)
    assert found.hours.value == pytest.approx(2 * sum(lengths) / 3600)
    assert found.hours.low == pytest.approx(found.hours.high)
    assert found.rows == Interval.exact(2 * len(lengths))


@given(
    st.lists(st.tuples(st.floats(4, 60), st.floats(4, 60), st.booleans()), min_size=2, max_size=20), st.integers(0, 9)
)
def test_every_interval_holds_its_value_and_nothing_is_negative(
    entries: list[tuple[float, float, bool]], seed: int
) -> None:
    clips = [sampled(length, expected, row=row) for length, expected, row in entries]
    clips.append(sampled(5.0, 5.0))
    found = estimate(population_of(np.full(1000, 20.0)), sample_of(clips), Setting(2, 2), seed)
    for interval in (found.hours, found.rows, found.flac_bytes, found.total_bytes, found.cpu_s, found.wall_s):
        assert 0 <= interval.low <= interval.value <= interval.high < math.inf


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    draw = np.random.Generator(np.random.Philox(key=5))
    expected = draw.uniform(4, 40, 3000)
    lengths = expected * draw.uniform(0.6, 1.0, 3000)
    rates = draw.lognormal(11.5, 0.5, 3000)
    hours, flac = 2 * lengths.sum() / 3600, 2 * float(lengths @ rates)
    held = []
    for trial in range(60):
        chosen = draw.choice(3000, 80, replace=False)
        clips = [sampled(lengths[at], expected[at], rates[at]) for at in chosen]
        found = estimate(population_of(expected), sample_of(clips), Setting(2, 2), trial)
        held.append(
            (
                found.hours.low <= hours <= found.hours.high,
                found.flac_bytes.low <= flac <= found.flac_bytes.high,
            )
        )
    assert np.mean(held, axis=0).min() >= 0.85


def test_clips_that_are_refused_make_fewer_rows() -> None:
    clips = [sampled(10.0, 10.0) for _ in range(15)] + [SampledClip(2, 10.0, 0.0, 0.01, 0.01, refused="silent")] * 5
    found = estimate(population_of(np.full(20, 10.0)), sample_of(clips), Setting(2, 2), 0)
    assert found.rows.value == pytest.approx(30)
    assert found.hours.value == pytest.approx(300 / 3600)


def test_a_sample_without_a_row_tells_nothing() -> None:
    with pytest.raises(ValueError, match="no row"):
        estimate(population_of(np.full(5, 10.0)), sample_of([sampled(1.0, 1.0, row=False)]), Setting(2, 2), 0)


def test_more_workers_take_less_wall_time_and_hardly_more_cpu() -> None:
    clips = [sampled(20.0, 20.0) for _ in range(30)]
    population = population_of(np.full(100_000, 20.0), shards=3000)
    one, many = (estimate(population, sample_of(clips), Setting(workers, workers), 0) for workers in (2, 16))
    assert one.wall_s.value / many.wall_s.value == pytest.approx(8, rel=0.15)
    assert many.cpu_s.value / one.cpu_s.value == pytest.approx(1, rel=0.02)


def test_one_shard_keeps_a_second_worker_idle() -> None:
    clips = [sampled(20.0, 20.0) for _ in range(30)]
    one_shard, two_shards = (population_of(np.full(1000, 20.0), shards=shards) for shards in (1, 2))
    slow, fast = (estimate(population, sample_of(clips), Setting(2, 2), 0) for population in (one_shard, two_shards))
    assert slow.wall_s.value > 1.5 * fast.wall_s.value


def test_a_model_elsewhere_is_waited_for_where_it_is_slower() -> None:
    clips = [sampled(20.0, 20.0) for _ in range(30)]
    population = population_of(np.full(1000, 20.0))
    alone = estimate(population, sample_of(clips), Setting(2, 2), 0)
    waiting = estimate(population, sample_of(clips), Setting(2, 2, asking_wall_s=10_000.0), 0)
    assert alone.wall_s.value < 1000
    assert 10_000 < waiting.wall_s.value < 11_000


def test_questions_are_counted_once_each_and_scaled_beyond_a_sample() -> None:
    recipe, plan = clips_of_recipe(40, captions=2)
    few = count_questions(recipe, plan, KnownAnswers())
    assert (few.captions, few.known, few.rows) == (160, 0, 80)
    # Two versions of a clip that are in places with the same words ask the same.
    assert 150 <= few.open < 160
    recipe, plan = clips_of_recipe(2 * MOST_ROWS)
    many = count_questions(recipe, plan, KnownAnswers())
    assert many.rows == MOST_ROWS
    assert many.captions == 4 * MOST_ROWS
    assert 0.95 * many.captions < many.open < many.captions


def test_the_price_is_tokens_times_the_recipe_s_price() -> None:
    recipe = load_recipe(
        "folder",
        ["caption.writer=openai", "caption.model=small", "caption.prices={small: {prompt: 2, completion: 10}}"],
    )
    asked = ModelAnswers(captions=50, answers=60, prompt_tokens=24_000, completion_tokens=1_200)
    found = plan_captions(recipe, QuestionCount(1000, 1000, 0, 1.0, 1.0, 1000), 1.0, asked, ModelAnswers())
    assert found.tries.value == pytest.approx(1.2)
    assert found.answers.value == pytest.approx(1200)
    assert found.prompt_tokens.value == pytest.approx(480_000)
    assert found.cost_usd is not None
    assert found.cost_usd.value == pytest.approx(0.96 + 0.24)


COUNTED = ("clips", "rows", "captions", "shards", "rooms")
JUDGED = [
    "caption.writer=openai",
    "caption.model=small",
    "caption.judge=model",
    "caption.judge_model=big",
    "caption.prices={small: {prompt: 2, completion: 10}, big: {prompt: 20, completion: 100}}",
]


def test_the_judge_is_asked_about_the_share_of_answers_that_it_was_asked_about_before() -> None:
    count = QuestionCount(1000, 1000, 0, 1.0, 1.0, 1000)
    asked = ModelAnswers(
        captions=50,
        answers=60,
        prompt_tokens=24_000,
        completion_tokens=1_200,
        judged=15,
        judge_prompt_tokens=15_000,
        judge_completion_tokens=3_000,
    )
    found = plan_captions(load_recipe("folder", JUDGED), count, 1.0, asked, ModelAnswers())
    assert found.judge is not None
    assert found.judge.model == "big"
    assert found.judge.questions.value == pytest.approx(1200 / 4)
    assert found.judge.questions.low < 300 < found.judge.questions.high < 1200
    assert found.judge.prompt_tokens.value == pytest.approx(300_000)
    assert found.judge.cost_usd is not None
    assert found.judge.cost_usd.value == pytest.approx(300_000 * 20e-6 + 60_000 * 100e-6)
    assert found.cost_usd is not None
    assert found.cost_usd.value == pytest.approx(0.96 + 0.24 + found.judge.cost_usd.value)
    values = found.values()["judge"]
    assert isinstance(values, dict)
    assert values["questions"]["from"] == "known answers"


def test_a_judge_that_nobody_measured_is_asked_about_none_of_the_answers_to_all() -> None:
    count = QuestionCount(100, 100, 0, 400.0, 20.0, 100, doubted=7)
    found = plan_captions(load_recipe("folder", JUDGED), count, 1.0, ModelAnswers(), ModelAnswers())
    assert found.judge is not None
    assert found.judge.questions.low == pytest.approx(7, abs=20)
    assert found.judge.questions.high > 100
    # A prompt with its three examples, and a reply as long as theirs.
    assert 800 < found.judge.prompt_tokens.value / found.judge.questions.value < 2000
    assert 80 < found.judge.completion_tokens.value / found.judge.questions.value < 300


def test_a_judge_without_a_price_is_named() -> None:
    settings = [*JUDGED[:-1], "caption.prices={small: {prompt: 2, completion: 10}}"]
    recipe, count = load_recipe("folder", settings), QuestionCount(100, 100, 0, 400.0, 20.0, 100)
    found = plan_captions(recipe, count, 1.0, ModelAnswers(), ModelAnswers())
    assert found.cost_usd is None
    lines = plan_lines({"rows_by_split": {}, "rejected": [], **dict.fromkeys(COUNTED, 1)}, None, found, "", "")
    assert any(line.startswith("judge ") and "questions of big" in line for line in lines)
    assert any("caption.prices has no price of big" in line for line in lines)


def test_a_model_that_nobody_measured_has_one_try_at_least_and_the_small_model_s_at_most() -> None:
    recipe = load_recipe("folder", ["caption.writer=openai", "caption.model=small", "caption.tries=4"])
    found = plan_captions(recipe, QuestionCount(100, 100, 0, 400.0, 20.0, 100), 1.0, ModelAnswers(), ModelAnswers())
    assert (found.tries.low, found.tries.high) == (1.0, pytest.approx(1.80))
    assert found.cost_usd is None


def test_tokens_of_the_prompt_are_as_a_model_s_own_vocabulary_counts_them() -> None:
    from tests.benchmarks.plan_accuracy import small_model_tokens

    recipe, plan = clips_of_recipe(1)
    questions = count_questions(recipe, plan, KnownAnswers())
    words = {"distance": "near", "direction": "left"}
    messages = load_prompt("place").messages("A dog barks while people talk in the background", words)
    prompts, completions = small_model_tokens([{"messages": messages}])
    assert questions.prompt_tokens == pytest.approx(prompts, rel=0.12)
    assert text_tokens(obedient(messages[-1]["content"], 0)) == pytest.approx(completions, rel=0.3)


def test_the_local_model_takes_cores_and_one_elsewhere_takes_waiting() -> None:
    recipe = load_recipe("folder", ["caption.writer=local"])
    questions = QuestionCount(100, 100, 0, 400.0, 20.0, 100)
    asked = ModelAnswers(captions=10, answers=18, prompt_tokens=4000, completion_tokens=200, cpu_s=15.0, wall_s=16.0)
    captions = plan_captions(recipe, questions, 1.0, asked, ModelAnswers())
    here = with_captions(Setting(2, 2), captions, asked, 1.0, 16)
    assert here.caption_cpu_s.value == pytest.approx(150)
    assert here.asking_wall_s == 0
    recipe = load_recipe("folder", ["caption.writer=openai", "caption.model=small"])
    nothing = ModelAnswers()
    elsewhere = with_captions(Setting(2, 2), plan_captions(recipe, questions, 1.0, nothing, nothing), nothing, 1.0, 16)
    assert elsewhere.asking_wall_s == pytest.approx(180 / 32)
    judged = plan_captions(load_recipe("folder", JUDGED), questions, 1.0, nothing, nothing)
    assert judged.judge is not None
    waiting = with_captions(Setting(2, 2), judged, nothing, 1.0, 16).asking_wall_s
    assert waiting == pytest.approx((180 + judged.judge.questions.value) / 32)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (bytes_text(999), "1 kB"),
        (bytes_text(1.25e9), "1.25 GB"),
        (bytes_text(3.9e12), "3.9 TB"),
        (rounded_time_text(119.6), "120 s"),
        (rounded_time_text(180), "3.0 min"),
        (rounded_time_text(86_400), "24 h"),
    ],
)
def test_numbers_are_written_for_a_person(text: str, expected: str) -> None:
    assert text == expected
