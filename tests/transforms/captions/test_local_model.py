"""The model on this machine: which files it takes, and that an answer depends on its question alone."""

from __future__ import annotations

import os
import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transforms.captions import local_model
from transforms.captions.local_model import (
    SMOLLM,
    LocalModel,
    ModelError,
    QuestionTooLong,
    Written,
    model_name,
    weights_path,
    weights_problem,
)
from transforms.captions.writers import writer_unavailable_reason

TEMPLATE_KEY = struct.pack("<Q", 23) + b"tokenizer.chat_template" + struct.pack("<I", 8)


def chat(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": "A dog barks"}, {"role": "assistant", "content": "On the left, a dog barks."},
            {"role": "user", "content": text}]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is no GGUF file"),
        (b"PK\x03\x04 a zip", "is no GGUF file"),
        (b"GGUF" + bytes(100), "has no chat template"),
        (b"GGUF" + bytes(100) + TEMPLATE_KEY, None),
    ],
)
def test_a_file_that_is_no_model_of_instructions_is_named(data: bytes, problem: str | None, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    found = weights_problem(str(path))
    assert (found is None) == (problem is None)
    assert problem is None or str(found).startswith(f"{path} {problem}")


def test_a_path_without_a_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in ((tmp_path / "absent", "No such file"), (tmp_path, "is no file"), (tmp_path / "pipe", "is no")):
        found = weights_problem(str(path))
        assert found is not None
        assert str(path) in found
        assert reason in found


def test_a_long_path_of_the_release_keeps_no_model_from_being_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a build temporary files are in the release, and the path of a socket has about 100 bytes: no model was loaded.
    long = tmp_path / ("a" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with local_model._folder_for_socket() as folder:
        assert Path(folder).parent == Path("/tmp")
        assert os.stat(folder).st_mode & 0o777 == 0o700
    assert not Path(folder).exists()
    assert list(long.iterdir()) == []
    monkeypatch.setattr(local_model, "_OTHER_TEMPORARY_FOLDERS", (str(tmp_path / "absent"),))
    with pytest.raises(ModelError, match="no folder for temporary files takes a socket"):
        local_model._folder_for_socket().__enter__()


def test_a_model_is_named_by_its_file_and_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.gguf"
    path.write_bytes(b"one")
    first = model_name(str(path))
    assert first == "big.gguf@7692c3ad3540"
    monkeypatch.setattr(local_model.hashlib, "file_digest", None)
    assert model_name(str(path)) == first, "a file is hashed once"
    monkeypatch.undo()
    path.write_bytes(b"two!")
    assert model_name(str(path)) != first
    assert model_name(None) == SMOLLM
    with pytest.raises(ModelError, match="absent cannot be read: No such file"):
        model_name(str(tmp_path / "absent"))


def test_an_answer_that_begins_with_an_empty_line_is_asked_for_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    model = object.__new__(LocalModel)
    model._lock, model._last = local_model.threading.Lock(), None
    monkeypatch.setattr(
        model, "_ask", lambda chat, stop=None, **_: ("", 5, 1) if stop else ("A dog barks.\nIndeed.", 5, 9)
    )
    assert model.answer(chat("rain"), 1, temperature=0.0, max_tokens=20) == ("A dog barks.", 5, 9)


@pytest.fixture(scope="module")
def smollm() -> LocalModel:
    reason = writer_unavailable_reason("local")
    if reason:
        pytest.skip(reason)
    return LocalModel(weights_path(None))


def _answers(model: LocalModel, texts: list[str]) -> dict[str, Written]:
    return {text: model.answer(chat(text), len(text), temperature=1.5, max_tokens=12) for text in texts}


@pytest.mark.slow
def test_an_answer_depends_on_nothing_but_its_question(smollm: LocalModel, capfd: pytest.CaptureFixture[str]) -> None:
    texts = ["Rain falls", "Rain falls on a tin roof", "A man talks", "Birds chirp as a door slams"]
    found = _answers(smollm, texts)
    assert _answers(smollm, texts[::-1]) == found
    # The same question twice in a row leaves one token to compute, if nothing is asked in between.
    assert [_answers(smollm, texts[:1]) for _ in range(2)] == [{texts[0]: found[texts[0]]}] * 2
    with ThreadPoolExecutor(3) as threads:
        assert dict(zip(texts, threads.map(lambda text: _answers(smollm, [text])[text], texts), strict=True)) == found
    alone = LocalModel(smollm.path, threads=2)
    assert _answers(alone, texts[2:3]) == {texts[2]: found[texts[2]]}
    alone.close()
    assert len({text for text, _, _ in found.values()}) == len(texts)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_an_answer_goes_on_from_its_start(smollm: LocalModel) -> None:
    start = [*chat("Rain falls"), {"role": "assistant", "content": "Far off, on the right, rain"}]
    asked = [smollm.answer(start, 1, temperature=0.0, max_tokens=12) for _ in range(2)]
    assert asked[0][0].startswith("Far off, on the right, rain ")
    assert asked[0] == asked[1]


@pytest.mark.slow
def test_answers_differ_by_seed_and_end_with_the_line(smollm: LocalModel) -> None:
    drawn = [smollm.answer(chat("Rain falls"), seed, temperature=1.5, max_tokens=24)[0] for seed in (1, 2**40 + 1, 3)]
    assert len(set(drawn)) == 3
    assert not any("\n" in text for text in drawn)
    _, prompt, completion = smollm.answer(chat("a\ud800b"), 2**32 - 1, temperature=0.0, max_tokens=4)
    assert (prompt > 20, completion) == (True, 4)


@pytest.mark.slow
def test_weights_that_llama_cpp_cannot_use_are_one_line(
    smollm: LocalModel, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = Path(smollm.path).read_bytes()
    path = tmp_path / "m.gguf"
    path.write_bytes(data[:20_000_000])
    with pytest.raises(ModelError, match=r"m\.gguf cannot be loaded: it is truncated or damaged.*xllamacpp 20\d\d"):
        LocalModel(str(path))
    # A model that was trained for 32 tokens.
    key = b"llama.context_length" + struct.pack("<I", 4)
    path.write_bytes(data.replace(key + struct.pack("<I", 8192), key + struct.pack("<I", 32)))
    small = LocalModel(str(path))
    with pytest.raises(QuestionTooLong, match="exceeds the available context size"):
        small.answer(chat("Rain falls"), 0, temperature=0.0, max_tokens=4)
    small.close()
    # A template that takes no such chat.
    start = data.index(TEMPLATE_KEY) + len(TEMPLATE_KEY)
    (length,) = struct.unpack("<Q", data[start : start + 8])
    template = b"{{ raise_exception('no such role') }}".ljust(length)
    path.write_bytes(data[: start + 8] + template + data[start + 8 + length :])
    with pytest.raises(ModelError) as caught:
        LocalModel(str(path)).answer(chat("Rain falls"), 0, temperature=0.0, max_tokens=4)
    assert "\n" not in str(caught.value)
    assert "m.gguf" in str(caught.value)
    assert capfd.readouterr() == ("", "")
