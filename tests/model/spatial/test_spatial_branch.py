"""The spatial branches: shapes, silence, the paper's sizes, and the symmetry of bin-weighting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from model.configuration import read_configuration
from model.configuration.elsa_config import ElsaConfig
from model.features import Spectra, spectra
from model.spatial import SPATIAL_BRANCHES, spatial_branch
from model.spatial.bin_weighting import BinWeightingSpatialBranch
from model.spatial.bins import bin_weights, invariant_maps, maps_relative_to, weighted_cell_means, weighted_means
from model.spatial.paper import PaperSpatialBranch
from model.targets import MEASURES

TINY: dict[str, Any] = {
    "clip_s": 1.0,
    "n_fft": 256,
    "hop": 128,
    "spatial_channels": 8,
    "spatial_hidden": 16,
    "spatial_size": 12,
}


def branch_of(name: str) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return spatial_branch(ElsaConfig(spatial_branch=name, **TINY)).eval()


def spectra_of(foa: np.ndarray) -> Spectra:
    return spectra(torch.from_numpy(foa).float(), n_fft=256, hop=128)


def symmetries() -> list[np.ndarray]:
    """Counter-clockwise rotations about z, and the three reflections."""
    turns = []
    for angle in np.deg2rad([90.0, 33.0, -140.0]):
        sine, cosine = np.sin(angle), np.cos(angle)
        turns.append(np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]]))
    return [*turns, *(np.diag(signs) for signs in ([-1.0, 1, 1], [1, -1.0, 1], [1, 1, -1.0]))]


def transformed(foa: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The sound field, rotated or reflected by a matrix of x, y, z."""
    w, y, z, x = foa
    x, y, z = matrix @ np.stack([x, y, z])
    return np.stack([w, y, z, x])


@pytest.mark.parametrize("name", SPATIAL_BRANCHES)
def test_shapes_unit_vectors_and_any_length(make_plane_wave, name):
    branch = branch_of(name)
    for seconds in (0.3, 1.0, 2.5):
        out = branch(spectra_of(np.stack([make_plane_wave(seconds=seconds), make_plane_wave(seconds=seconds, seed=1)])))
        assert out.direction.shape == (2, 3)
        assert out.measures.shape == (2, len(MEASURES))
        assert out.features.shape == (2, 12)
        torch.testing.assert_close(out.direction.norm(dim=1), torch.full((2,), float(name != "none")))


@pytest.mark.parametrize("name", SPATIAL_BRANCHES)
def test_silence_gives_finite_outputs_and_gradients(name):
    branch = branch_of(name).train()
    out = branch(spectra_of(np.zeros((2, 4, 16000))))
    if name != "none":
        (out.direction.sum() + out.measures.sum() + out.features.sum()).backward()
    for value in (out.direction, out.measures, out.features):
        assert torch.isfinite(value).all()
    assert all(torch.isfinite(p.grad).all() for p in branch.parameters() if p.grad is not None)


