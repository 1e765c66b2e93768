"""Parts of training: LAMB, mAP@10, stored outputs of frozen encoders, pre-training, scalars, the dry run."""

from __future__ import annotations

import builtins
import io
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from model.configuration import read_configuration
from model.data import Turn
from model.errors import ConfigurationError
from model.runs.checkpoints import load_progress
from model.runs.history import Scalars
from model.training.description import describe
from model.training.frozen import Captions, Views
from model.training.optimizers import Lamb, make_optimizer
from model.training.processes import Processes
from model.training.trainer import Trainer, splits
from model.training.validation import mean_average_precision


def test_lamb_follows_its_algorithm():
    generator = np.random.Generator(np.random.Philox(key=0))
    weight = generator.standard_normal((3, 4))
    gradients = generator.standard_normal((3, 3, 4))
    parameter = nn.Parameter(torch.from_numpy(weight.copy()))
    optimizer = Lamb([parameter], lr=0.1, weight_decay=0.01)
    mean, square = np.zeros_like(weight), np.zeros_like(weight)
    for step, gradient in enumerate(gradients, 1):
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        update = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-6) + 0.01 * weight
        weight = weight - 0.1 * np.linalg.norm(weight) / np.linalg.norm(update) * update
        np.testing.assert_allclose(parameter.detach().numpy(), weight, rtol=1e-10)


def test_lamb_moves_a_zero_tensor():
    parameter = nn.Parameter(torch.zeros(3))
    parameter.grad = torch.ones(3)
    Lamb([parameter], lr=0.1).step()
    torch.testing.assert_close(parameter.detach(), torch.full((3,), -0.1), rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", ["adam", "adamw", "lamb"])
def test_only_matrices_decay_and_frozen_parameters_are_left_out(name):
    settings = read_configuration("elsa-tiny", [f"training.optimizer={name}", "training.weight_decay=0.1"]).training
    layer, frozen = nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)
    groups = make_optimizer([*layer.parameters(), *frozen.parameters()], settings).param_groups
    assert [(len(group["params"]), group["weight_decay"]) for group in groups] == [(1, 0.1), (1, 0.0)]


def test_mean_average_precision_of_known_ranks():
    eye = torch.eye(4)
    assert mean_average_precision(eye, eye, ["a", "b", "c", "d"]) == 1
    # Each caption is most similar to the next clip. Ties count against the model, so each own clip is last of four.
    turned = eye.roll(1, 0)
    assert mean_average_precision(eye, turned, ["a", "b", "c", "d"]) == pytest.approx(1 / 4)
    # Equal captions are relevant to each other's clips.
    assert mean_average_precision(eye, turned, ["a", "a", "a", "a"]) == 1


def test_mean_average_precision_uses_ten_ranks():
    same = torch.ones(11, 2)
    # All similarities are equal, so the relevant item comes last, after ten others.
    assert mean_average_precision(same, same, [str(i) for i in range(11)]) == 0
    assert mean_average_precision(same[:10], same[:10], [str(i) for i in range(10)]) == pytest.approx(0.1)


class Counting:
    """A frozen encoder that counts the captions that it encodes."""

    def __init__(self) -> None:
        self.text_encoder = nn.Linear(1, 1).requires_grad_(False)
        self.device = torch.device("cpu")
        self.encoded = 0

    def encode_text(self, lengths):
        self.encoded += len(lengths)
        return lengths


def test_a_frozen_encoder_encodes_each_caption_once(monkeypatch):
    model = Counting()
    captions = Captions(model, lambda texts: {"lengths": torch.tensor([[float(len(text))] for text in texts])})  # type: ignore[arg-type]
    assert captions.encode(["a", "bb", "a"]).flatten().tolist() == [1, 2, 1]
    assert captions.encode(["bb", "ccc"]).flatten().tolist() == [2, 3]
    assert model.encoded == 3
    monkeypatch.setattr("model.training.frozen.MOST_CAPTIONS", 3)
    assert captions.encode(["a", "dddd"]).flatten().tolist() == [1, 4]
    assert model.encoded == 5


