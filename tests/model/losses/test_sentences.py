"""Sentences that name one word of space: every word in every wording, none of the evaluation's; and their loss."""

from __future__ import annotations

import math

import pytest
import torch

from model.configuration import read_configuration
from model.data import load_batches
from model.evaluation.tasks.zero_shot import template_sentences
from model.losses.sentences import Questions, make_questions, word_loss
from model.targets import VOCABULARY
from model.training.contrastive import batch_gradients
from model.training.processes import Processes
from model.training.trainer import Trainer, splits
from tests.model.caption_words import words_in_caption


def test_every_word_has_as_many_sentences():
    questions = make_questions()
    assert list(questions.indices) == list(VOCABULARY)
    used = torch.cat([indices.flatten() for indices in questions.indices.values()])
    assert used.tolist() == list(range(len(questions.sentences)))
    for attribute, indices in questions.indices.items():
        assert indices.shape[1] == len(VOCABULARY[attribute])
        for column in indices.T:
            assert len({questions.sentences[index] for index in column.tolist()}) >= 12


def test_a_sentence_has_its_own_word_and_no_other():
    questions = make_questions()
    for attribute in ("direction", "elevation"):
        for column, word in zip(questions.indices[attribute].T, VOCABULARY[attribute], strict=True):
            for index in column.tolist():
                assert set(words_in_caption(questions.sentences[index], attribute)) == {word}


def test_no_sentence_is_one_of_the_evaluation():
    sentences = {sentence.lower().strip(". ") for sentence in make_questions().sentences}
    assert not sentences & {sentence.lower() for attribute in VOCABULARY for sentence in template_sentences(attribute)}


def test_word_loss_is_the_cross_entropy_of_each_attribute():
    questions = Questions(("l", "r", "u", "d"), {"side": torch.tensor([[0, 1]]), "height": torch.tensor([[2, 3]])})
    text, clip = torch.eye(4), torch.tensor([[0.6, 0.0, 0.0, 0.8]])
    scale = torch.tensor(math.log(2.0))

    def entropy(own: float, other: float) -> float:
        return math.log(math.exp(2 * own) + math.exp(2 * other)) - 2 * own

    loss = word_loss(clip, text, scale, torch.tensor([[0, 1]]), questions)
    assert loss.item() == pytest.approx((entropy(0.6, 0.0) + entropy(0.8, 0.0)) / 2, rel=1e-6)
    # A clip without words does not count and gets no gradient.
    both = torch.cat([clip, clip]).requires_grad_()
    masked = word_loss(both, text, scale, torch.tensor([[0, 1], [-1, -1]]), questions)
    masked.backward()
    assert masked.item() == pytest.approx(loss.item(), rel=1e-6)
    assert both.grad is not None
    assert both.grad[1].tolist() == [0, 0, 0, 0]


@pytest.mark.slow
def test_chunks_give_the_gradient_of_the_whole_batch_also_of_the_questions(release):
    settings = ["training.device=cpu", "training.losses.words=1", "training.nonspatial_share=0", "data.augment=false"]
    configuration = read_configuration("elsa-tiny", [*settings, "model.spatial_dropout=0"])
    trainer = Trainer(configuration, *splits(configuration, [release]), Processes("cpu"))
    phase = trainer.phases()[-1]
    trainer.optimizer(phase)
    rows = list(range(8))
    found = []
    for size in (8, 2):
        chunks = list(load_batches(trainer.training, rows, batch_size=size))
        terms = batch_gradients(
            trainer.model,
            [(chunk, phase.prepare(chunk, 0)) for chunk in chunks],
            lambda chunk: phase.forward(*chunk),
            phase.loss,
            processes=Processes("cpu"),
            shared=phase.shared,
            seed_of=lambda index: index,
        )
        assert terms["words"].item() > 0
        found.append([p.grad.clone() for p in trainer.model.text_projection.parameters() if p.grad is not None])
        trainer.model.zero_grad()
    assert len(found[0]) == 4
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
