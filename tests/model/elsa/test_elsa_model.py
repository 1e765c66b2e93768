"""The model: unit vectors, saving and loading, heads on embeddings, tokenizers, the pretrained encoder."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from model.configuration import read_configuration
from model.configuration.elsa_config import ElsaConfig
from model.elsa.network import ElsaModel
from model.elsa.parameter_counts import parameter_counts
from model.elsa.saved_model import load_model
from model.encoders.text import HashingTokenizer, load_tokenizer, text_source_folder
from model.errors import ConfigurationError, ModelUnreadable


@pytest.fixture(scope="module")
def tiny():
    return ElsaModel.create(read_configuration("elsa-tiny").model, seed=3)


@pytest.fixture(scope="module")
def clips(make_plane_wave):
    waves = np.stack([make_plane_wave(90, 0), make_plane_wave(-90, 30, seed=1), np.zeros((4, 16000))])
    return torch.from_numpy(waves).float()


def test_embeddings_are_unit_vectors_also_for_silence_and_empty_text(tiny, clips):
    audio = tiny.get_audio_features(clips)
    text = tiny.get_text_features(**HashingTokenizer(512)(["a dog on the left", ""]))
    assert audio.shape == (3, 32)
    assert text.shape == (2, 32)
    for embedding in (audio, text):
        torch.testing.assert_close(embedding.norm(dim=1), torch.ones(len(embedding)))


def test_an_embedding_does_not_depend_on_its_batch(tiny, clips):
    together = tiny.get_audio_features(clips)
    torch.testing.assert_close(together[:1], tiny.get_audio_features(clips[:1]), atol=1e-5, rtol=0)


def test_heads_take_embeddings_of_text(tiny):
    text = tiny.get_text_features(**HashingTokenizer(512)(["a dog on the left"]))
    assert tiny.direction_head(text).shape == (1, 3)


def test_weights_depend_on_the_seed_and_the_global_generator_does_not_change():
    config = read_configuration("elsa-tiny").model
    before = torch.random.get_rng_state()
    one, two, other = (ElsaModel.create(config, seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.state_dict()["fusion.0.weight"], two.state_dict()["fusion.0.weight"])
    assert not torch.equal(one.state_dict()["fusion.0.weight"], other.state_dict()["fusion.0.weight"])


@pytest.mark.parametrize("branch", ["bin-weighting", "paper"])
def test_a_loaded_model_gives_the_embeddings_of_the_saved_one(tmp_path, clips, branch):
    model = ElsaModel.create(read_configuration("elsa-tiny", [f"model.spatial_branch={branch}"]).model)
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    again = load_model(tmp_path)
    words = HashingTokenizer(512)(["rain from above"])
    assert torch.equal(model.get_audio_features(clips), again.get_audio_features(clips))
    assert torch.equal(model.get_text_features(**words), again.get_text_features(**words))


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ModelUnreadable, match=r"no config\.json"):
        load_model(tmp_path)


def test_weights_of_another_shape_are_rejected(tmp_path):
    ElsaModel.create(read_configuration("elsa-tiny").model).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"spatial_branch": "paper"}))
    with pytest.raises(ModelUnreadable, match="does not hold the model"):
        load_model(tmp_path)


def test_heads_of_the_usual_width_have_the_papers_parameters():
    model = ElsaModel.create(ElsaConfig(semantic_channels=[4], semantic_size=768, text_size=8, direction_share=0))
    assert sum(p.numel() for p in model.direction_head.parameters()) == 512 * 64 + 64 + 64 * 3 + 3
    assert sum(p.numel() for p in model.fusion.parameters()) == 960 * 960 + 960 + 960 * 512 + 512
    counts = parameter_counts(model)
    parts = sum(value for name, value in counts.items() if name not in ("all", "trained"))
    assert counts["all"] == parts + 1  # and the temperature


def test_hashing_tokenizer_is_stable_and_ignores_case_and_punctuation():
    tokens = HashingTokenizer(4096)(["A dog, LEFT!", "a dog left"])
    assert tokens["input_ids"].shape == (2, 3)
    assert torch.equal(tokens["input_ids"][0], tokens["input_ids"][1])
    assert tokens["input_ids"].min() > 0
    # From the SHA-256 of "dog", so it is the same on every machine.
    assert tokens["input_ids"][0, 1].item() == HashingTokenizer(4096)(["dog"])["input_ids"].item()


def test_a_missing_text_source_is_named():
    config = ElsaConfig(text_encoder="pretrained", text_source="no-such-package")
    with pytest.raises(ConfigurationError, match="no installed package no-such-package"):
        text_source_folder(config)


def test_a_pretrained_encoder_is_frozen_and_a_saved_model_does_not_need_its_source(tmp_path):
    """The encoder is a random one that transformers writes to a folder."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    source, saved = tmp_path / "source", tmp_path / "saved"
    words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "a", "dog", "left"])}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape = BertConfig(
            vocab_size=5, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
        )
        BertModel(shape).save_pretrained(source)

    settings = ["model.text_encoder=pretrained", f"model.text_source={source}"]
    model = ElsaModel.create(read_configuration("elsa-tiny", settings).model)
    assert not any(p.requires_grad for p in model.text_encoder.parameters())
    assert not model.train().text_encoder.encoder.training
    model.eval()
    captions = ["a dog left", "dog"]
    tokenizer_before = load_tokenizer(model.config)
    before = model.get_text_features(**tokenizer_before(captions))
    saved.mkdir()
    model.save_pretrained(saved)
    tokenizer_before.save(saved)
    for file in source.iterdir():
        file.unlink()
    source.rmdir()
    again = load_model(saved)
    torch.testing.assert_close(again.get_text_features(**load_tokenizer(again.config, saved)(captions)), before)


