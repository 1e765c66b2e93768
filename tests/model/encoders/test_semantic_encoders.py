"""The semantic encoders: aisfx against its package, HTSAT against transformers, freezing, and errors."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ClapAudioConfig, ClapConfig, ClapFeatureExtractor, ClapModel, ClapTextConfig
from transformers.audio_utils import mel_filter_bank

from model import packages
from model.configuration import read_configuration
from model.configuration.elsa_config import ElsaConfig
from model.elsa.network import ElsaModel
from model.elsa.saved_model import load_model
from model.encoders import aisfx, htsat
from model.encoders.semantic import SemanticBranch
from model.encoders.text import load_tokenizer
from model.errors import ConfigurationError

needs_aisfx = pytest.mark.skipif(
    importlib.util.find_spec("aisfx") is None, reason="aisfx is not installed; pip install --no-deps aisfx"
)
SMALL_CLAP = {
    "semantic_encoder": "htsat",
    "text_encoder": "roberta",
    "sample_rate": 48000,
    "semantic_size": 32,
    "text_frozen": False,
    "embedding_size": 16,
    "fusion_size": 16,
    "spatial_size": 12,
    "spatial_channels": 4,
    "spatial_hidden": 8,
    "clip_s": 1.0,
}


def noise(*shape: int, key: int = 0) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=key)).standard_normal(shape)


def small_clap(enable_fusion: bool = False) -> ClapModel:
    """A CLAP model of 40 k parameters with random weights."""
    audio = ClapAudioConfig(
        patch_embeds_hidden_size=4,
        hidden_size=32,
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 2, 2],
        enable_fusion=enable_fusion,
        fusion_type="aff_2d" if enable_fusion else None,
        projection_dim=8,
    )
    text = ClapTextConfig(
        vocab_size=64,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=90,
        projection_dim=8,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        clap = ClapModel(ClapConfig(audio_config=audio, text_config=text, projection_dim=8))
        for parameter in clap.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    return clap.eval()


@pytest.fixture(scope="module")
def clap_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clap")
    small_clap().save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "fusion"), [(0.7, False), (4.0, False), (10.0, False), (4.0, True)])
def test_htsat_features_are_those_of_transformers(seconds, fusion):
    sound = 0.1 * noise(2, round(seconds * 48000))
    sound[1] *= np.linspace(0, 1, sound.shape[1]) ** 4
    # LAION's models have 50 Hz to 14 kHz; the default of transformers starts at 0.
    extractor = ClapFeatureExtractor(
        frequency_min=50, frequency_max=14000, truncation="fusion" if fusion else "rand_trunc", padding="repeatpad"
    )
    expected = extractor(list(sound), sampling_rate=48000, return_tensors="np")["input_features"]
    found = htsat.input_features(torch.from_numpy(sound), fusion).numpy()
    assert found.shape == expected.shape == (2, 4 if fusion else 1, 1001, 64)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    single = htsat.input_features(torch.from_numpy(sound).float(), fusion).numpy()
    np.testing.assert_allclose(single, expected, atol=0.01)
    assert np.quantile(np.abs(single - expected), 0.99) < 1e-4


def test_htsat_features_of_silence_are_at_the_floor_and_long_sound_is_cut():
    assert (htsat.input_features(torch.zeros(1, 1000)) == -100).all()
    long = torch.from_numpy(noise(1, 500_000)).float()
    assert torch.equal(htsat.repeated(long), long[:, :480_000])


@pytest.mark.slow
@pytest.mark.parametrize("enable_fusion", [False, True])
def test_both_parts_of_clap_are_loaded_from_a_folder(tmp_path, enable_fusion):
    clap = small_clap(enable_fusion)
    clap.save_pretrained(tmp_path / "clap")
    config = ElsaConfig(semantic_source=str(tmp_path / "clap"), text_source=str(tmp_path / "clap"), **SMALL_CLAP)
    model = ElsaModel.create(config)
    sound = torch.from_numpy(0.1 * noise(2, 4, 48000)).float()
    features = htsat.input_features(sound[:, 0], enable_fusion)
    longer = torch.zeros(2, 1, dtype=torch.bool) if enable_fusion else None
    with torch.no_grad():
        expected = clap.audio_model(input_features=features, is_longer=longer).pooler_output
        assert torch.equal(model.encode_semantics(sound), expected)
        tokens = {"input_ids": torch.tensor([[0, 5, 6, 2], [0, 7, 2, 1]]), "attention_mask": torch.ones(2, 4).long()}
        tokens["attention_mask"][1, 3] = 0
        assert torch.equal(model.encode_text(**tokens), clap.text_model(**tokens).pooler_output)


@pytest.mark.slow
def test_a_saved_model_of_clap_parts_does_not_need_its_source(tmp_path, clap_folder):
    source = tmp_path / "source"
    small_clap().save_pretrained(source)
    model = ElsaModel.create(ElsaConfig(semantic_source=str(source), text_source=str(source), **SMALL_CLAP))
    model.save_pretrained(tmp_path / "saved")
    for file in source.iterdir():
        file.unlink()
    source.rmdir()
    again = load_model(tmp_path / "saved")
    sound = torch.from_numpy(0.1 * noise(2, 4, 48000)).float()
    tokens = {"input_ids": torch.tensor([[0, 5, 6, 2]]), "attention_mask": torch.ones(1, 4).long()}
    with torch.no_grad():
        assert torch.equal(again.get_audio_features(sound), model.get_audio_features(sound))
        assert torch.equal(again.get_text_features(**tokens), model.get_text_features(**tokens))


@pytest.mark.slow
def test_clap_parts_train_unless_they_are_frozen(clap_folder):
    sources = {"semantic_source": str(clap_folder), "text_source": str(clap_folder)}
    for frozen in (False, True):
        settings = SMALL_CLAP | sources | {"semantic_frozen": frozen, "text_frozen": frozen}
        model = ElsaModel.create(ElsaConfig(**settings)).train()
        for encoder in (model.semantic_branch.encoder, model.text_encoder):
            assert all(p.requires_grad != frozen for p in encoder.parameters())
            assert encoder.training != frozen
        encoded = model.encode_semantics(torch.from_numpy(noise(1, 4, 4800)).float())
        assert encoded.requires_grad != frozen


def test_without_a_source_the_weights_are_drawn_and_words_are_hashed():
    settings = ["model.semantic_source=null", "model.text_source=null"]
    config = read_configuration("elsa-base", settings).model
    config.text_config = {"num_hidden_layers": 1, "hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 8}
    config.semantic_config = {"patch_embeds_hidden_size": 4, "hidden_size": 32, "num_attention_heads": [1, 1, 1, 1]}
    config.semantic_size, config.clip_s = 32, 1.0
    model = ElsaModel.create(config)
    tokens = load_tokenizer(config)(["a dog on the left", "rain"])
    assert tokens["input_ids"].min() == 1  # RoBERTa's padding
    assert model.get_text_features(**tokens).shape == (2, 512)
    assert model.get_audio_features(torch.from_numpy(noise(1, 4, 48000)).float()).shape == (1, 512)


def test_a_source_without_a_clap_model_is_named(tmp_path, clap_folder):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ConfigurationError, match="of type bert; clap is expected"):
        ElsaModel.create(ElsaConfig(semantic_source=str(tmp_path), **SMALL_CLAP))
    with pytest.raises(ConfigurationError, match="no CLAP model") as caught:
        ElsaModel.create(ElsaConfig(semantic_source=str(tmp_path / "nothing"), **SMALL_CLAP))
    assert "\n" not in str(caught.value)
    shape = {
        "patch_embeds_hidden_size": 2,
        "hidden_size": 16,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1] * 4,
    }
    with pytest.raises(ConfigurationError, match="its weights cannot be used"):
        ElsaModel.create(
            ElsaConfig(
                semantic_source=str(clap_folder), text_source=str(clap_folder), semantic_config=shape, **SMALL_CLAP
            )
        )


def test_aisfx_spectrogram_is_the_one_that_the_package_describes():
    """The reference is librosa's melspectrogram with htk=True, norm=1, power=2, of sound with peak 1, in float64."""
    sound = 0.05 * noise(44100)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    padded = np.pad(sound / np.abs(sound).max(), 1024)
    frames = np.stack([padded[s : s + 2048] * window for s in range(0, len(sound) + 1, 1024)])
    filters = mel_filter_bank(1025, 96, 0.0, 22050.0, 44100, norm=None, mel_scale="htk")
    filters /= filters.sum(axis=0, keepdims=True)
    expected = np.log10(1 + 1e4 * np.abs(np.fft.rfft(frames)) ** 2 @ filters) / 9.457798957824707
    batch = np.stack([sound, np.zeros_like(sound)])
    for kind, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        found = aisfx.spectrogram(torch.from_numpy(batch).to(kind)).numpy()
        np.testing.assert_allclose(found[0], expected, atol=tolerance)
        assert (found[1] == 0).all()


