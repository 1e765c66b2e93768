"""The parts of the benchmark: generated clips, the choice of rooms, the ledger and the verdicts."""

import io

import numpy as np
import soundfile

from tests.benchmarks.acoustics import check_rooms
from tests.benchmarks.peers import clip_flac
from tests.benchmarks.run import Rendered, add_to_ledger, ledger_row, stratify, target_lines
from transforms.rooms.ranges import RoomRanges
from transforms.rooms.room_design import sample_room


def test_generated_clips_are_the_same_each_time_and_differ():
    clips = [clip_flac(index, 1.0) for index in (0, 1, 2)]
    assert clips[1] == clip_flac(1, 1.0)
    assert len(set(clips)) == 3
    samples, rate = soundfile.read(io.BytesIO(clips[1]))
    assert (len(samples), rate) == (48_000, 48_000)
    assert 0.4 < np.abs(samples).max() <= 0.5


def test_rooms_are_chosen_by_rank_of_t30():
    chosen = [sample_room(5, "train", index, RoomRanges()).t30_ms for index in stratify(5, 40, 4)]
    times = sorted(sample_room(5, "train", index, RoomRanges()).t30_ms for index in range(40))
    assert chosen == [times[rank] for rank in (5, 15, 25, 35)]


def test_verdicts_and_the_ledger_hold_what_was_measured(tmp_path):
    checks = check_rooms(3, 4)
    clips = [Rendered(0, 500.0, 0.01, 0.04, 0.05, 0.01, 0.05, 0.2, None)]
    verdicts = {line.what: line.held for line in target_lines(checks, 400.0, None, True, clips)}
    assert verdicts["direction of the direct sound"]
    assert not verdicts["a response, memory of the process"]
    assert verdicts["residual against rir-generator"] is None
    assert verdicts["usual script over ours, in sum"] is None
    assert verdicts["rendering over the floor"]
    ledger = tmp_path / "benchmarks.csv"
    row = ledger_row(3, checks, 400.0, -100.0, clips)
    add_to_ledger(ledger, row)
    add_to_ledger(ledger, row)
    lines = ledger.read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("date,commit,seed,rooms,")
    assert lines[1] == lines[2]