def test_static_intensity_finds_a_plane_wave_and_none_outputs_zeros(make_plane_wave):
    azimuth, elevation = np.deg2rad([25, 15])
    expected = [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
    spectra = spectra_of(make_plane_wave(25, 15)[None])
    np.testing.assert_allclose(branch_of("static")(spectra).direction[0].detach().numpy(), expected, atol=1e-3)
    nothing = branch_of("none")(spectra)
    assert not any(value.any() for value in (nothing.direction, nothing.measures, nothing.features))


def test_rotating_the_field_rotates_the_direction(make_plane_wave):
    foa = make_plane_wave(25, 15, noise=0.8)
    branch = with_random_zeros(branch_of("bin-weighting"))
    here = branch(spectra_of(foa[None]))
    for matrix in symmetries():
        there = branch(spectra_of(transformed(foa, matrix)[None]))
        expected = matrix @ here.direction[0].detach().numpy()
        np.testing.assert_allclose(there.direction[0].detach().numpy(), expected, atol=1e-5)
        torch.testing.assert_close(here.measures, there.measures, atol=1e-4, rtol=0)
        np.testing.assert_allclose(there.first[0].detach().numpy(), matrix @ here.first[0].detach().numpy(), atol=1e-5)


def test_rotating_the_field_does_not_change_the_maps(make_plane_wave):
    foa = make_plane_wave(25, 15, noise=0.8)
    for matrix in symmetries():
        here, there = invariant_maps(spectra_of(foa[None])), invariant_maps(spectra_of(transformed(foa, matrix)[None]))
        for a, b in zip(here, there, strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=0)
        to = torch.tensor([[0.6, 0.0, 0.8]])
        turned_to = to @ torch.from_numpy(matrix.T).float()
        here, there = (
            maps_relative_to(spectra_of(foa[None]), to),
            maps_relative_to(spectra_of(transformed(foa, matrix)[None]), turned_to),
        )
        torch.testing.assert_close(here, there, atol=1e-4, rtol=0)


def with_random_zeros(branch: torch.nn.Module) -> torch.nn.Module:
    """Moves the layers that start at zero away from it, as training does."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in branch.parameters():
            if not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return branch


def test_maps_relative_to_a_direction_of_a_known_bin(make_plane_wave):
    spectra = spectra_of(make_plane_wave(0, 30)[None])
    to = torch.tensor([[0.0, 0.0, 1.0]])
    cosine, vertical = maps_relative_to(spectra, to)[0, :, 20, 60]
    assert cosine.item() == pytest.approx(0.5, abs=1e-3)
    assert vertical.item() == pytest.approx(0.5, abs=1e-3)
    assert not maps_relative_to(spectra_of(np.zeros((1, 4, 4000))), to).any()


def test_weights_choose_the_bins_of_a_mean(make_plane_wave):
    """The sound comes from the left in the first half and from below in the second. Weights on one half find it."""
    left, below = make_plane_wave(90, 0), make_plane_wave(0, -90)
    half = np.arange(left.shape[1]) < left.shape[1] // 2
    spectra = spectra_of(np.where(half, left, below)[None])
    bins, frames = spectra.power_w.shape[1:]
    for sign, expected in ((-1, [0, 1, 0]), (1, [0, 0, -1])):
        # The frames in the middle belong to neither half.
        where = (torch.arange((frames + 1) // 2) - frames / 4).div(4).round().clamp(-1, 1)
        logits = (20.0 * sign * where).expand(1, 4, (bins + 1) // 2, -1)
        weights = bin_weights(spectra, logits)
        np.testing.assert_allclose(weighted_means(spectra, weights)[0, 0].numpy(), expected, atol=2e-3)
        halves = torch.stack([where < 0, where > 0]).float()[None, :, None].expand(-1, -1, (bins + 1) // 2, -1)
        np.testing.assert_allclose(weighted_cell_means(halves, weights)[0, 0].numpy(), [sign < 0, sign > 0], atol=2e-3)


def test_horizontal_and_vertical_parts_of_the_means_have_separate_factors():
    """Half of the horizontal part of the second mean is subtracted; the vertical part of the first is doubled."""
    branch = branch_of("bin-weighting")
    factors = torch.zeros(2, branch.MEANS)
    factors[0, 1], factors[1, 0] = -0.5, 1.0
    with torch.no_grad():
        branch.mixing[-1].bias.copy_(factors.flatten())
    means = torch.zeros(1, branch.MEANS, 3)
    means[0, 0], means[0, 1] = torch.tensor([0.6, 0.2, 0.1]), torch.tensor([0.2, -0.4, 0.3])
    mixed = branch._mix(means, torch.zeros(1, TINY["spatial_hidden"]))
    np.testing.assert_allclose(mixed[0].detach().numpy(), [0.5, 0.4, 0.2], atol=1e-6)


def test_untrained_weights_find_a_plane_wave(make_plane_wave):
    out = branch_of("bin-weighting")(spectra_of(make_plane_wave(90, 0)[None]))
    np.testing.assert_allclose(out.direction[0].detach().numpy(), [0, 1, 0], atol=1e-3)


def test_the_paper_branch_has_the_papers_parameters():
    """16 kHz, 400/100, 10 s: 201 by 1601 bins, 1200 numbers a network, 2400-192-64-44; ours has 7 outputs, not 44."""
    branch = PaperSpatialBranch(read_configuration("elsa-base").model)
    assert branch.first.in_features == 2400
    ours = sum(p.numel() for p in branch.parameters())
    assert ours == 485_828 - (64 + 1) * 44 + (64 + 1) * (3 + len(MEASURES))


def test_the_level_matters_only_with_spatial_level(make_plane_wave):
    foa = make_plane_wave(25, 15, noise=0.3)
    for level, equal in ((False, True), (True, False)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            branch = BinWeightingSpatialBranch(ElsaConfig(spatial_level=level, **TINY)).eval()
        loud, soft = (branch(spectra_of(gain * foa[None])).measures for gain in (1.0, 0.1))
        assert torch.allclose(loud, soft, atol=1e-3) == equal


def test_half_precision_keeps_the_direction(make_plane_wave):
    foa = torch.from_numpy(make_plane_wave(25, 15, noise=0.8)[None]).float()
    for name in ("bin-weighting", "paper"):
        branch = branch_of(name)
        exact = branch(spectra(foa, n_fft=256, hop=128))
        with torch.autocast("cpu", torch.bfloat16):
            half = branch(spectra(foa, n_fft=256, hop=128))
        for out in (half.direction, half.measures):
            assert out.dtype == torch.float32
        if name == "bin-weighting":
            assert (half.direction * exact.direction).sum() > np.cos(np.deg2rad(0.5))


def test_bins_above_the_limit_are_not_read(make_plane_wave):
    config = ElsaConfig(spatial_to_hz=2000, **TINY)
    branch = BinWeightingSpatialBranch(config).eval()
    low = make_plane_wave()
    high = low + 0.1 * np.sin(2 * np.pi * 6000 * np.arange(low.shape[1]) / 16000)
    window = slice(4, -4)
    a, b = spectra_of(low[None]).up_to(branch.bins), spectra_of(high[None]).up_to(branch.bins)
    torch.testing.assert_close(a.active[..., window], b.active[..., window], atol=1e-4, rtol=1e-2)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.column)
def test_scales_are_inverted(measure):
    value = torch.tensor([0.7, 3.0, 250.0])
    torch.testing.assert_close(measure.from_scale(measure.to_scale(value)), value, rtol=1e-4, atol=1e-4)
