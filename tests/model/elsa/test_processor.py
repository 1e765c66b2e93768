"""The processor: ambisonics and mono at any rate and length, saving and loading, and errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.configuration import read_configuration
from model.elsa.network import ElsaModel
from model.elsa.processor import ElsaProcessor, as_foa
from model.encoders.text import HashingTokenizer


@pytest.fixture(scope="module")
def processor():
    return ElsaProcessor.from_config(read_configuration("elsa-tiny").model)


def test_ambisonics_at_the_rate_of_the_model_does_not_change(processor, make_plane_wave):
    foa = make_plane_wave(90, 0)
    out = processor(text="a dog", audio=foa, sampling_rate=16000, return_tensors="pt")
    assert sorted(out) == ["attention_mask", "audio", "input_ids"]
    assert out["audio"].dtype == torch.float32
    np.testing.assert_array_equal(out["audio"][0].numpy(), foa.astype(np.float32))


def test_a_model_takes_the_inputs(processor, make_plane_wave):
    model = ElsaModel.create(read_configuration("elsa-tiny").model)
    sounds = [make_plane_wave(90, 0), make_plane_wave(0, 0)[0]]
    audio, text = model(**processor(text=["a dog", "rain"], audio=sounds, sampling_rate=16000))
    assert audio.embedding.shape == text.shape == (2, 32)


@settings(max_examples=25)
@given(
    rate=st.sampled_from([8000, 16000, 22050, 44100, 48000]),
    samples=st.integers(1, 70000),
    channels=st.sampled_from([0, 1, 4]),
)
def test_sound_of_any_rate_and_length_becomes_one_clip(processor, rate, samples, channels):
    shape = (samples,) if channels == 0 else (channels, samples)
    out = processor(audio=np.ones(shape), sampling_rate=rate)["audio"]
    assert out.shape == (1, 4, 16000)
    assert torch.isfinite(out).all()
    assert torch.equal(out[0, 0], out[0, 3])


def test_resampling_keeps_a_tone_and_the_channels_apart(processor):
    time = np.arange(48000) / 48000
    foa = np.sin(2 * np.pi * 440 * time) * np.array([1.0, 0.5, -0.25, 0.0])[:, None]
    out = processor(audio=foa, sampling_rate=48000)["audio"][0].numpy()
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000) * np.array([1.0, 0.5, -0.25, 0.0])[:, None]
    np.testing.assert_allclose(out[:, 500:-500], expected[:, 500:-500], atol=1e-3)


def test_long_sound_is_cut_to_its_middle_and_short_sound_is_padded(processor):
    long = np.arange(48000, dtype=np.float32)
    assert processor(audio=long, sampling_rate=16000)["audio"][0, 0, [0, -1]].tolist() == [16000, 31999]
    short = processor(audio=np.ones(100), sampling_rate=16000)["audio"][0, 2]
    assert short[:100].min() == 1
    assert short[100:].max() == 0


def test_several_sounds_are_a_list_or_one_array(processor):
    sounds = np.random.Generator(np.random.Philox(key=0)).standard_normal((3, 4, 2000)).astype(np.float32)
    together = processor(audio=sounds, sampling_rate=16000)["audio"]
    assert torch.equal(together, processor(audio=list(sounds), sampling_rate=16000)["audio"])
    assert torch.equal(together, processor(audio=torch.from_numpy(sounds), sampling_rate=16000)["audio"])
    assert processor(audio=[0.1, 0.2, 0.3], sampling_rate=16000)["audio"].shape == (1, 4, 16000)
    assert isinstance(processor(audio=sounds, sampling_rate=16000, return_tensors="np")["audio"], np.ndarray)


def test_a_loaded_processor_equals_the_saved_one(processor, tmp_path, make_plane_wave):
    from transformers import AutoProcessor

    processor.save_pretrained(tmp_path)
    ElsaModel.create(read_configuration("elsa-tiny").model).save_pretrained(tmp_path)
    inputs = {"text": ["Rain, from above"], "audio": make_plane_wave(rate=44100), "sampling_rate": 44100}
    expected = processor(**inputs)
    for again in (ElsaProcessor.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)):
        assert isinstance(again, ElsaProcessor)
        found = again(**inputs)
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_folder_of_a_training_has_a_processor(trained_run):
    processor = ElsaProcessor.from_pretrained(trained_run)
    assert processor.sampling_rate == 16000
    assert isinstance(processor.tokenizer, HashingTokenizer)
    assert processor.tokenizer.buckets == 512


def test_a_folder_without_a_processor_is_named(tmp_path):
    with pytest.raises(OSError, match="no processor"):
        ElsaProcessor.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "no input"),
        ({"audio": np.ones(100)}, "sampling_rate"),
        ({"audio": np.ones(100), "sampling_rate": 0}, "sampling_rate"),
        ({"audio": np.ones((2, 100)), "sampling_rate": 16000}, r"shape \(2, 100\)"),
        ({"audio": np.ones((4, 0)), "sampling_rate": 16000}, r"shape \(4, 0\)"),
        ({"audio": np.array([0.0, np.nan]), "sampling_rate": 16000}, "not finite"),
        ({"text": "a dog", "return_tensors": "tf"}, "'tf'"),
    ],
)
def test_an_error_names_the_argument(processor, arguments, named):
    with pytest.raises(ValueError, match=named):
        processor(**arguments)


def test_mono_is_copied_to_all_channels():
    foa = as_foa(np.array([1.0, 2.0]))
    assert foa.shape == (4, 2)
    assert (foa == foa[0]).all()
