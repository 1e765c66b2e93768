"""Reads the header of a safetensors file, and checks it before a byte of a tensor is read."""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any

from model.documents import DocumentRefused, parse_json

#: Most bytes of a header. That of elsa-base has 60 kB; a checkpoint has also the history of its run.
MOST_HEADER_BYTES = 16_000_000
#: Most bytes of all tensors: one billion weights of four bytes, and for a checkpoint the state of an optimiser.
MOST_TENSOR_BYTES = 12_000_000_000
_SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_SIZES |= {"I8": 1, "U8": 1, "BOOL": 1}
_LENGTH = struct.Struct("<Q")


class WeightsRefused(ValueError):
    """A safetensors file whose header is broken, or does not match its size."""


@dataclass(frozen=True)
class Header:
    """The header of a safetensors file.

    Attributes:
        tensors: type, such as F32, and shape of each tensor by its name.
        metadata: texts by their names.
    """

    tensors: dict[str, tuple[str, tuple[int, ...]]]
    metadata: dict[str, str]


def read_header(file: BufferedIOBase) -> Header:
    """Reads the header of an open file. The tensors that it names fill the rest of the file exactly.

    Raises:
        WeightsRefused: they do not, or the header is too large or broken.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(_LENGTH.size)
    length = _LENGTH.unpack(start)[0] if len(start) == _LENGTH.size else -1
    if not 2 <= length <= min(MOST_HEADER_BYTES, size - _LENGTH.size):
        raise WeightsRefused("not a safetensors file, or one with a header that is too large")
    if size > MOST_TENSOR_BYTES:
        raise WeightsRefused(f"larger than {MOST_TENSOR_BYTES:,} bytes")
    try:
        content: Any = parse_json(file.read(length))
        metadata = content.pop("__metadata__", {})
        tensors = {name: (tensor["dtype"], _shape(tensor)) for name, tensor in content.items()}
        filled = sum(end - begin for begin, end in (tensor["data_offsets"] for tensor in content.values()))
    except DocumentRefused as error:
        raise WeightsRefused(f"a header that is {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise WeightsRefused("a header that is broken") from None
    if filled != size - _LENGTH.size - length:
        raise WeightsRefused(f"{filled:,} bytes of tensors in the header, and others in the file")
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsRefused("a header that is broken")
    return Header(tensors, metadata)


def _shape(tensor: Any) -> tuple[int, ...]:
    """The shape of a tensor, whose bytes are as many as its shape and type say."""
    shape, (begin, end) = tensor["shape"], tensor["data_offsets"]
    if not all(isinstance(number, int) and number >= 0 for number in (*shape, begin, end)) or len(shape) > 8:
        raise ValueError
    if math.prod(shape) * _SIZES[tensor["dtype"]] != end - begin:
        raise ValueError
    return tuple(shape)
