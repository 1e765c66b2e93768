"""Configurations: the shipped ones load, settings change them, and an error is named on one line."""

from __future__ import annotations

import pytest

from model.configuration import read_configuration, shipped_configurations
from model.configuration.elsa_config import ElsaConfig
from model.errors import ConfigurationError
from model.runs.record import configuration_sha256


def test_shipped_configurations_load():
    assert shipped_configurations() == ["elsa-base", "elsa-small", "elsa-tiny"]
    for name in shipped_configurations():
        assert read_configuration(name).model.model_type == "elsa"


def test_settings_change_values_and_types():
    configuration = read_configuration(
        "elsa-tiny",
        ["training.learning_rate=1e-4", "model.spatial_branch=paper", "training.losses.branch=0", "model.clip_s=2"],
    )
    assert configuration.training.learning_rate == 1e-4
    assert configuration.training.losses.branch == 0.0
    assert configuration.model.spatial_branch == "paper"
    assert configuration.model.clip_samples == 32000


def test_the_hash_depends_only_on_the_values():
    one = configuration_sha256(read_configuration("elsa-tiny"))
    assert one == configuration_sha256(read_configuration("elsa-tiny"))
    assert one != configuration_sha256(read_configuration("elsa-tiny", ["training.seed=1"]))


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("training.epoch=3", "unknown key training.epoch; did you mean epochs?"),
        ("model.widht=3", "model.widht"),
        ("speed=3", "speed"),
        ("training.losses.colour=1", "training.losses.colour"),
        ("training.epochs=0", "training.epochs is 0"),
        ("training.epochs=many", "training.epochs is 'many'"),
        ("training.epochs=true", "training.epochs is True; a number is expected"),
        ("training.learning_rate=.inf", "training.learning_rate is inf"),
        ("training.losses=1", "training.losses is 1; keys are expected below it"),
        ("training.pretraining.freeze=true", "training.pretraining: freeze is true, but epochs is 0"),
        ("training.epochs=1.5", "training.epochs is 1.5"),
        ("training.epochs=[1]", "training.epochs"),
        ("training.batch_size=1", "training.batch_size is 1"),
        ("training.losses.area=-1", "training.losses.area is -1"),
        ("training.device=tpu", "'tpu'"),
        ("training.epochs.more=1", "epochs"),
        ("model.spatial_branch=best", "'best'"),
        ("model.spatial_to_hz=9000", "spatial_to_hz is 9000"),
        ("model.n_fft=wide", "n_fft"),
        ("model.semantic_encoder=ear", "'ear'"),
        ("model.text_encoder=mouth", "'mouth'"),
        ("model.spatial_rate=10", "spatial_rate is 10"),
        ("model.direction_share=1", "direction_share is 1"),
        ("model.embedding_size=3", "embedding_size is 3"),
        ("model.text_encoder=pretrained", "text_source"),
        ("training.seed", "KEY=VALUE"),
        ("training.seed=[", "--set training.seed=["),
    ],
)
def test_an_error_is_named_on_one_line(setting, named):
    with pytest.raises(ConfigurationError) as caught:
        read_configuration("elsa-tiny", [setting])
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_spatial_branch_there_is_no_pretraining():
    with pytest.raises(ConfigurationError, match=r"training\.pretraining\.epochs is not 0"):
        read_configuration("elsa-tiny", ["model.spatial_branch=none", "training.pretraining.epochs=1"])


@pytest.mark.parametrize("content", ["[1, 2]", "model: 3", "{", "\tmodel: 1"])
def test_a_file_without_a_configuration_is_one_line(tmp_path, content):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(ConfigurationError, match=r"elsa-huge: no such configuration; .*elsa-tiny"):
        read_configuration("elsa-huge")


def test_the_spatial_branch_takes_one_width_for_all_layers_or_one_for_each():
    assert ElsaConfig(spatial_channels=8).spatial_widths(3) == [8, 8, 8]
    assert ElsaConfig(spatial_channels=[4, 8, 16]).spatial_widths(3) == [4, 8, 16]
    with pytest.raises(ConfigurationError, match="spatial_channels"):
        ElsaConfig(spatial_channels=[4, 8]).spatial_widths(3)
    with pytest.raises(ConfigurationError, match="spatial_channels"):
        read_configuration("elsa-tiny", ["model.spatial_channels=[4, 8, 0]"])


def test_config_survives_its_json():
    config = ElsaConfig(clip_s=2.0, semantic_channels=[4, 8])
    again = ElsaConfig.from_dict(config.to_dict())
    assert again.clip_s == 2.0
    assert list(again.semantic_channels) == [4, 8]
