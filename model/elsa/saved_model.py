"""Saves a model in a folder and loads it: config.json and model.safetensors."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.torch import load_file

from model.configuration.elsa_config import ElsaConfig
from model.configuration.shape import SHAPE_FIELDS, check_shape
from model.documents import MOST_JSON_BYTES, DocumentRefused, parse_json
from model.elsa.network import ElsaModel
from model.encoders.quiet import quiet
from model.errors import ConfigurationError, ModelUnreadable, one_line
from model.files import descriptor_path, open_file, read_bytes
from model.folders import MODEL_CONFIG, MODEL_WEIGHTS, check_model
from model.weights import read_header

_LOADING_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    RuntimeError,
    SafetensorError,
    StrictDataclassError,
)
#: Names of types in the header of a safetensors file.
_DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.bool: "BOOL"}


def load_model(folder: Path | str) -> ElsaModel:
    """Loads a saved model in evaluation mode. The weights come from safetensors, so nothing is unpickled.

    The folder may come from a stranger. Only the shape in config.json and the tensors are read: no source is looked
    for, and what else the file names, such as code, is ignored. The tensors are compared with the shape before memory
    is allocated.

    Raises:
        ModelUnreadable: the folder holds no model, or a broken one.
    """
    folder = Path(folder)
    check_model(folder)
    config = _read_config(folder)
    try:
        with open_file(folder, MODEL_WEIGHTS) as file, quiet():
            header = read_header(file)
            with torch.device("meta"):
                expected = ElsaModel(config).state_dict()
            if header.tensors != {
                name: (_DTYPES[tensor.dtype], tuple(tensor.shape)) for name, tensor in expected.items()
            }:
                raise ModelUnreadable(f"{folder}: {MODEL_WEIGHTS} does not hold the model of {MODEL_CONFIG}")
            weights = load_file(descriptor_path(file))
            model: ElsaModel = ElsaModel.from_pretrained(None, config=config, state_dict=weights, local_files_only=True)
    except ModelUnreadable:
        raise
    # The files may hold anything, and transformers raises many kinds of errors for them.
    except _LOADING_ERRORS as error:
        raise ModelUnreadable(f"{folder}: not a model that can be loaded: {one_line(error)}") from None
    for parameter in model.parameters():
        # The mapped file can start at any address, and products of unaligned numbers are rounded in another order. With
        # a copy, the embeddings equal those of the saved model bit by bit.
        parameter.data = parameter.data.clone()
    return model.eval()


def _read_config(folder: Path) -> ElsaConfig:
    """The shape that config.json states. It must state the shapes of encoders too, so that no source is needed."""
    file = folder / MODEL_CONFIG
    try:
        content = parse_json(read_bytes(folder, MODEL_CONFIG, MOST_JSON_BYTES))
        if not isinstance(content, dict) or content.get("model_type") != "elsa":
            raise ModelUnreadable(f"{file}: not the configuration of an ELSA model")
        shape = check_shape({name: content[name] for name in SHAPE_FIELDS if name in content})
    except ModelUnreadable:
        raise
    except (OSError, DocumentRefused, ConfigurationError) as error:
        raise ModelUnreadable(f"{file}: not the configuration of a model: {one_line(error)}") from None
    for encoder, needs, key in (
        (shape.semantic_encoder, ("htsat",), "semantic_config"),
        (shape.text_encoder, ("pretrained", "roberta"), "text_config"),
    ):
        if encoder in needs and getattr(shape, key) is None:
            raise ModelUnreadable(f"{file}: no {key}, and a saved model may not take it from another place")
    return ElsaConfig(**shape.as_dict())


def save_model(model: ElsaModel, folder: Path) -> None:
    """Writes config.json and model.safetensors into a folder, which is created."""
    with quiet():
        model.save_pretrained(folder)
    # safetensors makes its file readable by its owner only; a run is shared like any other file.
    shutil.copymode(folder / MODEL_CONFIG, folder / MODEL_WEIGHTS)
