"""The budget: never overdrawn, shared by all processes of a machine, and kept over kills."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from transforms.captions.answer_budget import ADMITTED, SPENT, WAIT, Budget, Ledger, Price, Spending
from transforms.records import Reply
from transforms.storage.folder_files import FileIn


def admitted(path: FileIn, count: int) -> int:
    ledger = Ledger(path, max_requests=50)
    return sum(ledger.admit(0.0) == ADMITTED for _ in range(count))


def test_processes_share_a_number_of_requests(tmp_path: Path) -> None:
    path = FileIn(str(tmp_path), "spending.json")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert sum(pool.starmap(admitted, [(path, 40), (path, 40)])) == 50
    assert Ledger(path).read().requests == 50


@pytest.mark.parametrize("shared", [True, False])
def test_a_request_waits_for_what_is_in_flight_and_none_overdraws(tmp_path: Path, shared: bool) -> None:
    ledger = Ledger(FileIn(str(tmp_path), "spending.json") if shared else None, max_cost_usd=1.0)
    assert [ledger.admit(0.4) for _ in range(3)] == [ADMITTED, ADMITTED, WAIT]
    ledger.settle(0.4, 0.1)
    assert ledger.admit(0.4) == ADMITTED
    for usd in (0.4, 0.3):
        ledger.settle(0.4, usd)
    assert ledger.admit(0.4) == SPENT
    assert ledger.admit(0.2) == ADMITTED
    assert ledger.read().usd == pytest.approx(0.8)


def test_what_a_kill_left_in_flight_counts_at_its_most(tmp_path: Path) -> None:
    path = FileIn(str(tmp_path), "spending.json")
    Ledger(path, max_cost_usd=1.0).admit(0.7)
    resumed = Ledger(path, max_cost_usd=1.0)
    resumed.begin(Spending(9, 9.0))
    assert resumed.read() == Spending(1, 0.7, 0.0)
    assert resumed.admit(0.4) == SPENT
    fresh = Ledger(FileIn(str(tmp_path), "other"), max_requests=3)
    fresh.begin(Spending(3, 0.2))
    assert fresh.admit(0.0) == SPENT


def test_a_torn_ledger_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "spending.json").write_text("[1,")
    assert Ledger(FileIn(str(tmp_path), "spending.json")).read() == Spending()


def test_a_budget_knows_the_price() -> None:
    budget = Budget(Ledger(None), Price(prompt=2.0, completion=8.0))
    assert budget.most_usd(1000, 100) == pytest.approx(0.0028)
    assert budget.usd(Reply("x", None, 500, 50), 0.0028) == pytest.approx(0.0014)
    assert budget.usd(Reply("x"), 0.0028) == 0.0028
    assert budget.usd(Reply(error="APIConnectionError"), 0.0028) == 0.0
    assert Budget(Ledger(None)).most_usd(1000, 100) == 0.0