def test_views_store_whole_batches_for_later_processes(tmp_path):
    path, clips = tmp_path / "views", ["a", "b", "a"]
    views = Views(path, clips, count=2, size=2, seed=0)
    batches = views.missing(2)
    assert batches == [[Turn(0, 0), Turn(1, 0)], [Turn(2, 0), Turn(0, 1)], [Turn(1, 1), Turn(2, 1)]]
    views.put(batches[1], torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    views.flush()
    again = Views(path, clips, count=2, size=2, seed=0)
    assert again.missing(2) == [batches[0], batches[2]]
    assert torch.equal(again.get([Turn(0, 1), Turn(2, 0)]), torch.tensor([[3.0, 4.0], [1.0, 2.0]]))
    # For another number of clips the file is created again.
    assert len(Views(path, [*clips, "c"], count=2, size=2, seed=0).missing(2)) == 4


def test_a_row_uses_the_views_of_all_rows_of_its_clip(tmp_path):
    clips = ["a", "b", "a", "a"]
    views = Views(tmp_path / "views", clips, count=2, size=2, seed=0)
    drawn = [views.choose([0, 1, 2, 3], epoch) for epoch in range(60)]
    for row in range(4):
        others = {turns[row] for turns in drawn}
        assert {clips[turn.row] for turn in others} == {clips[row]}
        assert others == {Turn(other, view) for other in range(4) if clips[other] == clips[row] for view in range(2)}
    # The draw depends only on the row and the epoch.
    assert views.choose([3], 7) == views.choose([0, 3], 7)[1:]


def test_encoding_that_was_stopped_continues_with_the_same_views(release, tmp_path, monkeypatch):
    monkeypatch.setattr("model.training.phases.ENCODING_BATCH", 6)
    settings = ["training.device=cpu", "model.semantic_frozen=true", "training.semantic_views=2"]
    configuration = read_configuration("elsa-tiny", settings)
    trainer = Trainer(configuration, *splits(configuration, [release]), Processes("cpu"))
    found = []
    for name, stop in (("whole", 99), ("stopped", 2)):
        (phase,) = trainer.phases(tmp_path / name)
        assert list(islice(phase.encode_views(trainer.processes), stop))[-1] == (min(stop, 6), 6)
        (phase,) = trainer.phases(tmp_path / name)
        assert len(list(phase.encode_views(trainer.processes))) == max(0, 6 - stop)
        found.append(phase.views.get([Turn(row, view) for row in range(16) for view in range(2)]))
    assert torch.equal(found[0], found[1])
    assert len(found[0].unique(dim=0)) > 16


def test_a_pretrained_spatial_branch_can_be_frozen(release):
    settings = [
        "training.device=cpu",
        "training.epochs=1",
        "training.pretraining.epochs=1",
        "training.pretraining.batch_size=8",
        "training.pretraining.freeze=true",
    ]
    configuration = read_configuration("elsa-tiny", settings)
    trainer = Trainer(configuration, *splits(configuration, [release]), Processes("cpu"))

    def weights(part: nn.Module) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in part.parameters()]

    model, before = trainer.model, {}
    for phase in trainer.phases():
        optimizer, parameters = trainer.optimizer(phase)
        before = {part: weights(getattr(model, part)) for part in ("spatial_branch", "fusion")}
        chunks = next(trainer.batches(phase, 0, 0))
        # The learning rate of the first step is small, but not zero.
        trainer.step(phase, optimizer, parameters, chunks, epoch=0, batch=0)
        moved = {
            part: any(not torch.equal(old, new) for old, new in zip(kept, weights(getattr(model, part)), strict=True))
            for part, kept in before.items()
        }
        alone = phase.name == "pretraining"
        assert moved == {"spatial_branch": alone, "fusion": not alone}
        trainer.validate(phase)
        assert model.spatial_branch.training == alone
        assert model.fusion.training


def test_scalars_are_read_back_and_a_missing_tensorboard_is_one_line(tmp_path, monkeypatch):
    stream = io.StringIO()
    scalars = Scalars(tmp_path, 0, stream)
    scalars.add("training", {"loss": 2.5}, 3)
    scalars.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("training/loss")] == [(3, 2.5)]
    assert stream.getvalue() == ""

    whole = builtins.__import__

    def absent(name, *arguments, **options):
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return whole(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    scalars = Scalars(tmp_path / "none", 0, stream)
    scalars.add("training", {"loss": 2.5}, 3)
    scalars.close()
    assert stream.getvalue().count("\n") == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_a_dry_run_prints_parts_steps_and_time_and_writes_nothing(release):
    files = sorted(release.rglob("*"))
    settings = ["training.device=cpu", "training.chunk_size=4", "training.pretraining.epochs=2"]
    lines = list(describe(read_configuration("elsa-tiny", settings), [release]))
    text = "\n".join(lines)
    assert "158 M" in text
    assert "16 clips to train on, 8 to validate with, 1 s of each" in text
    assert any(line.startswith("pretraining: 2 epochs of 1 steps of 16 clips, in 4 chunks; lamb") for line in lines)
    assert any(line.startswith("training: 4 epochs of 2 steps of 8 clips, in 2 chunks; adamw") for line in lines)
    assert "to encode the clips first" not in text
    settings = ["training.device=cpu", "model.semantic_frozen=true", "training.semantic_views=1"]
    *_, last = describe(read_configuration("elsa-tiny", settings), [release])
    assert "to encode the clips first" in last
    assert sorted(release.rglob("*")) == files


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.optimizer=sgd", "training.optimizer is 'sgd'"),
        ("training.precision=float16", "training.precision is 'float16'"),
        ("training.chunk_size=-1", "training.chunk_size is -1"),
        ("training.pretraining.batch_size=1", "training.pretraining.batch_size is 1"),
        ("training.pretraining.freeze=true", "training.pretraining: freeze is true, but epochs is 0"),
        ("training.pretraining.freeze=1", "training.pretraining.freeze is 1; it should be a valid boolean"),
        ("training.pretraining.speed=1", "unknown key training.pretraining.speed"),
    ],
)
def test_impossible_settings_are_one_line(setting, message):
    with pytest.raises(ConfigurationError, match=message) as error:
        read_configuration("elsa-tiny", [setting])
    assert "\n" not in str(error.value)


def test_a_new_run_has_no_progress(tmp_path):
    assert load_progress(tmp_path) is None


def test_a_batch_that_processes_cannot_share_is_rejected(release):
    configuration = read_configuration("elsa-tiny", ["training.device=cpu", "training.batch_size=7"])
    processes = Processes("cpu")
    trainer = Trainer(configuration, *splits(configuration, [release]), processes)
    processes.count = 2
    with pytest.raises(ConfigurationError, match="batch_size is 7; 2 processes cannot share it evenly"):
        trainer.batch_size(configuration.training)
