"""`elsa plan` beside the builds that follow: what it counts, what it measures, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.build import build
from pipeline.command import main
from pipeline.forecast import forecast
from pipeline.forecast.measure_sample import Budget, MeasuringFailed, in_keyed_order
from pipeline.recipe import load_recipe
from tests.chat_server import chat_server, obedient
from tests.commands import forks_for_spawned
from tests.layouts import pair_json, sound, tar_bytes, write_tree
from tests.pipeline.conftest import ONE_WORKER
from tests.sounds import write_folder
from transforms.records import Clip

pytestmark = pytest.mark.slow

#: Time enough for every clip of a small folder on any machine: what is measured does not depend on its speed.
WHOLE = Budget(render_s=600.0, decode_s=0.0, rooms_s=0.0, captions_s=0.0)
#: Where a plan starts its processes. That it can spawn them is tested with the command.
MEASURING = "pipeline.forecast.measure_sample"
RECIPE = (
    "caption.writer=template",
    "rows_per_shard=6",
    "rooms.train=3",
    "rooms.validation=2",
    "rooms.test=2",
    "augmentations.train=2",
    "seed=3",
)
NUMBERS = {"value", "low", "high"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sounds of several lengths, levels and colours, with silence at an end; the last one is silent."""
    place = tmp_path_factory.mktemp("sounds")
    entries = [
        {"file_name": f"{n}.wav", "caption": f"Sound {n} is heard", "split": ("train", "train", "test")[n % 3]}
        for n in range(12)
    ]
    for number, entry in enumerate(entries):
        draw = np.random.Generator(np.random.Philox(key=number))
        samples = draw.uniform(-1, 1, round(32_000 * draw.uniform(1.0, 9.0)))
        samples = np.convolve(samples, np.ones(1 << number % 5), "same")
        samples[: len(samples) // 8] = 0.0
        samples *= (0.1 + 0.05 * number) / np.abs(samples).max() if number < 11 else 0.0
        soundfile.write(place / entry["file_name"], samples, 32_000)
    return write_folder(place, entries)


def sizes(release: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in release.glob(pattern))


def test_a_plan_says_what_the_build_then_makes_and_asks_and_counts_no_answer_that_is_known(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    output = tmp_path / "o"
    with chat_server(obedient) as server:
        recipe = load_recipe(
            "folder",
            [
                *RECIPE,
                "caption.writer=openai",
                f"caption.base_url={server.base_url}",
                "caption.model=small",
                "caption.prices={small: {prompt: 1, completion: 2}}",
            ],
        )
        with forks_for_spawned(MEASURING):
            found = forecast(recipe, str(folder), workers=1, ask=8, budget=WHOLE)
        assert found.captions is not None
        assert 0 < len(server.requests) <= 8
        server.requests.clear()
        outcome = build(recipe, str(folder), str(output), beam_flags=ONE_WORKER)
        # The silent clip's caption was not asked for: the plan counts on its share of the rows.
        assert found.captions.answers.value == pytest.approx(len(server.requests), abs=1)
    assert found.estimate is not None
    assert found.values()["rows"] == 20
    # All clips were decoded, so nothing is left to chance: the silent one is known, and so is every length.
    assert found.estimate.rows.value == pytest.approx(outcome.totals.row_count)
    assert found.estimate.rows.low == pytest.approx(found.estimate.rows.high)
    assert outcome.totals.row_count == 19
    assert found.estimate.hours.value == pytest.approx(outcome.totals.hour_count, rel=1e-3)
    assert found.estimate.flac_bytes.value == pytest.approx(sizes(output, "*/*/*.flac"), rel=0.15)
    of_shards = sizes(output, "**/*.parquet") - sizes(output, "answers.parquet")
    assert found.estimate.parquet_bytes.value == pytest.approx(of_shards, rel=0.3)
    assert found.estimate.cpu_s.value > 0
    assert found.measured is not None
    assert found.measured.headers == 12
    stated = json.loads((output / "release.json").read_text())["counts"]["answers"]
    assert found.captions.prompt_tokens.value == pytest.approx(stated["prompt_tokens"], rel=0.1)
    assert found.captions.cost_usd is not None
    assert found.captions.cost_usd.value == pytest.approx(stated["cost_usd"], rel=0.1)
    for answers, release in ((str(output / "answers.parquet"), None), (None, str(output))):
        again = forecast(recipe, str(folder), measure=False, answers=answers, output=release)
        assert again.captions is not None
        # What is left are the questions of the silent clip, which a plan without a sample cannot know of.
        assert again.captions.questions <= 1
        assert again.captions.known >= 19


def test_the_table_and_the_json_of_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [part for setting in RECIPE for part in ("--set", setting)]
    assert main(["plan", "folder", "--input", str(folder), "--workers", "1", "--json", *settings]) == 0
    values = json.loads(capsys.readouterr().out)
    assert list(values) == [
        *("recipe", "clips", "rows", "rows_by_split", "captions", "shards", "rooms", "rejected"),
        *("workers", "forecast", "answers", "notes"),
    ]
    assert values["answers"] is None  # The template asks nobody.
    measured = ("rows", "hours", "bytes", "flac_bytes", "parquet_bytes", "cpu_seconds", "wall_seconds")
    assert set(values["forecast"]) == {*measured, "cpu_seconds_by_stage", "rates", "sample"}
    for name in measured:
        assert set(values["forecast"][name]) == NUMBERS
    assert main(["plan", "folder", "--input", str(folder), "--no-measure", "--limit", "9", *settings]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [line.split()[:2] for line in printed.out.splitlines()[:2]] == [["clips", "9"], ["rows", "14"]]
    assert "elsa build folder --input" in printed.out
    assert "--limit 9" in printed.out


def test_what_a_plan_asks_of_a_model_without_measuring(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["--set", "caption.writer=openai", "--set", "caption.model=small"]
    assert main(["plan", "folder", "--input", str(folder), "--no-measure", "--json", *settings]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["forecast"] is None
    assert set(values["answers"]) == {
        *("writer", "model", "prompt", "prompts", "questions", "known", "tries", "answers"),
        *("prompt_tokens", "completion_tokens", "cost_usd", "judge"),
    }
    assert values["answers"]["cost_usd"] is None
    assert 18 <= values["answers"]["questions"] <= 20


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--workers", "0"], "--workers"),
        (["--ask", "-1"], "--ask"),
        (["--answers", "{in}/metadata.csv"], "--answers"),
        (["--answers", "{in}/none.parquet"], "none.parquet"),
        (["--set", "audio.bit_depth=20"], "audio.bit_depth"),
        (["--set", "rooms.train=0"], "rooms.train"),
    ],
)
def test_what_cannot_be_planned_is_one_line_and_exit_2(
    arguments: list[str], named: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [argument.replace("{in}", str(folder)) for argument in arguments]
    assert main(["plan", "folder", "--input", str(folder), *given]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("elsa: ")
    assert named in line


def test_an_input_of_which_nothing_can_be_decoded_is_said_and_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").write_text("no sound")
    folder = write_folder(tmp_path / "in", [{"file_name": "a.wav", "caption": "A sound"}])
    with forks_for_spawned(MEASURING), pytest.raises(MeasuringFailed, match="unreadable"):
        forecast(load_recipe("folder", RECIPE), str(folder), workers=1, budget=WHOLE)


def test_the_sample_is_chosen_by_seed_and_name_alone() -> None:
    clips = [Clip("d", "train", f"{n}", f"{n}.wav", ()) for n in range(50)]
    chosen = [clips[at].source_id for at in in_keyed_order(clips, 7)[:10]]
    turned = clips[::-1]
    assert [turned[at].source_id for at in in_keyed_order(turned, 7)[:10]] == chosen
    assert [clips[at].source_id for at in in_keyed_order(clips, 8)[:10]] != chosen


def test_the_length_of_a_clip_in_a_tar_is_not_read_off_the_tar(tmp_path: Path) -> None:
    tar = tar_bytes([part for n in (1, 2, 3) for part in ((f"{n}.flac", sound(n)), (f"{n}.json", pair_json(n)))])
    folder = write_tree(tmp_path / "in", {"train/0.tar": tar, "train/9.flac": sound(9), "train/9.json": pair_json(9)})
    recipe = load_recipe("spatial-freesound", ["caption.writer=template", "rooms.train=2"])
    with forks_for_spawned(MEASURING):
        found = forecast(recipe, str(folder), workers=1, budget=WHOLE)
    assert found.measured is not None
    assert len(found.measured.sample.clips) == 4
    assert not [clip for clip in found.measured.sample.clips if clip.refused]
    # One clip is a file; of the others the mean stands in for what the tar's header does not tell.
    assert found.measured.headers == 1


@pytest.mark.parametrize(("flags", "named"), [(["--colour"], "--colour"), (["--direct_num_workers=two"], "two")])
def test_an_option_of_a_plan_that_beam_does_not_know_is_named(
    flags: list[str], named: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "folder", "--input", str(folder), *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line


def test_refused_inputs_of_a_plan_are_counted_by_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [{"file_name": f"{number}.wav", "caption": "A sound", "split": "train"} for number in range(30)]
    folder = write_folder(tmp_path / "in", entries)
    for number in range(1, 30):
        (folder / f"{number}.wav").unlink()
    settings = [part for setting in RECIPE for part in ("--set", setting)]
    assert main(["plan", "folder", "--input", str(folder), "--no-measure", *settings]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("elsa: rejected 29 as missing: ")
    assert len(lines) == 2
