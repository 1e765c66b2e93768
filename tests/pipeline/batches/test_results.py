"""Files of requests and results may come from anybody: what is none is skipped or refused, and none fills memory."""

from __future__ import annotations

import io
import json
from pathlib import Path
from unittest import mock

import pytest

from pipeline.batches.answers import read_results
from pipeline.batches.folder import BatchError
from pipeline.batches.provider import submit
from transforms.bounds import Refused


def test_what_is_no_result_is_skipped() -> None:
    body = {"choices": [{"message": {"content": "A dog barks."}, "finish_reason": "stop"}]}
    good = json.dumps({"custom_id": "a", "response": {"status_code": 200, "body": body}}).encode()
    lines = [b"", b"null", b"[" * 9_000, b"\xff\xfe", good]
    assert [digest for digest, _ in read_results(io.BytesIO(b"\n".join(lines)))] == ["a"]


def test_a_line_that_is_longer_than_any_answer_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "results.jsonl").open("wb+") as file:
        file.truncate(1 << 40)
        with pytest.raises(Refused, match="has a line of more than 4194304 bytes"):
            list(read_results(file))


def test_a_file_of_requests_that_no_export_writes_is_not_sent(tmp_path: Path) -> None:
    name = "requests-00000.jsonl"
    (tmp_path / "export.json").write_text(json.dumps({"files": [name]}))
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 40)
    client = mock.Mock()
    with pytest.raises(BatchError, match="is larger than 200000000 bytes"):
        submit(lambda name: client, tmp_path)
    assert client.mock_calls == []
