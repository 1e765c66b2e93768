"""Builds in processes of this machine: workers that die, a command that is killed, and shards that nobody survives."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.build import build
from pipeline.build.local_runner import End, PipeFailed, WorkersDie, describe_exit, read_end, supervise
from pipeline.check.verify import verify
from pipeline.command import main
from pipeline.dag import Work
from pipeline.errors import last_words
from pipeline.recipe import load_recipe
from tests.commands import (
    LOOPBACK,
    build_words,
    finished_shards,
    listening,
    start_build,
    wait_until,
    without_progress,
)
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import small_folder
from transforms import storage
from transforms.shards import workspace
from transforms.shards.current_work import CurrentWork
from transforms.storage import folder_files

pytestmark = pytest.mark.slow

#: Kills the process that opens deadly.wav, as a decoder's crash or a clip that takes all memory would.
DEADLY = """
import os, signal, sys
def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith("deadly.wav"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""


def workers_once_at_work(output: Path) -> set[int]:
    """The processes that have a shard in hand, once one shard more is finished than there is now."""
    notes = output / ".elsa" / "current-work"
    # What an earlier build's workers left is taken away by the next, and not at once.
    left, done, found = set(notes.glob("*.json")), len(finished_shards(output)), set[int]()

    def at_work() -> bool:
        found.update(int(path.name.partition("-")[0]) for path in set(notes.glob("*.json")) - left)
        return len(finished_shards(output)) > done and not all(map(is_gone, found))

    wait_until(at_work)
    return {pid for pid in found if not is_gone(pid)}


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_build_outlives_the_death_of_a_worker_and_leaves_none_behind_when_it_is_stopped_or_killed(
    tmp_path: Path,
) -> None:
    recordings, output = small_folder(tmp_path / "in", clips=20), tmp_path / "out"
    whole = build(load_recipe("folder", SMALL), str(recordings), str(tmp_path / "whole"), beam_flags=ONE_WORKER)
    (temporary := tmp_path / "temporary").mkdir()
    # A process takes seconds to start: the one that is stopped by hand has a single worker.
    for to_command, workers, code, line in (
        (signal.SIGINT, 1, 1, ["elsa: stopped; run the same command again to go on"]),
        (signal.SIGKILL, 2, -signal.SIGKILL, []),
    ):
        process = start_build(recordings, output, f"--direct_num_workers={workers}", TMPDIR=str(temporary))
        alive = workers_once_at_work(output)
        # Each of Beam's servers listened on all interfaces, and handed work to any client.
        sockets = listening(process.pid)
        assert set(sockets) <= LOOPBACK
        assert sockets or workers == 1
        if workers == 2:
            # The death of one of two: the work goes on in others, and these too end with the command.
            os.kill(min(alive), signal.SIGKILL)
            alive |= workers_once_at_work(output)
        process.send_signal(to_command)
        _, said = process.communicate(timeout=200)
        assert (process.returncode, without_progress(said)) == (code, line)
        wait_until(lambda: all(map(is_gone, alive)))  # noqa: B023
    assert list(temporary.iterdir()) == []
    again = build(load_recipe("folder", SMALL), str(recordings), str(output), beam_flags=ONE_WORKER)
    assert again.whole
    assert again.totals.digest == whole.totals.digest
    assert verify(output).problems == []


def test_a_shard_that_no_worker_survives_is_named_and_all_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    recordings, output = small_folder(tmp_path / "in", clips=8), tmp_path / "out"
    (recordings / "burst 3.wav").rename(recordings / "deadly.wav")
    listed = (recordings / "metadata.csv").read_text().replace("burst 3.wav", "deadly.wav")
    (recordings / "metadata.csv").write_text(listed)
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(DEADLY)
    path = os.pathsep.join([str(tmp_path / "path"), *filter(None, [os.getenv("PYTHONPATH")])])
    # Only the processes below this one read the module: a Python reads it as it starts.
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        assert main(build_words(recordings, output, "--direct_num_workers=1")) == 1
    (line,) = without_progress(capfd.readouterr().err)
    assert line.startswith("elsa: test/")
    assert "its worker ended 3 times, killed by SIGKILL" in line
    plain = build(load_recipe("folder", SMALL), str(recordings), str(tmp_path / "plain"), beam_flags=ONE_WORKER)
    expected = {path.relative_to(tmp_path / "plain") for path in (tmp_path / "plain").glob("*/*/metadata.parquet")}
    found = {path.relative_to(output) for path in output.glob("*/*/metadata.parquet")}
    assert len(expected - found) == 1
    assert found < expected
    again = build(load_recipe("folder", SMALL), str(recordings), str(output), beam_flags=ONE_WORKER)
    assert again.built_shards == 1
    assert again.totals.digest == plain.totals.digest


def finish(release: Path, shard: str) -> None:
    storage.write_bytes(str(release / shard / "metadata.parquet"), b"")


SHARDS = tuple(f"train/{number:05d}-of-00012" for number in range(12))


@settings(deadline=None, max_examples=40)
@given(st.sets(st.integers(0, 11), max_size=3), st.integers(1, 4))
def test_only_shards_that_workers_die_of_are_missing_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, deadly: set[int], workers: int
) -> None:
    release = tmp_path_factory.mktemp("release")
    alone = []

    def run(part: Work) -> End:
        # Workers take shards in turn, one each at a time; the first who takes a deadly one ends all.
        if len(part.shards) == 1:
            alone.extend(part.shards)
        for first in range(0, len(part.shards), workers):
            taken = part.shards[first : first + workers]
            dead = [number for number in taken if number in deadly]
            if dead:
                return End(-9, (CurrentWork(1, "render", SHARDS[dead[0]]),))
            for number in taken:
                finish(release, SHARDS[number])
        return End()

    supervise(str(release), SHARDS, Work(tuple(range(12)), ()), run)
    assert {note["shard"] for note in workspace.read_failures(str(release))} == {SHARDS[number] for number in deadly}
    assert {path.parent.name for path in release.glob("train/*/metadata.parquet")} == {
        SHARDS[number].partition("/")[2] for number in set(range(12)) - deadly
    }
    assert deadly <= set(alone)


