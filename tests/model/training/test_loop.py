"""Training: two runs and stopped runs give the same weights; the files of a run; continuing; errors."""

from __future__ import annotations

import io
import json
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from model.configuration import read_configuration
from model.elsa.saved_model import load_model, save_model
from model.errors import ConfigurationError, ReleaseUnreadable, RunRefused, TrainingDiverged, TrainingInterrupted
from model.runs.checkpoints import CHECKPOINT
from model.runs.record import configuration_sha256
from model.training import loop, train
from model.training.frozen import DECODED, VIEWS
from model.training.optimizers import learning_rate_at
from model.training.phases import Training
from model.training.trainer import Trainer
from tests.model.training.forked import start

pytestmark = pytest.mark.slow
SETTINGS = ["training.device=cpu", "training.epochs=2"]
#: Pretraining and training with two epochs of two steps each.
BOTH_PHASES = [
    *SETTINGS,
    "training.pretraining.epochs=2",
    "training.pretraining.batch_size=8",
    "model.semantic_frozen=true",
    "training.semantic_views=1",
]


def history_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def assert_same_run(first: Path, second: Path) -> None:
    """Asserts that weights are equal bit by bit, and that histories are equal except for times."""
    weights, others = (load_file(run / "model.safetensors") for run in (first, second))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    clocks = {"samples_per_s", "waited_for_data"}
    histories = [
        [{key: value for key, value in line.items() if key not in clocks} for line in history_of(run)]
        for run in (first, second)
    ]
    assert histories[0] == histories[1]


