"""Saves a model in a folder and loads it: config.json and model.safetensors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from model.configuration.shape import SHAPE_FIELDS, check_shape
from model.elsa.network import ElsaModel
from model.encoders.quiet import quiet
from model.errors import ConfigurationError, ModelUnreadable, one_line
from model.folders import MODEL_CONFIG, MODEL_WEIGHTS, check_model

_LOADING_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    SafetensorError,
    StrictDataclassError,
)


def load_model(folder: Path | str) -> ElsaModel:
    """Loads a saved model in evaluation mode. The weights come from safetensors, so nothing is unpickled.

    Raises:
        ModelUnreadable: the folder holds no model, or a broken one.
    """
    folder = Path(folder)
    check_model(folder)
    _check_config(folder / MODEL_CONFIG)
    try:
        with quiet():
            loaded: Any = ElsaModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    # The files may hold anything, and transformers raises many kinds of errors for them.
    except _LOADING_ERRORS as error:
        raise ModelUnreadable(f"{folder}: not a model that can be loaded: {one_line(error)}") from None
    model: ElsaModel = loaded[0]
    loading: dict[str, Any] = loaded[1]
    if any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        raise ModelUnreadable(f"{folder}: {MODEL_WEIGHTS} does not hold the model of {MODEL_CONFIG}")
    for parameter in model.parameters():
        # The mapped file can start at any address, and products of unaligned numbers are rounded in another order. With
        # a copy, the embeddings equal those of the saved model bit by bit.
        parameter.data = parameter.data.clone()
    return model.eval()


def _check_config(file: Path) -> None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("model_type") != "elsa":
            raise ModelUnreadable(f"{file}: not the configuration of an ELSA model")
        check_shape({name: content[name] for name in SHAPE_FIELDS if name in content})
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError, ConfigurationError) as error:
        raise ModelUnreadable(f"{file}: not the configuration of a model: {one_line(error)}") from None


def save_model(model: ElsaModel, folder: Path) -> None:
    """Writes config.json and model.safetensors into a folder, which is created."""
    with quiet():
        model.save_pretrained(folder)
    # safetensors makes its file readable by its owner only; a run is shared like any other file.
    shutil.copymode(folder / MODEL_CONFIG, folder / MODEL_WEIGHTS)
