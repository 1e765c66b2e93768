"""The section ``data`` of a configuration: read, checked, written and read again."""

from __future__ import annotations

import pytest
import yaml

from model.augmentation import transform_names
from model.configuration import read_configuration
from model.configuration.data import DataConfiguration
from model.errors import ConfigurationError
from model.settings import check_section


def test_defaults_have_every_transform_switched_on():
    data = check_section(DataConfiguration, None, "data")
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


def test_a_written_section_is_read_again():
    configuration = read_configuration("elsa-tiny", ["data.weights=[2, 1]", "data.augmentation.level=false"])
    text = yaml.safe_dump(configuration.as_dict())
    assert check_section(DataConfiguration, yaml.safe_load(text)["data"], "data") == configuration.data
    assert configuration.as_dict() != read_configuration("elsa-tiny").as_dict()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.weight=[1]", "unknown key data.weight; did you mean weights?"),
        ("data.weights=3", "data.weights is 3; it should be a valid tuple"),
        ("data.weights=[0, 0]", "weights is [0.0, 0.0]; at least one number above 0 is expected"),
        ("data.weights=[-1, 2]", "data.weights.0 is -1; it should be greater than or equal to 0"),
        ("data.weights=[a]", "data.weights.0 is 'a'; it should be a valid number"),
        ("data.rows_an_epoch=0", "data.rows_an_epoch is 0; it should be greater than or equal to 1"),
        ("data.rows_an_epoch=1.5", "it should be a valid integer"),
        ("data.augment=2", "it should be a valid boolean"),
        ("data.augmentation=3", "keys are expected below it"),
        ("data.augmentation.rotate=true", "unknown key data.augmentation.rotate"),
        ("data.augmentation.rotation=3", "data.augmentation.rotation is 3"),
        (
            "data.augmentation.rotation.range_deg=200",
            "rotation.range_deg is 200; it should be less than or equal to 180",
        ),
        ("data.augmentation.rotation.probability=2", "data.augmentation.rotation.probability is 2; it"),
        ("data.augmentation.diffuse_noise.snr_from_db=60", "diffuse_noise: snr_from_db is 60.0, above snr_to_db, 30.0"),
        ("data.augmentation.leakage.radius=1", "unknown key data.augmentation.leakage.radius"),
        ("data.augmentation.level.range_db=.nan", "it should be a finite number"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_line(setting, message):
    with pytest.raises(ConfigurationError) as caught:
        read_configuration("elsa-tiny", [setting])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
