"""sofar and netCDF4, which are called in a process of their own.

netCDF4 and xllamacpp cannot be imported into one process: each brings its own version of what Cython shares.
"""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any


def write_sofar(path: Path, convention: str, **fields: Any) -> Path:
    """A SOFA file as sofar writes it; a name has an underscore where SOFA has a dot or a colon.

    A field that is None is left out.
    """
    return _process().submit(_write, path, convention, fields).result()


def set_attributes(path: Path, attributes: Mapping[tuple[str, str], Any]) -> None:
    """Sets attributes of variables of a SOFA file by netCDF4, by the variable's name and their own."""
    _process().submit(_set_attributes, path, dict(attributes)).result()


def verify_with_sofar(path: Path) -> None:
    """Reads a SOFA file with sofar, which raises an error if it does not follow its convention."""
    _process().submit(_verify, path).result()


@functools.cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver"))


def _write(path: Path, convention: str, fields: dict[str, Any]) -> Path:
    import sofar

    sofa = sofar.Sofa(convention)
    for name, value in fields.items():
        if value is None:
            sofa.delete(name)
        else:
            setattr(sofa, name, value)
    sofar.write_sofa(str(path), sofa)
    return path


def _set_attributes(path: Path, attributes: dict[tuple[str, str], Any]) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "a") as file:
        for (variable, attribute), value in attributes.items():
            setattr(file[variable], attribute, value)


def _verify(path: Path) -> None:
    import sofar

    sofar.read_sofa(str(path), verify=True, verbose=False)
