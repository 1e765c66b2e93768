"""Options of an evaluation beside its model and releases, set as ``KEY=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from model.settings import Number, PositiveWhole, Whole, check_section, section, set_values


def _as_list(value: Any) -> Any:
    """One number is a list of one, and null an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]


@section
class EvaluationOptions:
    """The defaults make a whole evaluation.

    Attributes:
        noise_db: signal-to-noise ratios at which localisation is measured again, in diffuse noise.
        train_rows: most train rows that the readout, the classifier, the map and the captioner learn from.
        readout_steps: gradient steps of the readout and of the classifier.
        cluster_rows: most rows of a cluster in the distances between clusters.
        tut: folder of TUT Sound Events 2018 REAL in DCASE's layout, or null.
        tut_order: order of its four channels.
        tut_normalisation: SN3D or N3D, of its channels.
        starss: folder of STARSS22 or STARSS23 in DCASE's layout, or null.
        captioner: folder, or name on a hub, of GPT-2's weights; null draws the weights of a small one at random.
        caption_steps, caption_batch: of the captioner's training.
        caption_rows: most clips that are captioned.
        seed: of everything that the tasks train.
    """

    noise_db: Annotated[tuple[Number, ...], BeforeValidator(_as_list)] = (20.0, 5.0)
    train_rows: PositiveWhole = 20000
    readout_steps: PositiveWhole = 2000
    cluster_rows: PositiveWhole = 200
    tut: str | None = None
    tut_order: str = "WYZX"
    tut_normalisation: Literal["SN3D", "N3D"] = "SN3D"
    starss: str | None = None
    captioner: str | None = None
    caption_steps: PositiveWhole = 600
    caption_batch: PositiveWhole = 32
    caption_rows: PositiveWhole = 500
    seed: Whole = 0

    def __post_init__(self) -> None:
        if sorted(self.tut_order) != sorted("WXYZ"):
            raise ValueError(f"tut_order is {self.tut_order!r}; an order of W, X, Y and Z is expected")


def read_options(settings: Iterable[str]) -> EvaluationOptions:
    """Reads options from ``KEY=VALUE`` settings; a value is read as YAML.

    Raises:
        ConfigurationError: an unknown key, or a value that cannot be used.
    """
    values: dict[str, Any] = {}
    set_values(values, settings)
    return check_section(EvaluationOptions, values)