def test_workers_that_cannot_start_end_the_build_after_three(tmp_path: Path) -> None:
    runs = []
    with pytest.raises(WorkersDie, match=r"3 times in a row .* SIGKILL .*memory"):
        supervise(str(tmp_path), SHARDS, Work((0, 1), ()), lambda part: (runs.append(part), End(-9))[1])
    assert len(runs) == 3


def test_a_machine_that_kills_every_worker_ends_the_build(tmp_path: Path) -> None:
    runs: list[Work] = []

    def run(part: Work) -> End:
        runs.append(part)
        return End(-9, (CurrentWork(1, "render", SHARDS[part.shards[0]]),))

    with pytest.raises(WorkersDie, match="12 times in a row"):
        supervise(str(tmp_path), SHARDS, Work(tuple(range(12)), ()), run)
    assert len(runs) == 12


def test_rooms_are_measured_again_when_a_worker_died_over_them(tmp_path: Path) -> None:
    runs: list[Work] = []

    def run(part: Work) -> End:
        runs.append(part)
        if len(runs) == 1:
            return End(139)
        folder_files.write_bytes(str(tmp_path), workspace.rooms_file(0), b"")
        return End()

    supervise(str(tmp_path), (), Work((), ((0, (("train", 1),)),)), run)
    assert [work.rooms for work in runs] == [((0, (("train", 1),)),)] * 2


def test_how_a_process_ended_is_read_from_its_last_words() -> None:
    notes = [CurrentWork(7, "render", "train/a"), CurrentWork(8, "render", "train/b")]
    assert read_end(b"{}", -9, 6, notes) == End()
    assert read_end(b'{"died": -11, "pids": [8]}', -9, 6, notes) == End(-11, (notes[1],))
    assert read_end(b"", -9, 7, notes) == End(-9, (notes[0],))
    with pytest.raises(PipeFailed, match="disk"):
        read_end(b'{"failed": "no room on the disk"}', -9, 6, notes)


def test_what_ended_a_worker_is_said_in_words() -> None:
    assert describe_exit(-9) == "killed by SIGKILL (by hand, or by the system for want of memory)"
    assert describe_exit(-11) == "killed by SIGSEGV"
    assert describe_exit(-64) == "killed by signal 64" or "SIGRTMAX" in describe_exit(-64)
    assert describe_exit(3) == "with exit code 3"


@pytest.mark.parametrize(
    "text",
    [
        "No space left on device: '/r/x.flac'",
        "[Errno 28] No space left on device: '/r/x.flac'",
        "OSError: [Errno 28] No space left on device: '/r/x.flac' [while running 'Render/ParDo(EachShard)']",
        "Traceback (most recent call last):\n  File x\nRuntimeError: OSError: [Errno 28] No space left on device:"
        " '/r/x.flac' [while running 'Render/ParDo(EachShard)']\n\n",
    ],
)
def test_the_last_words_of_an_error_are_what_went_wrong(text: str) -> None:
    assert last_words(RuntimeError(text)) == "No space left on device: '/r/x.flac'"
    assert last_words(ValueError()) == "ValueError"


def test_the_last_words_of_an_error_of_grpc_are_its_details() -> None:
    # "the build stopped: >", where no pool of workers served.
    text = (
        "<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n"
        '\tdetails = "failed to connect to all addresses"\n\tdebug_error_string = "UNKNOWN:Error"\n>'
    )
    assert last_words(RuntimeError(text)) == "failed to connect to all addresses"