def test_the_embedding_holds_the_direction_of_the_branch(tiny, clips):
    out = tiny.encode_audio(clips)
    found = torch.nn.functional.normalize(out.embedding[:2, :3], dim=1)
    torch.testing.assert_close(found, out.spatial.direction[:2], atol=1e-5, rtol=0)
    assert (out.embedding[2, :3] == 0).all()  # silence has no direction


def test_without_a_share_the_direction_passes_only_through_the_fusion(clips):
    model = ElsaModel.create(read_configuration("elsa-tiny", ["model.direction_share=0"]).model)
    assert model.presence is None
    assert model.fusion[2].out_features == 32
    torch.testing.assert_close(model.get_audio_features(clips).norm(dim=1), torch.ones(3))


def test_known_semantics_and_spectra_give_the_same_embedding(tiny, clips):
    known = tiny.encode_semantics(clips)
    embedding = tiny.get_audio_features(clips)
    assert torch.equal(tiny.encode_audio(clips, semantics=known).embedding, embedding)
    assert torch.equal(tiny.encode_audio(clips, quantities=tiny.spectra(clips)).embedding, embedding)
    words = HashingTokenizer(512)(["rain from above"])
    assert torch.equal(tiny.project_text(tiny.encode_text(**words)), tiny.get_text_features(**words))


def test_audio_of_another_rate_gives_nearly_the_same_embedding(tiny, make_plane_wave):
    foa = torch.from_numpy(make_plane_wave(90, 0, rate=48000)[None]).float()
    from model.resampling import resample

    lower = resample(foa, 48000, 16000)
    torch.testing.assert_close(
        tiny.get_audio_features(foa, sample_rate=48000), tiny.get_audio_features(lower), atol=1e-5, rtol=0
    )


def test_half_precision_keeps_the_direction_in_the_embedding(tiny, clips):
    exact = tiny.encode_audio(clips[:2])
    with torch.autocast("cpu", torch.bfloat16):
        half = tiny.encode_audio(clips[:2])
    assert half.embedding.dtype == torch.float32
    here, there = (torch.nn.functional.normalize(out.embedding[:, :3], dim=1) for out in (exact, half))
    assert (here * there).sum(1).min() > np.cos(np.deg2rad(0.5))
    assert torch.isfinite(tiny.encode_audio(clips.bfloat16()).embedding).all()


def test_transformers_finds_the_model_by_its_type(tiny, tmp_path):
    from transformers import AutoConfig, AutoModel

    tiny.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), ElsaConfig)
    assert isinstance(AutoModel.from_pretrained(tmp_path), ElsaModel)


@pytest.mark.slow
def test_elsa_small_has_the_weights_of_its_package(clips):
    """With the sentence encoder's own weights, a paraphrase is nearer than another subject before any training."""
    model = ElsaModel.create(read_configuration("elsa-small").model)
    assert not model.training
    counts = parameter_counts(model)
    assert counts["text_encoder"] == 22_713_216
    frozen = counts["text_encoder"] + sum(p.numel() for p in model.semantic_branch.encoder.parameters())
    assert counts["trained"] == counts["all"] - frozen
    tokens = load_tokenizer(model.config)(["a dog barks", "the dog is barking", "rain falls on a roof"])
    vectors = torch.nn.functional.normalize(model.text_encoder(**tokens), dim=1)
    assert vectors[0] @ vectors[1] > 0.8 > 0.4 > vectors[0] @ vectors[2]
    assert model.get_audio_features(clips[:1], sample_rate=16000).shape == (1, 512)
