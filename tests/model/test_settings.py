"""Settings: any file or command line gives sections, or one line about the error."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from model.configuration.run_configuration import read_sections
from model.errors import ConfigurationError
from model.settings import set_values

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab1:-\n é", max_size=5)
KEYS = st.sampled_from(["model", "training", "data", "epochs", "losses", "augmentation", "rotation", "n_fft", "x"])
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(KEYS | st.integers() | st.booleans(), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["model", "training", "data"]), TREES))
@example({"training": {"losses": {1: 2}}})
@example({"data": {"augmentation": {"rotation": {None: 1}}}})
@example({"model": {True: 1}})
@example({"training": {"pretraining": [1]}})
def test_any_file_is_a_configuration_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    message = ""
    try:
        read_sections(path)
    except ConfigurationError as error:
        message = str(error)
    assert "\n" not in message


@given(st.lists(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), min_size=1, max_size=3), SCALARS)
def test_a_setting_reaches_its_key(keys, value):
    content = {}
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")
    set_values(content, [f"{'.'.join(keys)}={text}"])
    for key in keys:
        content = content[key]
    assert content == value or (value != value and content != content)


@pytest.mark.parametrize("setting", ["", "=", "=1", "a", "a.b", "a=[", "a=\t", "list.b=1", "number.b=1"])
def test_a_setting_that_cannot_be_used_is_one_line(setting):
    with pytest.raises(ConfigurationError, match=r"^--set ") as caught:
        set_values({"list": [], "number": 3}, [setting])
    assert "\n" not in str(caught.value)
