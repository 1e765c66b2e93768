"""Seeds depend on what is named and on nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from transforms.seeds import derive_seed, keyed_generator


def test_parts_are_told_apart() -> None:
    seeds = [derive_seed(1, "ab", "c"), derive_seed(1, "a", "bc"), derive_seed("1", "ab", "c"), derive_seed(1, "abc")]
    assert len(set(seeds)) == 4


def test_floats_and_booleans_are_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        derive_seed(1, 0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bool"):
        derive_seed(True)


def test_another_process_derives_the_same_seed_and_the_same_draws() -> None:
    code = "from transforms.seeds import *; "
    code += "print(derive_seed(7, 'row', 'é'), keyed_generator(7, 'row').random(3).tolist())"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1")
    }
    assert printed == {f"{derive_seed(7, 'row', 'é')} {keyed_generator(7, 'row').random(3).tolist()}\n"}
