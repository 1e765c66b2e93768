"""The four figures of docs/acoustics.md: ``python -m tests.benchmarks.figures``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from tests.benchmarks import peers
from tests.benchmarks.acoustics import Checks, check_rooms, diffuse_drr_db, image_drr_db
from tests.benchmarks.run import stratify
from transforms.records import OCTAVE_BANDS_HZ, Room
from transforms.rooms.acoustics import octave_energies, ringing_s, schroeder_decay
from transforms.rooms.place_source import place_source
from transforms.rooms.ranges import RoomRanges, SceneRanges
from transforms.rooms.room_design import sample_room
from transforms.rooms.simulate_response import direct_sample, simulate_response

FIGURES = Path(__file__).parents[2] / "docs" / "figures"
INK, OURS, THEIRS, PALE = "#222222", "#0b6e99", "#c8553d", "#9aa5ab"
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e9eb",
    "legend.frameon": False,
    "savefig.dpi": 100,
}


def main(arguments: list[str] | None = None) -> int:
    """Draws the four figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=200)
    parser.add_argument("--peer-rooms", type=int, default=12)
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--output", type=Path, default=FIGURES)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    rooms = [sample_room(options.seed, "train", index, RoomRanges()) for index in range(options.rooms)]
    checks = check_rooms(options.seed, options.rooms)
    with plt.rc_context(STYLE):
        stratified = stratify(options.seed, options.rooms, options.peer_rooms)
        _save(draw_t30(rooms, checks, options.seed, stratified), options.output / "t30.png")
        _save(draw_drr(rooms, checks), options.output / "drr.png")
        _save(draw_decays(rooms), options.output / "decays.png")
        _save(draw_late_field(rooms, checks), options.output / "late_field.png")
    return 0