@pytest.fixture(scope="module")
def whole_run(release, tmp_path_factory) -> Path:
    """A run of both phases without a stop."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return train(read_configuration("elsa-tiny", BOTH_PHASES), [release], folder, progress=io.StringIO()).run


class Killed(BaseException):
    """An exception that no code of the training handles."""


def kill_at(monkeypatch, step: int) -> None:
    """Makes the next training write a checkpoint after each step, and end in the middle of a step."""
    calls = 0
    whole = Trainer.step

    def part(self, *arguments, **options):
        nonlocal calls
        calls += 1
        if calls == step:
            # A part of the step has changed weights; no checkpoint may hold them.
            with torch.no_grad():
                next(self.model.parameters()).add_(1)
            raise Killed
        return whole(self, *arguments, **options)

    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(Trainer, "step", part)


def test_two_runs_give_the_same_weights_and_another_seed_gives_others(release, trained_run, tmp_path):
    state = torch.random.get_rng_state()
    again = train(read_configuration("elsa-tiny", SETTINGS), [release], tmp_path / "again").run
    assert torch.equal(state, torch.random.get_rng_state())
    assert_same_run(trained_run, again)
    other = train(read_configuration("elsa-tiny", [*SETTINGS, "training.seed=1"]), [release], tmp_path / "other").run
    name = "fusion.0.weight"
    assert not torch.equal(
        load_file(trained_run / "model.safetensors")[name], load_file(other / "model.safetensors")[name]
    )


def test_workers_do_not_change_the_weights(release, trained_run, tmp_path):
    settings = [*SETTINGS, "training.workers=2"]
    assert_same_run(trained_run, train(read_configuration("elsa-tiny", settings), [release], tmp_path / "run").run)


@pytest.mark.parametrize("step", [1, 2, 4, 6, 8])
def test_a_killed_training_continues_to_the_same_weights(release, whole_run, tmp_path, monkeypatch, step):
    configuration = read_configuration("elsa-tiny", BOTH_PHASES)
    with monkeypatch.context() as patched:
        kill_at(patched, step)
        with pytest.raises(Killed):
            train(configuration, [release], tmp_path / "run")
    stream = io.StringIO()
    train(configuration, [release], tmp_path / "run", progress=stream)
    assert ("continues with" in stream.getvalue()) == (step > 1)
    assert_same_run(whole_run, tmp_path / "run")


def test_a_kill_between_the_best_model_and_the_checkpoint_loses_nothing(release, whole_run, tmp_path, monkeypatch):
    configuration = read_configuration("elsa-tiny", BOTH_PHASES)

    def killed(run, history):
        if history[-1]["phase"] == "training":
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(loop, "write_history", killed)
        with pytest.raises(Killed):
            train(configuration, [release], tmp_path / "run")
    assert (tmp_path / "run" / "model.safetensors").is_file()
    train(configuration, [release], tmp_path / "run")
    assert_same_run(whole_run, tmp_path / "run")


def train_with_frequent_checkpoints(release: Path, run: Path) -> None:
    loop.CHECKPOINT_EVERY_S = 0.0
    train(read_configuration("elsa-tiny", BOTH_PHASES), [release], run, progress=io.StringIO())


def test_a_killed_process_continues_to_the_same_weights(release, whole_run, tmp_path):
    run = tmp_path / "run"
    process = start(train_with_frequent_checkpoints, release, run)
    while process.exitcode is None and not (run / CHECKPOINT).is_file():
        time.sleep(0.01)
    process.kill()
    process.join()
    # It was killed in the middle, or it had finished.
    assert process.exitcode in (-signal.SIGKILL, 0)
    assert (run / "run.json").is_file()
    train(read_configuration("elsa-tiny", BOTH_PHASES), [release], run)
    assert_same_run(whole_run, run)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint_and_one_line(release, whole_run, tmp_path, monkeypatch, number):
    configuration = read_configuration("elsa-tiny", BOTH_PHASES)
    before = signal.getsignal(number)
    whole = Trainer.step

    def signalled(self, phase, *arguments, **options):
        terms = whole(self, phase, *arguments, **options)
        if isinstance(phase, Training):
            signal.raise_signal(number)
        return terms

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "step", signalled)
        with pytest.raises(TrainingInterrupted, match="stopped after step 1 of epoch 1; the same command continues"):
            train(configuration, [release], tmp_path / "run")
    assert signal.getsignal(number) == before
    assert (tmp_path / "run" / CHECKPOINT).is_file()
    train(configuration, [release], tmp_path / "run")
    assert_same_run(whole_run, tmp_path / "run")


def test_a_finished_run_does_nothing(release, trained_run, monkeypatch):
    monkeypatch.setattr(Trainer, "step", None)
    result = train(read_configuration("elsa-tiny", SETTINGS), [release], trained_run)
    assert result.was_finished
    assert result.best_epoch == history_of(trained_run)[-1]["best_epoch"]
    # The number of workers may differ, because it changes no weights.
    assert train(
        read_configuration("elsa-tiny", [*SETTINGS, "training.workers=3"]), [release], trained_run
    ).was_finished


def copy_run(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder))


def test_a_finished_run_takes_more_epochs_and_a_kill_in_them_changes_nothing(
    release, trained_run, tmp_path, monkeypatch
):
    longer = read_configuration("elsa-tiny", ["training.device=cpu", "training.epochs=4"])
    before, stream = history_of(trained_run), io.StringIO()
    kept = before[-1]["best_epoch"] + 1
    whole = train(longer, [release], copy_run(trained_run, tmp_path / "whole"), progress=stream)
    assert f"continues from the weights of epoch {kept}, up to epoch 4" in stream.getvalue()
    assert not whole.was_finished
    history = history_of(whole.run)
    assert history[:2] == before
    assert [line["epoch"] for line in history] == [0, 1, 2, 3]
    scores = [(line["validation"]["map_at_10"], -line["validation"]["loss"]) for line in history]
    assert whole.best_epoch == scores.index(max(scores))
    record = json.loads((whole.run / "run.json").read_text())
    assert record["extensions"] == [{"after_epochs": 2, "from_epoch": kept - 1}]
    assert train(longer, [release], whole.run).was_finished
    stopped = copy_run(trained_run, tmp_path / "stopped")
    for step in (1, 2):
        with monkeypatch.context() as patched:
            kill_at(patched, step)
            with pytest.raises(Killed):
                train(longer, [release], stopped)
    train(longer, [release], stopped)
    assert_same_run(whole.run, stopped)


def test_fewer_epochs_than_a_run_has_are_rejected(release, trained_run):
    before = sorted((path.name, path.stat().st_mtime_ns) for path in trained_run.iterdir())
    with pytest.raises(RunRefused, match=r"has 2 epochs, training\.epochs is 1"):
        train(read_configuration("elsa-tiny", ["training.device=cpu", "training.epochs=1"]), [release], trained_run)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in trained_run.iterdir()) == before


def test_a_training_starts_from_the_weights_of_a_run(release, trained_run, tmp_path):
    # With this learning rate the weights do not change, so the result has the initial weights.
    still = read_configuration(
        "elsa-tiny", ["training.device=cpu", "training.epochs=1", "training.learning_rate=1e-30"]
    )
    result = train(still, [release], tmp_path / "run", init_from=trained_run)
    first, second = (load_file(run / "model.safetensors") for run in (trained_run, result.run))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=1e-20)
    assert train(still, [release], result.run, init_from=trained_run).was_finished
    with pytest.raises(RunRefused, match="did not start from this model"):
        train(still, [release], result.run, init_from=other_model(tmp_path, trained_run))


def test_a_killed_training_that_started_from_a_run_keeps_the_frozen_encoder(
    release, trained_run, tmp_path, monkeypatch
):
    """A checkpoint has no frozen weights, and another seed would draw others."""
    configuration = read_configuration("elsa-tiny", [*SETTINGS, "training.seed=1", "model.semantic_frozen=true"])
    whole = train(configuration, [release], tmp_path / "whole", init_from=trained_run).run
    for step, init_from in ((2, trained_run), (4, None)):
        run = tmp_path / f"killed at {step}"
        with monkeypatch.context() as patched:
            kill_at(patched, step)
            with pytest.raises(Killed):
                train(configuration, [release], run, init_from=trained_run)
        if init_from is not None:
            with pytest.raises(RunRefused, match="give the same --init-from again"):
                train(configuration, [release], run)
        train(configuration, [release], run, init_from=init_from)
        assert_same_run(whole, run)


def other_model(folder: Path, run: Path) -> Path:
    """A copy of a run whose weights have another hash."""
    copy = copy_run(run, folder / "other")
    model = load_model(copy)
    with torch.no_grad():
        model.logit_scale += 1
    save_model(model, copy)
    return copy


def test_an_initial_model_of_another_shape_is_named(release, trained_run, tmp_path):
    wider = read_configuration("elsa-tiny", [*SETTINGS, "model.head_size=24"])
    with pytest.raises(ConfigurationError, match="its head_size is 16, the configuration's is 24"):
        train(wider, [release], tmp_path / "run", init_from=trained_run)
    assert not (tmp_path / "run").exists()


def test_a_missing_device_is_one_line(release, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="the device is cuda, but PyTorch finds no CUDA device here"):
        train(read_configuration("elsa-tiny", ["training.device=cuda"]), [release], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_configuration_or_data_is_rejected(release, make_release, trained_run, tmp_path):
    with pytest.raises(RunRefused, match=r"another configuration \(training\.seed is 0 there and 1 here\)"):
        train(read_configuration("elsa-tiny", [*SETTINGS, "training.seed=1"]), [release], trained_run)
    other = make_release(tmp_path / "other", rows={"train": 15, "validation": 8})
    with pytest.raises(RunRefused, match="a run of other data"):
        train(read_configuration("elsa-tiny", SETTINGS), [other], trained_run)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.txt").write_text("mine")
    with pytest.raises(RunRefused, match="not an empty folder"):
        train(read_configuration("elsa-tiny", SETTINGS), [release], tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x80\x04N."])
def test_a_broken_checkpoint_is_one_line(release, tmp_path, monkeypatch, content):
    configuration = read_configuration("elsa-tiny", SETTINGS)
    with monkeypatch.context() as patched:
        kill_at(patched, 2)
        with pytest.raises(Killed):
            train(configuration, [release], tmp_path / "run")
    (tmp_path / "run" / CHECKPOINT).write_bytes(content)
    with pytest.raises(RunRefused, match="not a checkpoint of a training") as refused:
        train(configuration, [release], tmp_path / "run")
    assert "\n" not in str(refused.value)


def test_a_loss_that_is_not_finite_is_one_line_and_the_best_model_remains(release, tmp_path, monkeypatch):
    whole = Training.loss
    calls = 0

    def broken(self, outputs):
        nonlocal calls
        calls += torch.is_grad_enabled()
        terms = whole(self, outputs)
        return {**terms, "loss": terms["loss"] * float("nan")} if calls > 2 else terms

    with monkeypatch.context() as patched:
        patched.setattr(Training, "loss", broken)
        with pytest.raises(TrainingDiverged, match="epoch 2, step 1: the loss is nan") as diverged:
            train(read_configuration("elsa-tiny", SETTINGS), [release], tmp_path / "run")
    assert "\n" not in str(diverged.value)
    weights = load_model(tmp_path / "run").state_dict()
    assert all(value.isfinite().all() for value in weights.values() if value.is_floating_point())


def test_loss_falls_and_the_epoch_with_the_best_precision_is_kept(release, tmp_path):
    # Without augmentation, the losses of all epochs are of the same task.
    settings = [
        "training.device=cpu",
        "training.epochs=5",
        "training.nonspatial_share=0",
        "training.weight_decay=0",
        "model.spatial_dropout=0",
        "data.augment=false",
    ]
    result = train(read_configuration("elsa-tiny", settings), [release], tmp_path / "run")
    history = history_of(result.run)
    assert [line["epoch"] for line in history] == list(range(5))
    for term in ("loss", "contrastive", "distance"):
        assert history[-1]["train"][term] < history[0]["train"][term], term
    scores = [(line["validation"]["map_at_10"], -line["validation"]["loss"]) for line in history]
    assert (result.map_at_10, -result.validation_loss) == max(scores)
    assert result.best_epoch == scores.index(max(scores))
    assert json.loads((result.run / "run.json").read_text())["best"]["epoch"] == result.best_epoch


def test_the_files_of_a_finished_run(trained_run, whole_run):
    names = [
        "config.json",
        "configuration.yaml",
        "hashing_tokenizer.json",
        "history.jsonl",
        "learning_curve.png",
        "model.safetensors",
        "run.json",
        "tensorboard",
    ]
    assert sorted(path.name for path in trained_run.iterdir()) == names
    assert not (whole_run / CHECKPOINT).exists()
    assert not (whole_run / VIEWS).exists()
    # The weights have the permissions of the configuration.
    modes = {(trained_run / name).stat().st_mode for name in ("config.json", "model.safetensors")}
    assert len(modes) == 1
    record = json.loads((trained_run / "run.json").read_text())
    assert record["rows"] == {"train": 16, "validation": 8}
    assert record["finished"]
    configuration = read_configuration(trained_run / "configuration.yaml")
    assert configuration_sha256(configuration) == record["configuration_sha256"]
    assert yaml.safe_load((trained_run / "configuration.yaml").read_text())["training"]["epochs"] == 2
    assert (trained_run / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("every_s", "drawn"), [(0.0, [1, 2, 2]), (3600.0, [2])])
def test_the_learning_curve_is_drawn_now_and_then_and_in_the_end(release, tmp_path, monkeypatch, every_s, drawn):
    lengths = []
    monkeypatch.setattr(loop, "DRAW_EVERY_S", every_s)
    monkeypatch.setattr(loop, "draw_curve", lambda run, history: lengths.append(len(history)))
    train(read_configuration("elsa-tiny", SETTINGS), [release], tmp_path / "run")
    assert lengths == drawn


@pytest.mark.parametrize("branch", ["paper", "static", "none"])
def test_the_other_branches_train_too(release, tmp_path, branch):
    settings = ["training.device=cpu", "training.epochs=1", f"model.spatial_branch={branch}", "training.optimizer=adam"]
    result = train(read_configuration("elsa-tiny", settings), [release], tmp_path / "run")
    assert (result.run / "model.safetensors").is_file()


def test_half_precision_gives_nearly_the_loss_of_full_precision(release, trained_run, tmp_path):
    settings = [*SETTINGS, "training.precision=bfloat16"]
    result = train(read_configuration("elsa-tiny", settings), [release], tmp_path / "run")
    first, full = history_of(result.run)[0], history_of(trained_run)[0]
    assert first["train"]["loss"] != full["train"]["loss"]
    assert first["train"]["loss"] == pytest.approx(full["train"]["loss"], rel=0.05)
    # The weights are saved in full precision.
    assert load_file(result.run / "model.safetensors")["fusion.0.weight"].dtype == torch.float32


def test_decoded_sound_is_used_and_removed_in_the_end(release, tmp_path):
    settings = [*SETTINGS, "model.semantic_frozen=true", "training.semantic_views=1", "training.keep_decoded=true"]
    half = ["model.spatial_rate=8000", "model.mel_to_hz=4000", "model.spatial_to_hz=4000"]
    runs = []
    for name in ("one", "two"):
        configuration = read_configuration("elsa-tiny", [*settings, *half, f"training.workers={len(runs)}"])
        seen = []
        whole = Trainer.step

        def part(self, *arguments, seen=seen, whole=whole, **options):
            seen.append((self.decoded.is_file(), {chunk.sample_rate for chunk in arguments[3]}))
            return whole(self, *arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Trainer, "step", part)
            runs.append(train(configuration, [release], tmp_path / name, progress=io.StringIO()).run)
        assert seen == [(True, {8000})] * 4
        assert not (runs[-1] / DECODED).exists()
    assert_same_run(*runs)


def test_a_release_smaller_than_a_batch_is_one_batch(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 3, "validation": 2})
    stream = io.StringIO()
    train(
        read_configuration("elsa-tiny", [*SETTINGS, "training.epochs=1"]), [folder], tmp_path / "run", progress=stream
    )
    assert "epoch 1 of 1" in stream.getvalue()
    assert "samples/s" in stream.getvalue()


def test_an_unreadable_release_leaves_no_folder(tmp_path):
    with pytest.raises(ReleaseUnreadable):
        train(read_configuration("elsa-tiny", SETTINGS), [tmp_path / "nowhere"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_schedule_rises_and_ends_at_zero():
    shares = [learning_rate_at(step, 100, 10) for step in range(101)]
    assert shares[0] == pytest.approx(1 / 11)
    assert max(shares) == shares[10] == 1
    assert shares[55] == pytest.approx(0.5)
    assert shares[100] == pytest.approx(0)
    assert learning_rate_at(0, 1, 50) == 1
