"""Calls a function in a process of its own, for libraries that a damaged file may crash."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Result = TypeVar("Result")


class ProcessCrashed(RuntimeError):
    """The process ended before the function returned."""


def call_in_own_process(function: Callable[..., Result], *arguments: object, most_cpu_s: int | None = None) -> Result:
    """Calls a function in a new process, which ends with it.

    Args:
        function: a function at the top of a module.
        arguments: its arguments; they and the result are pickled.
        most_cpu_s: the CPU time after which the process is ended, in seconds; None for no limit.

    Raises:
        ProcessCrashed: the process crashed, or took more time.
        Exception: what the function raises.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_limit, initargs=(most_cpu_s,)) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise ProcessCrashed("the process ended early") from error


def _limit(most_cpu_s: int | None) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if most_cpu_s is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (most_cpu_s, most_cpu_s))
