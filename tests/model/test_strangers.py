"""Releases, runs and evaluations of strangers are read, or refused in one line, and nothing outside is touched.

The cases are drawn by a seed. ``python -m tests.benchmarks.hostile_runs`` drives the commands over many more of them.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from transformers import AutoModel

from model.configuration.run_configuration import read_sections
from model.data import ReleaseDataset, read_foa
from model.data.sound import LONGEST_S
from model.data.tables import read_shards
from model.elsa import ElsaModel, Embedder, load_model
from model.errors import ConfigurationError, ModelUnreadable, ReleaseUnreadable, RunRefused, SoundUnreadable, one_line
from model.evaluation.page import read_metrics, write_page
from model.runs.checkpoints import load_progress
from model.runs.history import read_history
from model.runs.record import read_record
from tests.model.hostile_files import HUB, SECRET, make_honest, make_strangers

REFUSALS = (ConfigurationError, ModelUnreadable, ReleaseUnreadable, RunRefused)
#: Seconds of CPU that reading a case may take.
MOST_S = 5.0


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest") / "all"
    make_honest(folder)
    return folder


@pytest.fixture
def case(honest, tmp_path):
    """A copy of the honest folders, to be changed."""
    import shutil

    return Path(shutil.copytree(honest, tmp_path / "case"))


@pytest.fixture
def no_connection():
    """Connections fail while a test runs. A hook stays for ever, so it is switched off."""
    watching = [True]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("socket.connect", "socket.getaddrinfo"):
            raise AssertionError(f"{event} {arguments}")

    sys.addaudithook(watch)
    yield
    watching.clear()


def read_release(release: Path) -> None:
    for split in ("train", "validation", "test"):
        dataset = ReleaseDataset([release], split, sample_rate=16000, clip_s=0.2)
        for row in range(len(dataset)):
            _ = dataset[row].audio


@pytest.mark.usefixtures("no_connection")
def test_drawn_cases_are_read_or_refused_in_one_line(honest, tmp_path):
    for seed in range(40):
        case = make_strangers(seed, honest, tmp_path / str(seed))
        before = {path.name: path.read_bytes() for path in case.outside.iterdir()}
        started = time.process_time()
        for read, folder in (
            (read_release, case.release),
            (Embedder.from_run, case.run),
            (read_record, case.release.parent / "unfinished"),
            (read_history, case.release.parent / "unfinished"),
            (load_progress, case.release.parent / "unfinished"),
            (write_page, case.evaluation),
        ):
            if case.part not in str(folder):
                continue
            try:
                read(folder)
            except REFUSALS as error:
                text = one_line(error)
                assert text.isprintable(), case.change
                assert SECRET not in text, case.change
        assert time.process_time() - started < MOST_S, case.change
        assert {path.name: path.read_bytes() for path in case.outside.iterdir()} == before, case.change


def change_table(release: Path, split: str, **columns: Any) -> Path:
    file = next(release.glob(f"{split}/*/metadata.parquet"))
    table = pq.read_table(file)
    for name, values in columns.items():
        table = table.set_column(
            table.column_names.index(name), name, values if isinstance(values, pa.Array) else [values]
        )
    pq.write_table(table, file)
    return file


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"file_name": pa.array(["x" * 30_000] * 2)}, "a text of 30,000 bytes"),
        ({"captions": pa.array([[None] * 5_000_000] * 2, pa.list_(pa.string()))}, "too many for the size of the file"),
        ({"captions": pa.array([["y" * 15_000] * 1000] * 2)}, r"its rows have more than .* bytes"),
        ({"duration_s": pa.array([1e12] * 2)}, "row 0: duration_s is 1000000000000.0"),
        ({"sample_rate": pa.array([2**40] * 2)}, f"row 0: sample_rate is {2**40}"),
        ({"distance_m": pa.array([1.0, -1.0])}, "row 1: distance_m is -1.0"),
        ({"floor_area_m2": pa.array([0.0, np.inf])}, "row 0: floor_area_m2 is 0.0"),
        ({"captions": pa.array([{"a": 1}] * 2)}, "column captions is struct"),
    ],
)
def test_a_table_that_asks_for_too_much_is_refused(case, columns, named):
    change_table(case / "release", "test", **columns)
    with pytest.raises(ReleaseUnreadable, match=named) as caught:
        list(read_shards(case / "release", "test"))
    assert "metadata.parquet" in str(caught.value)


def test_rows_without_values_are_refused_before_they_are_read(case):
    file = next(case.glob("release/test/*/metadata.parquet"))
    schema = pq.read_schema(file)
    pq.write_table(pa.table({field.name: pa.nulls(600_000, field.type) for field in schema}), file)
    started = time.process_time()
    with pytest.raises(ReleaseUnreadable, match=r"600,000 rows; by release.json it has at most 2"):
        list(read_shards(case / "release", "test"))
    (case / "release" / "release.json").unlink()
    with pytest.raises(ReleaseUnreadable, match=r"600,000 rows with .* values are too many for the size of the file"):
        list(read_shards(case / "release", "test"))
    assert time.process_time() - started < 1


def test_two_columns_of_a_name_are_refused(case):
    file = next(case.glob("release/test/*/metadata.parquet"))
    table = pq.read_table(file)
    pq.write_table(table.append_column("id", table.column("id")), file)
    with pytest.raises(ReleaseUnreadable, match=r"metadata\.parquet: two columns id"):
        list(read_shards(case / "release", "test"))


def test_text_that_is_not_utf_8_is_refused(case):
    bytes_of = pa.py_buffer(b"\xff\xfe")
    text = pa.Array.from_buffers(pa.string(), 1, [None, pa.array([0, 2], pa.int32()).buffers()[1], bytes_of])
    change_table(case / "release", "test", id=pa.concat_arrays([text] * 2))
    with pytest.raises(ReleaseUnreadable, match=r"metadata\.parquet: cannot be read: .*UTF8"):
        list(read_shards(case / "release", "test"))


def test_footers_of_gigabytes_are_not_read(case):
    file = next(case.glob("release/test/*/metadata.parquet"))
    file.write_bytes(file.read_bytes()[:-8] + struct.pack("<I", 2**31) + b"PAR1")
    with pytest.raises(ReleaseUnreadable, match="metadata of more than"):
        list(read_shards(case / "release", "test"))


@pytest.mark.parametrize(
    "content", ["[]", '{"counts": 3}', '{"counts": {"rows_by_split": {"test": "4"}}}', "{", "[" * 9999]
)
def test_a_release_json_of_other_types_is_one_line(case, content):
    (case / "release" / "release.json").write_text(content)
    with pytest.raises(ReleaseUnreadable, match=r"release\.json: "):
        list(read_shards(case / "release", "test"))


def test_a_flac_that_states_another_length_than_its_row_is_not_decoded(case):
    """A header of 2³⁶ frames, and minutes of silence in some kilobytes."""
    dataset = ReleaseDataset([case / "release"], "test", sample_rate=16000, clip_s=0.2)
    stated, silent = dataset.path(0), dataset.path(1)
    content = bytearray(stated.read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    stated.write_bytes(content)
    soundfile.write(silent, np.zeros((16000 * 60, 4), np.int16), 16000)
    for row, seconds in ((0, "4.29497e"), (1, "60 s")):
        with pytest.raises(SoundUnreadable, match=rf"{seconds}.* of sound, its row says 0\.4"):
            dataset[row]


def test_hours_of_silence_are_not_embedded(tmp_path):
    file = tmp_path / "long.flac"
    with soundfile.SoundFile(file, "w", 1000, 1, subtype="PCM_16") as out:
        out.write(np.zeros(int(1000 * LONGEST_S) + 1, np.int16))
    with pytest.raises(SoundUnreadable, match="600 s of sound, more than the 600 s"):
        read_foa(file, sample_rate=16000)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_sound_that_is_a_pipe_or_a_device_is_refused(case, kind):
    dataset = ReleaseDataset([case / "release"], "test", sample_rate=16000, clip_s=0.2)
    path = dataset.path(0)
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(SoundUnreadable, match=r"not a regular file|a link"):
        dataset[0]
    with pytest.raises(SoundUnreadable, match="not a regular file"):
        read_foa(path, sample_rate=16000)


def change_config(run: Path, **values: Any) -> Path:
    file = run / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    return run


BERT = {"model_type": "bert", "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"semantic_size": 10**9}, "semantic_size is 1000000000, outside"),
        ({"clip_s": 1e9}, "clip_s is 1000000000.0, outside"),
        ({"hop": 1, "clip_s": 100, "n_fft": 65536}, "hop is 1: .* cells"),
        ({"sample_rate": 47_999}, "sample_rate is 47999, which has no simple ratio"),
        ({"semantic_channels": [8] * 100_000}, "semantic_channels has 100000 widths"),
        ({"semantic_channels": [10**9]}, "with a width outside"),
        ({"temperature": 0.0}, "temperature is 0.0, outside"),
        ({"embedding_size": 10**400}, "more than 40 digits"),
        ({"embedding_size": 64}, "does not hold the model of"),
        ({"text_encoder": "roberta", "text_source": HUB, "text_config": None}, "no text_config"),
        ({"text_encoder": "pretrained", "text_source": "/etc", "text_config": None}, "no text_config"),
        ({"semantic_encoder": "htsat", "semantic_source": HUB, "semantic_config": None}, "no semantic_config"),
        (
            {"text_encoder": "pretrained", "text_source": "x", "text_config": {**BERT, "num_hidden_layers": 10**6}},
            "num_hidden_layers is 1000000, outside",
        ),
        (
            {"text_encoder": "pretrained", "text_source": "x", "text_config": {"model_type": "detr"}},
            "model_type is 'detr', not one of",
        ),
        ({"semantic_encoder": "htsat", "semantic_config": {"depths": [10**6]}}, "depths is 1000000, outside"),
    ],
)
def test_a_configuration_that_asks_for_too_much_or_names_a_source_is_refused(case, values, named):
    started = time.process_time()
    with pytest.raises(ModelUnreadable, match=named):
        load_model(change_config(case / "run", **values))
    assert time.process_time() - started < 2


def test_keys_with_which_transformers_would_run_code_are_ignored(case):
    honest = load_model(case / "run")
    foreign = {"auto_map": {"AutoModel": f"{HUB}--a.B"}, "_attn_implementation": HUB, "transformers_weights": "../x"}
    foreign["quantization_config"] = {"quant_method": "bitsandbytes"}
    (case / "run" / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": HUB}))
    again = load_model(change_config(case / "run", **foreign))
    assert all(
        np.array_equal(a, b) for a, b in zip(honest.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_the_way_of_transformers_reads_no_link_and_runs_no_code(case, tmp_path):
    run = change_config(case / "run", auto_map={"AutoModel": f"{HUB}--a.B"}, text_source=HUB)
    honest = load_model(run).state_dict()
    for loaded in (ElsaModel.from_pretrained(run), AutoModel.from_pretrained(run, trust_remote_code=False)):
        assert all(np.array_equal(honest[name], tensor) for name, tensor in loaded.state_dict().items())
    (run / "model.safetensors").rename(tmp_path / "secret")
    (run / "model.safetensors").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelUnreadable, match="not a regular file"):
        ElsaModel.from_pretrained(run)


def test_weights_that_are_empty_but_for_their_length_fill_no_memory(case):
    file = case / "run" / "model.safetensors"
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    size = 11 << 30
    header["more"] = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    text = json.dumps(header).encode()
    with file.open("wb") as sparse:
        sparse.write(struct.pack("<Q", len(text)) + text)
        sparse.truncate(size + len(content) + len(text) - length)
    started = time.process_time()
    with pytest.raises(ModelUnreadable, match=r"does not hold the model of config.json"):
        load_model(case / "run")
    assert time.process_time() - started < MOST_S


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda header: header.popitem(), "bytes of tensors in the header"),
        (lambda header: next(iter(header.values())).update(shape=[2**62, 2**62]), "a header that is broken"),
        (lambda header: next(iter(header.values())).update(shape=[-1, -1]), "a header that is broken"),
        (lambda header: next(iter(header.values())).update(data_offsets=None), "a header that is broken"),
        (lambda header: next(iter(header.values())).update(dtype=3), "a header that is broken"),
        (lambda header: header.update(more={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}), "does not hold"),
    ],
)
def test_a_header_of_weights_that_lies_is_refused(case, change, named):
    file = case / "run" / "model.safetensors"
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    change(header)
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    with pytest.raises(ModelUnreadable, match=named):
        load_model(case / "run")


def test_a_header_longer_than_its_file_is_refused(case):
    (case / "run" / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(ModelUnreadable, match="a header that is too large"):
        load_model(case / "run")


def test_weights_that_are_not_finite_are_no_model_that_works(case):
    file = case / "run" / "model.safetensors"
    content = bytearray(file.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    content[8 + length :] = b"\xff" * (len(content) - 8 - length)
    file.write_bytes(content)
    with pytest.raises(ModelUnreadable, match="not a model that works: its embeddings are not finite"):
        Embedder.from_run(case / "run")


def test_the_configuration_of_a_run_names_no_source_by_itself(case):
    run = case / "unfinished"
    (run / "configuration.yaml").write_text(f"model: {{text_encoder: roberta, text_source: {HUB}}}\n")
    with pytest.raises(ConfigurationError, match=rf"text_source is '{HUB}'.*add --set model.text_source={HUB}"):
        read_sections(run / "configuration.yaml")
    assert read_sections(run / "configuration.yaml", [f"model.text_source={HUB}"]).shape.text_source == HUB
    (run / "run.json").unlink()
    assert read_sections(run / "configuration.yaml").shape.text_source == HUB


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epoch", -1),
        ("epoch", "1"),
        ("phase", 3),
        ("best", ["a"]),
        ("best_epoch", 7),
        ("history", [{}]),
        ("history", 1),
    ],
)
def test_the_progress_of_a_checkpoint_of_other_types_is_one_line(case, key, value):
    file = case / "unfinished" / "checkpoint.safetensors"
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    progress = json.loads(header["__metadata__"]["progress"]) | {key: value}
    header["__metadata__"]["progress"] = json.dumps(progress)
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    with pytest.raises(RunRefused, match="not a checkpoint of a training"):
        load_progress(case / "unfinished")


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 10**400},
        {"name": "\ud800"},
        {"tasks": {"zero_shot": {"a": {"value": 1e400, "n": 3, "interval_95": [0, 1]}}}},
        {"tasks": {"zero_shot": {"a": {"value": 1, "n": 3, "interval_95": [0, "x"]}}}},
        {"tasks": []},
        {"run": 3},
    ],
)
def test_metrics_of_other_types_are_one_line(case, change):
    file = case / "evaluation" / "metrics.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ConfigurationError, match=r"metrics\.json"):
        read_metrics(case / "evaluation")


def test_a_page_shows_no_figure_that_is_a_link(case):
    (case / "notes").write_text(SECRET)
    figure = case / "evaluation" / "zero_shot.png"
    figure.unlink()
    figure.symlink_to(case / "notes")
    page = write_page(case / "evaluation").read_text()
    assert "data:image/png" not in page


def test_what_would_change_a_terminal_is_printed_as_an_escape():
    assert one_line("a\x1b[31m\x07\u202eb\u200b \x85c\ud800") == "a\\x1b[31m\\x07\\u202eb\\u200b c\\ud800"
    assert one_line("Möwe – 海 💥") == "Möwe – 海 💥"
    assert len(one_line("x" * 10**6)) < 1100
