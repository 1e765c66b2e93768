"""The commands as a user types them: exit codes, one line on standard error, and help without PyTorch."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from model.commands.embed import embed
from model.commands.evaluate import evaluate
from model.commands.train import train

ROOT = Path(__file__).parents[3]


def run(*words: object) -> int:
    parser = argparse.ArgumentParser(prog="elsa")
    subparsers = parser.add_subparsers(required=True)
    for entry in (train, evaluate, embed):
        sub = subparsers.add_parser(entry.name, help=entry.help)
        entry.configure(sub)
        sub.set_defaults(run=entry.run)
    arguments = parser.parse_args([str(word) for word in words])
    code = arguments.run(arguments)
    assert isinstance(code, int)
    return code


def refused(capsys, *words: object) -> str:
    """Runs a command that cannot start, and returns its line on standard error."""
    assert run(*words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.slow
def test_train_evaluate_embed(release, tmp_path, capsys):
    folder = tmp_path / "run"
    settings = ["--set", "training.epochs=1", "--set", "training.device=cpu"]
    assert run("train", "elsa-tiny", "--data", release, "--output", folder, *settings) == 0
    assert f"{folder}: epoch 1 kept" in capsys.readouterr().out

    out = tmp_path / "evaluation"
    few = ["--set", "readout_steps=20", "--set", "noise_db=null"]
    assert run("evaluate", folder, "--data", release, "--output", out, "--tasks", "localisation", *few) == 0
    assert "localisation clean branch mean_angle_deg" in capsys.readouterr().out

    # No row of this release has a word of reverberation: a line says so, and the exit code is 1.
    assert run("evaluate", folder, "--data", release, "--output", out, "--tasks", "retrieval,zero_shot") == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "elsa evaluate: retrieval",
        "elsa evaluate: zero_shot",
        "zero_shot reverberation: not scored, no row has a word",
    ]
    assert captured.out.splitlines()[-1] == f"{out / 'index.html'}: 8 rows"

    flac = next((release / "test").glob("*/*.flac"))
    assert run("embed", folder, "--audio", flac, "--text", "a hum on the left", "rain") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["kind"], row["name"]) for row in rows] == [
        ("audio", str(flac)),
        ("text", "a hum on the left"),
        ("text", "rain"),
    ]
    np.testing.assert_allclose([np.linalg.norm(row["embedding"]) for row in rows], 1, atol=1e-5)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_embed_writes_files_and_names_a_sound_that_cannot_be_read(trained_run, tmp_path, capsys, suffix):
    good, bad = tmp_path / "mono.wav", tmp_path / "bad.wav"
    generator = np.random.Generator(np.random.Philox(key=0))
    # One channel, another rate, as long as two and a half clips.
    soundfile.write(good, 0.1 * generator.standard_normal(round(2.5 * 22050)), 22050)
    bad.write_bytes(b"no sound")
    output = tmp_path / f"out.{suffix}"
    assert run("embed", trained_run, "--audio", bad, good, "--output", output) == 1
    assert capsys.readouterr().err.startswith(f"elsa embed: {bad}: cannot be decoded")
    if suffix == "parquet":
        rows = pq.read_table(output).to_pylist()
    else:
        rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["name"] for row in rows] == [str(good)]
    assert np.linalg.norm(rows[0]["embedding"]) == pytest.approx(1, abs=1e-5)


def test_a_command_that_cannot_start_prints_one_line(release, trained_run, tmp_path, capsys):
    data = ["--data", release, "--output", tmp_path / "out"]
    assert "elsa-huge: no such configuration" in refused(capsys, "train", "elsa-huge", *data)
    assert "training.speed" in refused(capsys, "train", "elsa-tiny", *data, "--set", "training.speed=1")
    nowhere = ["--data", tmp_path / "nowhere", "--output", tmp_path / "out"]
    assert "nowhere: no such release" in refused(capsys, "train", "elsa-tiny", *nowhere)
    mine = ["--data", release, "--output", release]
    assert "not an empty folder" in refused(capsys, "train", "elsa-tiny", *mine)
    other = ["--data", release, "--output", trained_run]
    assert "a run of another configuration" in refused(capsys, "train", "elsa-tiny", *other)
    assert "unknown task singing" in refused(capsys, "evaluate", trained_run, *data, "--tasks", "singing")
    assert "no config.json, so no model" in refused(capsys, "evaluate", tmp_path, *data)
    assert "unknown key noise; did you mean noise_db?" in refused(
        capsys, "evaluate", trained_run, *data, "--set", "noise=5"
    )
    assert "nowhere: no metrics.json" in refused(
        capsys, "evaluate", trained_run, *data, "--beside", tmp_path / "nowhere"
    )
    assert "nothing to embed" in refused(capsys, "embed", trained_run)
    assert ".parquet or .jsonl" in refused(capsys, "embed", trained_run, "--text", "x", "--output", "out.npy")
    assert "no such folder" in refused(
        capsys, "embed", trained_run, "--text", "x", "--output", tmp_path / "no" / "out.jsonl"
    )
    assert not (tmp_path / "out").exists()


def test_a_broken_flac_during_training_is_one_line_and_exit_1(make_release, tmp_path, capsys):
    folder = make_release(tmp_path / "r", rows={"train": 2, "validation": 2})
    file = next((folder / "train").glob("*/0000.flac"))
    file.write_bytes(b"not sound")
    settings = ["--set", "training.device=cpu"]
    assert run("train", "elsa-tiny", "--data", folder, "--output", tmp_path / "run", *settings) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"elsa train: {file}: cannot be decoded")


def test_help_has_an_example_and_needs_no_pytorch():
    code = """