@needs_aisfx
def test_aisfx_gives_the_output_of_its_package():
    from aisfx.models.cnn2d import EmbeddingNet

    theirs = EmbeddingNet("max", 3, 1, 64)
    theirs.load_state_dict(dict(aisfx.package_weights()))
    theirs.eval()
    ours = aisfx.AisfxNetwork().eval()
    ours.load_package()
    spectrograms = torch.from_numpy(np.abs(noise(2, 100, 96)) / 3).float()
    with torch.no_grad():
        expected = theirs(spectrograms)
        assert expected.std() > 0.01
        torch.testing.assert_close(ours(spectrograms), expected, atol=1e-5, rtol=1e-5)


@needs_aisfx
def test_elsa_small_uses_aisfx_at_any_rate():
    branch = SemanticBranch(read_configuration("elsa-small").model)
    branch.encoder.load_source(read_configuration("elsa-small").model)
    branch.train()
    assert not branch.encoder.training
    time = np.arange(48000) / 48000
    sound = np.sin(2 * np.pi * 700 * time) * np.exp(-3 * time)
    encoded = [
        branch.encode(torch.from_numpy(np.repeat(sound[None, None, ::step], 4, axis=1)).float(), 48000 // step)
        for step in (1, 2)
    ]
    assert encoded[0].shape == (1, 512)
    assert not encoded[0].requires_grad
    assert torch.nn.functional.cosine_similarity(*encoded).item() > 0.98
    assert torch.isfinite(branch(branch.encode(torch.zeros(1, 4, 100), 48000))).all()


def test_a_file_with_another_hash_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(aisfx, "package_folder", lambda _: None)
    with pytest.raises(ConfigurationError, match="pip install --no-deps aisfx"):
        aisfx.package_weights()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "checkpoint.pth").write_bytes(b"something that pickle might run")
    monkeypatch.setattr(aisfx, "package_folder", lambda _: tmp_path)
    with pytest.raises(ConfigurationError, match=r"is not the file of aisfx 0\.1\.2"):
        aisfx.package_weights()


def test_packages_are_found_without_running_them():
    assert packages.package_folder("no-such-package") is None
    assert packages.package_folder("../etc") is None
    assert (packages.package_folder("numpy") or Path()).name == "numpy"
