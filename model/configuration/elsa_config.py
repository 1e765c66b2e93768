"""The shape of a model as a configuration that transformers knows."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from model.configuration.shape import ElsaShape


@strict
class ElsaConfig(ElsaShape, PreTrainedConfig):
    """An ``ElsaShape`` that transformers saves, loads and registers. See ``ElsaShape`` for the fields."""

    model_type = "elsa"