import argparse, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from model.commands.embed import embed
from model.commands.evaluate import evaluate
from model.commands.train import train
for entry in (train, evaluate, embed):
    parser = argparse.ArgumentParser(prog=f"elsa {entry.name}")
    entry.configure(parser)
    assert f"example:\\n  elsa {entry.name} " in parser.format_help()
parser = argparse.ArgumentParser()
train.configure(parser)
sys.exit(train.run(parser.parse_args(["elsa-tiny", "--data", "a", "--output", "b"])))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(
        "elsa train: torch, transformers are not installed; run make model, or pip install -e"
    )


def test_a_typing_error_is_answered_without_importing_pytorch(release, trained_run, tmp_path):
    """Every command line is refused on one line; PyTorch and transformers take seconds to import."""
    data, output = ["--data", str(release)], ["--output", str(tmp_path / "out")]
    lines = [
        (["train", "elsa-smal", *data, *output], "elsa-smal: no such configuration"),
        (["train", "elsa-small", "--data", "nowhere", *output], "nowhere: no such release"),
        (["train", "elsa-small", *data, *output, "--set", "training.epoch=1"], "did you mean epochs?"),
        (["train", "elsa-small", *data, *output, "--set", "model.spatial_branch=papr"], "spatial_branch is 'papr'"),
        (["train", "elsa-small", *data, *output, "--init-from", "nowhere"], "nowhere: no such folder"),
        (["evaluate", "nowhere", *data, *output], "nowhere: no such folder"),
        (["evaluate", str(trained_run), *data, *output, "--tasks", "zeroshot"], "did you mean zero_shot?"),
        (["evaluate", str(trained_run), *data, *output, "--set", "cluster_row=1"], "did you mean cluster_rows?"),
        (["evaluate", str(trained_run), "--data", "nowhere", *output], "nowhere: no such release"),
        (["evaluate", str(trained_run), *data, *output, "--beside", "nowhere"], "nowhere: no metrics.json"),
        (["embed", "nowhere", "--text", "rain"], "nowhere: no such folder"),
    ]
    code = f"""
import argparse, sys
from model.commands.embed import embed
from model.commands.evaluate import evaluate
from model.commands.train import train
for words, _ in {lines!r}:
    command = dict(train=train, evaluate=evaluate, embed=embed)[words[0]]
    parser = argparse.ArgumentParser()
    command.configure(parser)
    assert command.run(parser.parse_args(words[1:])) == 2, words
    assert not {{"torch", "transformers", "apache_beam"}} & set(sys.modules), words
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    printed = done.stderr.splitlines()
    assert len(printed) == len(lines)
    for text, (words, expected) in zip(printed, lines, strict=True):
        assert text.startswith(f"elsa {words[0]}: ")
        assert expected in text


@pytest.mark.slow
def test_embed_prints_nothing_but_its_rows(trained_run):
    code = f"""
import argparse
from model.commands.embed import embed
parser = argparse.ArgumentParser()
embed.configure(parser)
raise SystemExit(embed.run(parser.parse_args([{str(trained_run)!r}, "--text", "rain"])))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{]"),
        ("config.json", b"[1]"),
        ("config.json", b"\xff"),
        ("config.json", b'{"model_type": "bert"}'),
        ("config.json", b'{"model_type": "elsa", "n_fft": "wide"}'),
        ("config.json", b'{"model_type": "elsa", "text_config": [1]}'),
        ("config.json", b'{"model_type": "elsa", "text_encoder": "pretrained", "text_config": {"model_type": 3}}'),
        ("config.json", b"[" * 100_000),
        ("model.safetensors", b"{]"),
        ("model.safetensors", b""),
    ],
)
def test_a_broken_model_is_one_line(trained_run, tmp_path, capsys, name, content):
    for file in ("config.json", "model.safetensors", "hashing_tokenizer.json"):
        (tmp_path / file).write_bytes((trained_run / file).read_bytes())
    (tmp_path / name).write_bytes(content)
    assert str(tmp_path) in refused(capsys, "embed", tmp_path, "--text", "rain")
