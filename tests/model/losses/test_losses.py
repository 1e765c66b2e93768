"""The terms of the loss on hand-made numbers; rows without space do not count."""

from __future__ import annotations

import math

import pytest
import torch

from model.configuration.training import LossWeights
from model.losses.elsa_loss import CHORD_FLOOR, chord_loss, contrastive_loss, direction_loss, elsa_loss, masked_mean
from model.targets import AREA, DISTANCE, MEASURES, Targets

NAN = float("nan")
NO_WORDS = torch.full((2, 5), -1)


def output(directions: torch.Tensor, distance: list[float], embedding: torch.Tensor) -> dict[str, torch.Tensor]:
    clips = len(directions)
    return {
        "embedding": embedding,
        "text": embedding,
        "direction": directions,
        "distance": torch.tensor(distance),
        "area": torch.zeros(clips),
        "branch_direction": directions,
        "branch_measures": torch.zeros(clips, len(MEASURES)),
    }


def test_contrastive_loss_is_cross_entropy_both_ways():
    audio = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    text = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    scale = torch.tensor(math.log(2.0))
    logits = [[1.2, 0.0], [1.6, 2.0]]

    def entropy(row: list[float], own: int) -> float:
        return math.log(sum(math.exp(value) for value in row)) - row[own]

    rows = (entropy(logits[0], 0) + entropy(logits[1], 1)) / 2
    columns = (entropy([1.2, 1.6], 0) + entropy([0.0, 2.0], 1)) / 2
    assert contrastive_loss(audio, text, scale).item() == pytest.approx((rows + columns) / 2, rel=1e-6)


def test_with_equal_embeddings_the_contrastive_loss_is_the_logarithm_of_the_batch_size():
    same = torch.ones(8, 4) / 2
    assert contrastive_loss(same, same, torch.tensor(1.0)).item() == pytest.approx(math.log(8), rel=1e-6)


def test_direction_loss_is_one_minus_the_cosine():
    predicted = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    true = torch.tensor([[1.0, 0, 0], [1.0, 0, 0], [0, 0, -1.0]])
    assert direction_loss(predicted, true, torch.tensor([True, True, True])).item() == pytest.approx(1.0)
    assert direction_loss(predicted, true, torch.tensor([True, False, False])).item() == 0
    assert direction_loss(predicted, true, torch.tensor([False, True, False])).item() == pytest.approx(1.0)


@pytest.mark.parametrize("angle", [0.0, 0.1, 90.0, 180.0])
def test_chord_loss_is_the_distance_and_has_a_gradient_everywhere(angle):
    turned = math.radians(angle)
    predicted = torch.tensor([[math.cos(turned), math.sin(turned), 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    true = torch.tensor([[1.0, 0, 0], [1.0, 0, 0]])
    loss = chord_loss(predicted, true, torch.tensor([True, False]))
    loss.backward()
    assert loss.item() == pytest.approx(2 * math.sin(turned / 2), abs=2e-3)
    assert predicted.grad is not None
    assert torch.isfinite(predicted.grad).all()
    assert not predicted.grad[1].any()


def test_the_masked_mean_of_nothing_is_zero_with_a_zero_gradient():
    values = torch.tensor([NAN, 3.0], requires_grad=True)
    mean = masked_mean(values, torch.tensor([False, False]))
    mean.backward()
    assert mean.item() == 0
    assert values.grad is not None
    assert values.grad.tolist() == [0, 0]


def test_rows_without_space_and_missing_values_do_not_count():
    true = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    measures = torch.tensor([[DISTANCE.centre, AREA.centre, 550.0, NAN], [NAN, NAN, NAN, NAN]])
    mask = torch.tensor([True, False])
    embedding = torch.eye(2)
    weights = LossWeights()
    seen = []
    for wrong in (0.0, 100.0):
        predicted = torch.tensor([[1.0, 0, 0], [wrong, 0, 1.0]], requires_grad=True)
        out = output(predicted, [1.0, wrong], embedding)
        loss = elsa_loss(out, torch.tensor(0.0), Targets(true, measures, mask, NO_WORDS), weights)
        loss["loss"].backward()
        assert predicted.grad is not None
        assert torch.isfinite(predicted.grad).all()
        assert predicted.grad[1].tolist() == [0, 0, 0]
        seen.append({name: value.item() for name, value in loss.items()})
    assert seen[0] == seen[1]
    assert seen[0]["direction"] == 0
    assert seen[0]["distance"] == 1.0
    assert seen[0]["area"] == 0
    assert seen[0]["branch"] == pytest.approx(CHORD_FLOOR**0.5)


def test_a_weight_of_zero_switches_a_term_off():
    true = torch.tensor([[0.0, 1.0, 0], [0, 1.0, 0]])
    measures = torch.ones(2, len(MEASURES))
    predicted = torch.tensor([[1.0, 0, 0], [1.0, 0, 0]])
    out = output(predicted, [0.0, 0.0], torch.eye(2))
    targets = Targets(true, measures, torch.tensor([True, True]), NO_WORDS)
    only = LossWeights(contrastive=1, direction=0, distance=0, area=0, branch=0)
    loss = elsa_loss(out, torch.tensor(0.0), targets, only)
    assert loss["loss"].item() == loss["contrastive"].item()
    assert loss["direction"].item() == pytest.approx(1.0)


def test_a_clip_of_several_sources_counts_in_the_room_and_not_in_the_direction():
    predicted = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]], requires_grad=True)
    embedding = torch.eye(2, requires_grad=True)
    measures = torch.full((2, len(MEASURES)), NAN)
    columns = [measure.column for measure in MEASURES]
    measures[:, columns.index(AREA.column)] = AREA.centre
    measures[1, columns.index(DISTANCE.column)] = DISTANCE.centre
    targets = Targets(torch.tensor([[0.0, 0, 0], [0, 1.0, 0]]), measures, torch.tensor([True, True]), NO_WORDS)
    outputs = {**output(predicted, [5.0, 0.0], embedding), "area": torch.tensor([2.0, 0.0])}
    loss = elsa_loss(outputs, torch.tensor(1.0), targets, LossWeights())
    assert loss["direction"].item() == pytest.approx(0.0, abs=1e-6)
    assert loss["distance"].item() == pytest.approx(0.0, abs=1e-6)
    assert loss["area"].item() == pytest.approx(2.0)
    loss["loss"].backward()
    assert torch.isfinite(predicted.grad).all()
    assert not predicted.grad[0].any()