def draw_t30(rooms: list[Room], checks: list[Checks], seed: int, stratified: list[int]) -> Figure:
    """T30 measured over T30 requested: ours in every room, and the usual script's in some rooms."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
    asked_s = np.array([room.t30_ms for room in rooms]) / 1000.0
    made = {index: peers.usual_script_alone(peers.job(seed, index)) for index in stratified}
    usual_s = np.array([[rooms[index].t30_ms, way.t30_ms] for index, way in made.items() if not way.failure]) / 1000.0
    measured_s = np.array([check.t30_ms for check in checks]) / 1000.0
    left.plot([0.1, 4.0], [0.1, 4.0], color=PALE, linewidth=1)
    left.scatter(asked_s, measured_s, s=9, color=OURS, label=f"ours, {len(rooms)} rooms")
    left.scatter(*usual_s.T, s=26, color=THEIRS, marker="x", label=f"usual script, {len(usual_s)} of them")
    ticks = [0.1, 0.2, 0.5, 1.0, 2.0, 4.0]
    left.set(xscale="log", yscale="log", xlabel="T30 asked, s", ylabel="T30 measured, s")
    left.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    left.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    left.minorticks_off()
    left.legend(loc="upper left")
    bands = np.stack([check.band_errors_percent for check in checks])
    right.boxplot(bands, whis=(0, 95), showfliers=True, flierprops={"markersize": 2, "markeredgecolor": PALE},
                  medianprops={"color": OURS})  # fmt: skip
    right.axhline(5.0, color=THEIRS, linewidth=1)
    right.set_xticks(range(1, 9), [f"{hertz / 1000:g}" for hertz in OCTAVE_BANDS_HZ])
    right.set(xlabel="octave band, kHz", ylabel="T30 against asked, % off (whisker: 95 %)")
    return figure


def draw_drr(rooms: list[Room], checks: list[Checks]) -> Figure:
    """The direct-to-reverberant ratio against two theories."""
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.6), sharex=True, sharey=True)
    scenes = [place_source(index, room, SceneRanges()) for index, room in enumerate(rooms)]
    diffuse = np.array([diffuse_drr_db(*pair) for pair in zip(rooms, scenes, strict=True)])
    images = np.array([image_drr_db(*pair) for pair in zip(rooms, scenes, strict=True)])
    measured = diffuse + np.array([check.drr_off_diffuse_db for check in checks])
    for axis, theory, name in ((axes[0], diffuse, "a diffuse field alone"), (axes[1], images, "images, then diffuse")):
        ends = np.array([theory.min() - 1, theory.max() + 1])
        axis.plot(ends, ends, color=PALE, linewidth=1)
        axis.fill_between(ends, ends - 3, ends + 3, color=PALE, alpha=0.2, linewidth=0, label="± 3 dB")
        axis.scatter(theory, measured, s=9, color=OURS)
        axis.set(xlabel=f"theory, dB: {name}")
        axis.legend(loc="upper left")
    axes[0].set_ylabel("direct over reverberant energy, dB")
    return figure


def draw_decays(rooms: list[Room]) -> Figure:
    """The Schroeder decay of one response by octave, with the T30 that was requested in each."""
    index = int(np.argsort([room.t30_ms for room in rooms], kind="stable")[len(rooms) // 2])
    room = rooms[index]
    placement = place_source(index, room, SceneRanges())
    response = simulate_response(room, placement, seed=index)
    figure, axis = plt.subplots(figsize=(8.4, 3.6))
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.92, len(OCTAVE_BANDS_HZ)))
    start_s = direct_sample(placement, response.sample_rate) / response.sample_rate
    asked = zip(OCTAVE_BANDS_HZ, room.t30_bands_ms, response.acoustics.t30_bands_ms, strict=True)
    series = octave_energies(response.samples[0], response.sample_rate)
    for (energies, rate), colour, (hertz, asked_ms, measured_ms) in zip(series, colours, asked, strict=True):
        levels = 10.0 * np.log10(np.maximum(schroeder_decay(energies), 1e-30))
        times_s = np.arange(levels.size) / rate - ringing_s() - start_s
        shown = (times_s > -0.02) & (levels > levels[0] - 50.0)
        thin = max(1, int(shown.sum()) // 400)
        label = f"{hertz} Hz: {asked_ms:.0f} ms asked, {measured_ms:.0f} measured"
        axis.plot(times_s[shown][::thin], (levels - levels[0])[shown][::thin], color=colour, label=label)
    axis.axhspan(-35.0, -5.0, color=PALE, alpha=0.15, linewidth=0)
    axis.set(xlabel="seconds after the direct sound", ylabel="energy to come, dB", ylim=(-50.0, 1.0))
    axis.set_title(f"room {room.room_id}: {room.length_m:g} × {room.width_m:g} × {room.height_m:g} m, "
                   f"T30 {room.t30_ms:.0f} ms", fontsize=9, loc="left")  # fmt: skip
    axis.legend(fontsize=8)
    return figure


def draw_late_field(rooms: list[Room], checks: list[Checks]) -> Figure:
    """The levels of Y, Z and X against W, and the largest coherence of two channels, over T30."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
    asked_s = np.array([room.t30_ms for room in rooms]) / 1000.0
    levels = np.stack([check.late_levels_db for check in checks])
    left.axhspan(-4.77 - 0.5, -4.77 + 0.5, color=PALE, alpha=0.2, linewidth=0, label="−4.8 ± 0.5 dB")
    for channel, colour, name in ((0, OURS, "Y"), (1, THEIRS, "Z"), (2, INK, "X")):
        left.scatter(asked_s, levels[:, channel], s=7, color=colour, label=name)
    left.set(xscale="log", ylim=(-5.6, -3.9), xlabel="T30 asked, s", ylabel="late level against W, dB")
    left.legend(ncols=2, loc="upper right")
    right.axhline(0.1, color=THEIRS, linewidth=1)
    right.scatter(asked_s, [check.late_coherence for check in checks], s=7, color=OURS)
    right.set(xscale="log", ylim=(0.0, 0.12), xlabel="T30 asked, s", ylabel="largest coherence of two channels")
    for axis in (left, right):
        axis.set_xticks([0.1, 0.2, 0.5, 1.0, 2.0], ["0.1", "0.2", "0.5", "1", "2"])
        axis.minorticks_off()
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    # Without a date and a version, the same numbers give the same bytes.
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
