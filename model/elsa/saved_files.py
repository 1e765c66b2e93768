"""Reads the files of a saved model, which may come from a stranger: config.json and model.safetensors."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from model.configuration.elsa_config import ElsaConfig
from model.configuration.shape import SHAPE_FIELDS, check_shape
from model.documents import MOST_JSON_BYTES, DocumentRefused, parse_json
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


@contextmanager
def unloadable_as_refused(folder: Path) -> Iterator[None]:
    """Turns whatever keeps a model from being loaded into a ModelUnreadable, which is one line."""
    try:
        yield
    except ModelUnreadable:
        raise
    # The files may hold anything, and transformers raises many kinds of errors for them.
    except _LOADING_ERRORS as error:
        raise ModelUnreadable(f"{folder}: not a model that can be loaded: {one_line(error)}") from None


@contextmanager
def folder_of(source: Path | str, files: Sequence[str]) -> Iterator[Path]:
    """The folder of a saved model. For a name on a hub, it is a copy of its files, as the hub's cache holds links."""
    if Path(source).is_dir():
        yield Path(source)
        return
    from huggingface_hub import snapshot_download

    with tempfile.TemporaryDirectory() as copied:
        cached = Path(snapshot_download(str(source), allow_patterns=list(files)))
        for file in files:
            if (cached / file).is_file():
                shutil.copy(cached / file, copied)
        yield Path(copied)


def read_saved(folder: Path, network: Callable[[ElsaConfig], nn.Module]) -> tuple[ElsaConfig, dict[str, Tensor]]:
    """The shape and the tensors of a saved model. They are compared before memory is allocated.

    Args:
        folder: the folder of the model.
        network: makes the network of a shape.

    Raises:
        ModelUnreadable: the folder holds no model, or a broken one.
    """
    check_model(folder)
    config = _read_config(folder)
    with unloadable_as_refused(folder), open_file(folder, MODEL_WEIGHTS) as file, quiet():
        header = read_header(file)
        with torch.device("meta"):
            expected = network(config).state_dict()
        if header.tensors != {name: (_DTYPES[tensor.dtype], tuple(tensor.shape)) for name, tensor in expected.items()}:
            raise ModelUnreadable(f"{folder}: {MODEL_WEIGHTS} does not hold the model of {MODEL_CONFIG}")
        return config, load_file(descriptor_path(file))


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
