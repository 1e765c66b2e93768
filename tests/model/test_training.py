"""Training: the same weights twice, a loss that falls, what a run's folder holds, and what is refused."""

from __future__ import annotations

import io
import json

import pytest
import torch
import yaml
from safetensors.torch import load_file

from model.configuration import read_configuration
from model.data import ReleaseUnreadable
from model.training import learning_rate_at, train

SETTINGS = ["training.device=cpu", "training.epochs=2"]


def metrics_of(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_twice_gives_the_same_weights_and_the_seed_others(release, trained_run, tmp_path):
    state = torch.random.get_rng_state()
    again = train(read_configuration("elsa-tiny", SETTINGS), [release], tmp_path / "again").run
    assert torch.equal(state, torch.random.get_rng_state())
    first, second = load_file(trained_run / "model.safetensors"), load_file(again / "model.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = train(read_configuration("elsa-tiny", [*SETTINGS, "training.seed=1"]), [release], tmp_path / "other").run
    assert not torch.equal(first["fusion.0.weight"], load_file(other / "model.safetensors")["fusion.0.weight"])


def test_loss_falls_and_the_best_epoch_is_kept(release, tmp_path):
    settings = ["training.device=cpu", "training.epochs=8", "training.nonspatial_share=0"]
    result = train(read_configuration("elsa-tiny", settings), [release], tmp_path / "run")
    metrics = metrics_of(result.run)
    assert len(metrics) == 8
    for term in ("loss", "contrastive", "direction", "distance"):
        assert metrics[-1]["train"][term] < metrics[0]["train"][term], term
    losses = [line["validation"]["loss"] for line in metrics]
    assert result.validation_loss == min(losses)
    assert result.best_epoch == losses.index(min(losses))
    assert min(losses) < losses[0]


def test_a_run_holds_what_is_needed_to_use_and_to_repeat_it(trained_run):
    names = sorted(path.name for path in trained_run.iterdir())
    assert names == ["config.json", "configuration.yaml", "metrics.jsonl", "model.safetensors", "run.json"]
    # Whoever may read the configuration may read the weights.
    modes = {(trained_run / name).stat().st_mode for name in ("config.json", "model.safetensors")}
    assert len(modes) == 1
    configuration = read_configuration(trained_run / "configuration.yaml")
    record = json.loads((trained_run / "run.json").read_text())
    assert record["configuration_sha256"] == configuration.sha256()
    assert record["rows"] == {"train": 16, "validation": 8}
    assert yaml.safe_load((trained_run / "configuration.yaml").read_text())["training"]["epochs"] == 2


def test_the_papers_branch_trains_too(release, tmp_path):
    settings = ["training.device=cpu", "training.epochs=1", "model.spatial_branch=paper"]
    result = train(read_configuration("elsa-tiny", settings), [release], tmp_path / "run")
    assert (result.run / "model.safetensors").is_file()


def test_a_release_smaller_than_a_batch_is_one_batch(make_release, tmp_path):
    folder = make_release(tmp_path / "r", rows={"train": 3, "validation": 2})
    told = io.StringIO()
    train(read_configuration("elsa-tiny", [*SETTINGS, "training.epochs=1"]), [folder], tmp_path / "run", progress=told)
    assert "epoch 1 of 1" in told.getvalue()
    assert "samples/s" in told.getvalue()


def test_a_folder_that_holds_something_is_refused(release, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        train(read_configuration("elsa-tiny", SETTINGS), [release], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


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
