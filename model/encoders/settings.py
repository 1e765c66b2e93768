"""Checks the configuration of an encoder from transformers, which may come from a stranger's run.

Only the numbers, names and switches of the encoder's own shape are taken. All other keys are left out, among them those
with which transformers runs code of a hub (``auto_map``, ``attn_implementation``, ``quantization_config``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from model.errors import ConfigurationError, one_line

#: Types of text encoders. Other types of transformers can load parts of themselves from a hub.
TEXT_TYPES = (
    "albert",
    "bert",
    "camembert",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "modernbert",
    "mpnet",
    "roberta",
    "xlm-roberta",
)
#: Largest number, and largest numbers of some keys.
_MOST = 2_000_000
_MOST_OF = {
    **dict.fromkeys(("num_hidden_layers", "n_layers", "num_layers", "depths"), 128),
    **dict.fromkeys(("hidden_size", "dim", "embedding_size", "patch_embeds_hidden_size"), 16_384),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "max_position_embeddings"), 65_536),
    **dict.fromkeys(("window_size", "patch_size", "patch_stride", "mlp_ratio", "num_attention_heads", "n_heads"), 256),
    **dict.fromkeys(("spec_size", "num_mel_bins"), 4096),
}
#: Most numbers in a list.
_LONGEST = 16


def text_config_of(settings: Mapping[str, Any]) -> PreTrainedConfig:
    """Makes the configuration of a text encoder from plain data with its ``model_type``.

    Raises:
        ConfigurationError: a type that is not in TEXT_TYPES, or a value that cannot be used.
    """
    kind = settings.get("model_type")
    if kind not in TEXT_TYPES:
        raise ConfigurationError(f"text_config: model_type is {kind!r}, not one of {', '.join(TEXT_TYPES)}")
    return config_of(type(AutoConfig.for_model(kind)), settings, key="text_config")


def config_of(kind: type[Any], settings: Mapping[str, Any], *, key: str) -> Any:
    """Makes a configuration of a class of transformers from plain data.

    Args:
        kind: the class.
        settings: plain data.
        key: the setting that holds the data, for messages.

    Raises:
        ConfigurationError: a value that cannot be used.
    """
    known = [
        name
        for base in kind.__mro__
        if issubclass(base, PreTrainedConfig) and base is not PreTrainedConfig
        for name in vars(base).get("__annotations__", {})
    ]
    values = {name: settings[name] for name in dict.fromkeys(known) if name in settings and name != "model_type"}
    if settings.get("dtype") in ("float16", "bfloat16", "float32"):
        values["dtype"] = settings["dtype"]
    for name, value in values.items():
        _check(f"{key}: {name}", value, _MOST_OF.get(name, _MOST))
    try:
        return kind(**values)
    # Classes of transformers raise many kinds of errors for wrong values.
    except Exception as error:
        raise ConfigurationError(f"{key}: {one_line(error.__cause__ or error)}") from None


def _check(name: str, value: Any, most: float) -> None:
    if isinstance(value, list | tuple):
        if len(value) > _LONGEST:
            raise ConfigurationError(f"{name} has {len(value)} values, more than {_LONGEST}")
        for item in value:
            _check(name, item, most)
    elif isinstance(value, int | float):
        if not -most <= value <= most:
            raise ConfigurationError(f"{name} is {value}, outside [-{most:g}, {most:g}]")
    elif not isinstance(value, str | None):
        raise ConfigurationError(f"{name} is {one_line(repr(value))}; a number, a name or a list is expected")
