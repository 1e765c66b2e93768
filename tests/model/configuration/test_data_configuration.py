"""The section of a configuration that is about data: read, checked, written and read again."""

from __future__ import annotations

import pytest
import yaml

from model.augmentation import transform_names
from model.configuration.data import DataConfiguration, read_data_section
from model.configuration.run_configuration import read_configuration
from model.errors import ConfigurationError


def test_defaults_have_every_transform_switched_on():
    data = read_data_section(None)
    assert data == DataConfiguration()
    assert data.transforms is data.augmentation
    assert all(getattr(data.augmentation, name).probability > 0 for name in transform_names())


def test_settings_reach_their_field():
    settings = [
        "data.weights=[2, 1]",
        "data.rows_an_epoch=100",
        "data.augmentation.rotation=false",
        "data.augmentation.diffuse_noise.snr_from_db=10",
        "data.augmentation.ideal_share=0.5",
    ]
    data = read_configuration("elsa-tiny", settings).data
    assert (data.weights, data.rows_an_epoch) == ((2.0, 1.0), 100)
    assert data.augmentation.rotation.probability == 0
    assert data.augmentation.diffuse_noise.snr_from_db == 10
    assert data.augmentation.ideal_share == 0.5
    assert read_configuration("elsa-tiny", ["data.augment=false"]).data.transforms is None


def test_what_is_written_is_read_again():
    configuration = read_configuration("elsa-tiny", ["data.weights=[2, 1]", "data.augmentation.level=false"])
    text = yaml.safe_dump(configuration.as_dict())
    assert read_data_section(yaml.safe_load(text)["data"]) == configuration.data
    assert configuration.sha256() != read_configuration("elsa-tiny").sha256()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("data.weight=[1]", "unknown key data.weight"),
        ("data.weights=3", "data.weights is 3, list is expected"),
        ("data.weights=[0, 0]", "one above it, expected"),
        ("data.weights=[-1, 2]", "numbers from 0"),
        ("data.weights=[a]", "a number is expected"),
        ("data.rows_an_epoch=0", "below 1"),
        ("data.rows_an_epoch=1.5", "int is expected"),
        ("data.augment=2", "true or false"),
        ("data.augmentation=3", "keys are expected below it"),
        ("data.augmentation.rotate=true", "unknown key data.augmentation.rotate"),
        ("data.augmentation.rotation=3", "data.augmentation.rotation is 3"),
        ("data.augmentation.rotation.range_deg=200", "outside [0, 180]"),
        ("data.augmentation.rotation.probability=2", "data.augmentation.rotation.probability is 2.0, outside [0, 1]"),
        ("data.augmentation.diffuse_noise.snr_from_db=60", "diffuse_noise"),
        ("data.augmentation.leakage.radius=1", "unknown key data.augmentation.leakage.radius"),
        ("data.augmentation.level.range_db=.nan", "a number is expected"),
    ],
)
def test_what_cannot_be_used_is_one_line(setting, said):
    with pytest.raises(ConfigurationError) as caught:
        read_configuration("elsa-tiny", [setting])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
