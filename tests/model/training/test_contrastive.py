"""The gradient of a batch from its chunks equals that of one pass, also with dropout and batch norm."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from model.configuration import read_configuration
from model.losses.elsa_loss import contrastive_loss
from model.training.contrastive import batch_gradients, chunk_size_of
from model.training.processes import Processes
from model.training.trainer import Trainer, splits

ALONE = Processes("cpu")


class Pair(nn.Module):
    """Two towers and a temperature, with dropout in one tower."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.sound = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Dropout(dropout), nn.Linear(16, 5))
        self.words = nn.Linear(4, 5)
        self.scale = nn.Parameter(torch.tensor(1.3))

    def forward(self, chunk: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
        sound, words = chunk
        return {
            "embedding": functional.normalize(self.sound(sound), dim=1),
            "text": functional.normalize(self.words(words), dim=1),
        }

    def loss(self, outputs) -> dict[str, torch.Tensor]:
        return {"loss": contrastive_loss(outputs["embedding"], outputs["text"], self.scale)}


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def chunked(model: Pair, chunks) -> tuple[float, dict[str, torch.Tensor]]:
    terms = batch_gradients(
        model, chunks, model.forward, model.loss, processes=ALONE, shared=[model.scale], seed_of=lambda chunk: chunk
    )
    return terms["loss"].item(), gradients(model)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_chunks_give_the_gradient_of_the_whole_batch(dropout):
    torch.manual_seed(0)
    model = Pair(dropout).double()
    sound, words = torch.randn(12, 6).double(), torch.randn(12, 4).double()
    chunks = list(zip(sound.split(3), words.split(3), strict=True))
    # One pass over all chunks, each with the dropout of its seed.
    outputs = []
    for index, chunk in enumerate(chunks):
        torch.manual_seed(index)
        outputs.append(model(chunk))
    loss = model.loss({name: torch.cat([output[name] for output in outputs]) for name in outputs[0]})["loss"]
    loss.backward()
    expected = gradients(model)
    value, found = chunked(model, chunks)
    assert value == pytest.approx(loss.item(), rel=1e-12)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-12)


def test_the_sum_of_the_losses_of_chunks_has_another_gradient():
    torch.manual_seed(0)
    model = Pair(0.0).double()
    sound, words = torch.randn(12, 6).double(), torch.randn(12, 4).double()
    chunks = list(zip(sound.split(3), words.split(3), strict=True))
    for chunk in chunks:
        (model.loss(model(chunk))["loss"] / len(chunks)).backward()
    apart = gradients(model)
    _, whole = chunked(model, chunks)
    assert not torch.allclose(apart["sound.0.weight"], whole["sound.0.weight"], rtol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("branch", ["bin-weighting", "paper"])
def test_a_model_takes_the_same_step_from_chunks(release, branch):
    found = []
    for chunk in (0, 2):
        # The paper's branch has batch norm over a chunk. In evaluation mode its output depends on single clips.
        configuration = read_configuration(
            "elsa-tiny",
            [
                "training.device=cpu",
                f"training.chunk_size={chunk}",
                "model.spatial_dropout=0",
                f"model.spatial_branch={branch}",
            ],
        )
        trainer = Trainer(configuration, *splits(configuration, [release]), ALONE)
        (phase,) = trainer.phases()
        trainer.model.eval()
        chunks = next(trainer.batches(phase, 0, 0))
        assert len(chunks) == (4 if chunk else 1)
        terms = batch_gradients(
            trainer.model,
            [(part, phase.prepare(part, 0)) for part in chunks],
            lambda part, phase=phase: phase.forward(*part),
            phase.loss,
            processes=ALONE,
            shared=phase.shared,
            seed_of=lambda chunk: chunk,
        )
        found.append((terms, gradients(trainer.model)))
    (whole_terms, whole), (parts_terms, parts) = found
    for name, value in whole_terms.items():
        assert parts_terms[name].item() == pytest.approx(value.item(), rel=1e-5, abs=1e-6), name
    assert whole.keys() == parts.keys()
    largest = max(gradient.abs().max() for gradient in whole.values()).item()
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-5 * largest, msg=name)


def test_batch_norm_updates_once_for_every_clip():
    torch.manual_seed(0)
    chunks = [(torch.randn(4, 6), torch.randn(4, 4)) for _ in range(2)]
    norms = []
    for twice in (True, False):
        torch.manual_seed(1)
        model = Pair(0.0)
        model.sound.insert(1, nn.BatchNorm1d(16))
        if twice:
            chunked(model, chunks)
        else:
            for chunk in chunks:
                model(chunk)
        norms.append(model.sound[1])
    torch.testing.assert_close(norms[0].running_mean, norms[1].running_mean)
    torch.testing.assert_close(norms[0].running_var, norms[1].running_var)
    assert norms[0].momentum == 0.1


@given(st.integers(1, 5000), st.integers(0, 6000))
def test_chunks_have_one_size_up_to_the_limit(share, largest):
    size = chunk_size_of(share, largest)
    assert share % size == 0
    assert size == share if not largest else size <= max(1, largest)
