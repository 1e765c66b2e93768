"""The captioner: what it learns, when it stops, weights from a folder, and scores with known values."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from model.errors import ConfigurationError
from model.evaluation.tasks import captioner, captioning
from model.evaluation.tasks.captioner import Captioner, WordList
from model.evaluation.tasks.captioning import caption_scores, evaluate_captioning, plain

CAPTIONS = [["A dog barks on the left."], ["Rain falls, far away."], ["A bell rings behind."]]


def test_a_word_list_decodes_what_it_encodes():
    words = WordList([caption for own in CAPTIONS for caption in own])
    assert words.decode(words.encode("Rain falls, far away.")) == "rain falls, far away."
    assert words.decode(words.encode("Snow falls.")) == "falls."
    assert words.size == len(set(words.words))


@pytest.mark.slow
def test_a_small_captioner_memorises_three_captions(monkeypatch):
    without_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    small = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 42} | without_dropout
    monkeypatch.setattr(captioner, "SMALL", small)
    embeddings = np.eye(3, 8)
    texts = [caption for own in CAPTIONS for caption in own]
    model = Captioner(8, texts, source=None, seed=0)
    fit = model.fit(embeddings, CAPTIONS, ["a", "b", "c"], steps=220, batch_size=3, seed=0)
    assert fit.train_loss < 0.7
    assert fit.held_out_loss is None
    assert model.write(embeddings) == [text.lower() for text in texts]
    # 8 × 32 and 32 × 32 with their biases.
    assert model.parameter_counts()["prefix"] == 8 * 32 + 32 + 32 * 32 + 32


def test_two_captioners_learn_the_same(monkeypatch):
    captions = [["rain falls", "it rains"], ["a dog barks"], ["a bell"], ["wind"]]
    weights = []
    for _ in range(2):
        model = small_captioner(monkeypatch, [caption for own in captions for caption in own])
        fit = model.fit(np.eye(4, 8), captions, list("abcd"), steps=20, batch_size=2, seed=0)
        weights.append([parameter.detach() for parameter in model.parameters()])
    assert fit.steps == 20
    assert all(torch.equal(one, two) for one, two in zip(*weights, strict=True))


def small_captioner(monkeypatch, captions) -> Captioner:
    shape = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 42}
    monkeypatch.setattr(captioner, "SMALL", shape)
    return Captioner(8, captions, source=None, seed=0)


@pytest.mark.slow
def test_a_captioner_stops_when_the_loss_on_other_clips_rises_and_keeps_the_best_weights(monkeypatch):
    """Captions that have nothing to do with their embeddings can only be memorised."""
    generator = np.random.Generator(np.random.Philox(key=0))
    embeddings = generator.standard_normal((40, 8)).astype(np.float32)
    words = ["dog", "rain", "bell", "car", "bird"]
    captions = [[" ".join(generator.choice(words, 6))] for _ in range(40)]
    model = small_captioner(monkeypatch, [caption for own in captions for caption in own])
    fit = model.fit(embeddings, captions, [str(i // 2) for i in range(40)], steps=2000, batch_size=8, seed=0)
    assert fit.steps < 1000
    assert fit.steps % captioner.LOOK_EVERY == 0
    assert fit.held_out_loss is not None
    _, held_out = captioner._hold_out_rows([str(i // 2) for i in range(40)], 0)
    encoded = [model.words.encode(captions[row][0]) for row in held_out]
    assert model._held_out_loss(torch.from_numpy(embeddings[held_out]), encoded) == pytest.approx(fit.held_out_loss)


def test_a_captioner_of_few_clips_stops_when_it_has_memorised_them(monkeypatch):
    model = small_captioner(monkeypatch, ["rain falls"])
    monkeypatch.setattr(captioner, "MEMORISED", 1.0)
    fit = model.fit(np.eye(2, 8), [["rain falls"], ["rain"]], ["a", "b"], steps=2000, batch_size=2, seed=0)
    assert fit.steps < 1000
    assert fit.held_out_loss is None


@pytest.mark.parametrize(("clips", "count"), [(3, 0), (4, 1), (20, 2)])
def test_whole_clips_are_held_out(clips, count):
    names = [f"clip {i % clips}" for i in range(3 * clips)]
    learnt, held_out = captioner._hold_out_rows(names, seed=1)
    assert {names[row] for row in held_out} & {names[row] for row in learnt} == set()
    assert len({names[row] for row in held_out}) == count
    assert sorted([*learnt, *held_out]) == list(range(3 * clips))


def test_weights_of_gpt2_come_from_a_folder(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["<|endoftext|>", "a", "dog", "barks", "rain", "falls"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<|endoftext|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(tmp_path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        GPT2LMHeadModel(GPT2Config(vocab_size=6, n_embd=16, n_layer=1, n_head=2, n_positions=50)).save_pretrained(
            tmp_path
        )
    model = Captioner(4, [], source=str(tmp_path), seed=0)
    assert model.kind == "pretrained"
    fit = model.fit(np.eye(2, 4), [["a dog barks"], ["rain falls"]], ["a", "b"], steps=20, batch_size=2, seed=0)
    assert fit.train_loss < 3
    assert len(model.write(np.eye(2, 4))) == 2
    with pytest.raises(ConfigurationError, match="holds no language model"):
        Captioner(4, [], source=str(tmp_path / "nothing"), seed=0)


@pytest.mark.slow
def test_scores_of_perfect_captions_and_of_empty_ones(monkeypatch):
    monkeypatch.setattr(captioning, "_DRAWS", 20)
    texts = [
        "a dog barks on the left",
        "rain falls far away now",
        "a bell rings behind the wall",
        "a car goes by slowly",
    ]
    references = [[text.capitalize() + "."] for text in texts]
    scores = caption_scores(texts, references, texts[1:] + texts[:1], list("abcd"), key="k")
    assert set(scores) == {"bleu_1", "bleu_4", "rouge_l", "cider_d"}
    for name in ("bleu_1", "bleu_4", "rouge_l"):
        assert scores[name].value == pytest.approx(1, abs=1e-6)
        assert scores[name].low == pytest.approx(1, abs=1e-6)
        assert scores[name].chance is not None
        assert scores[name].chance < 0.5
    assert scores["cider_d"].value == pytest.approx(10, abs=0.01)
    silent = caption_scores([""] * 4, references, texts, list("abcd"), key="k")
    assert {name: score.value for name, score in silent.items()} == dict.fromkeys(silent, 0.0)


@pytest.mark.slow
def test_scores_of_a_caption_with_half_of_the_words():
    # The reference has four words, and the caption has the first two of them.
    scores = caption_scores(["a dog runs fast"], [["A dog sits still."]], ["x"], ["a"], key="k")
    assert scores["bleu_1"].value == pytest.approx(0.5)
    assert scores["rouge_l"].value == pytest.approx(0.5)
    assert "cider_d" not in scores


def test_plain_captions():
    assert plain("  A dog's bark – twice, on the LEFT! ") == "a dog's bark twice on the left"


@pytest.mark.slow
def test_the_task_writes_every_caption(subject, monkeypatch):
    monkeypatch.setattr(captioning, "_DRAWS", 20)
    monkeypatch.setattr(captioner, "SMALL", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 42})
    result = evaluate_captioning(subject)
    for name in ("spatial", "non_spatial"):
        assert result[name]["rouge_l"]["n"] == 4
        assert result[name]["train_rows"] == 16
        assert "drawn by the seed" in result[name]["language_model"]
    written = json.loads((subject.output / "captions.json").read_text())
    assert [len(written[name]) for name in ("spatial", "non_spatial")] == [4, 4]
    assert set(written["spatial"][0]) == {"id", "written", "references"}
