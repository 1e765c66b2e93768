"""The honest releases and requests that hostile ones are made from."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from pipeline.batches.folder import Batch, write_batches
from pipeline.batches.requests import export_requests
from pipeline.build import build
from pipeline.recipe import load_recipe, load_release_recipe
from tests.chat_server import Raw, chat_server
from tests.hostile.releases import state_again
from tests.hostile.run import Honest
from tests.many_rows import write_many_rows
from tests.sounds import small_folder

_SETTINGS = ("rows_per_shard=2", "rooms.train=3", "rooms.validation=2", "rooms.test=2", "seed=11")
_OPENAI = ("caption.writer=openai", "caption.model=small")
_SCENES = ("scenes.sources_min=2", "scenes.sources_max=2", "scenes.moving_share=0.5", "scenes.duration_s=0.5")
_BEAM_FLAGS = ("--direct_num_workers=1", "--direct_running_mode=in_memory")


def make_honest(folder: Path, url: str, own_url: str) -> Honest:
    """Two releases of a dozen rows, one of scenes in the second order, recordings, and requests with their results.

    Args:
        folder: where they are written.
        url: the address of the endpoint that made them, which stands in all of them.
        own_url: the address of the endpoint that the user names.
    """
    recordings = small_folder(folder / "recordings")
    releases = folder / "release", folder / "release-24", folder / "scenes"
    write_many_rows(releases[0], 12, rows_per_shard=4, unanswered=True)
    write_many_rows(releases[1], 12, rows_per_shard=8, bit_depth=24, unanswered=True)
    _write_scenes(releases[2], recordings)
    for release in releases:
        _state_endpoint(release, url)
    requests = folder / "requests"
    export_requests(
        load_recipe("folder", (*_SETTINGS, *_OPENAI, f"caption.base_url={url}")),
        str(recordings),
        str(folder / "planned"),
        requests,
        beam_flags=_BEAM_FLAGS,
    )
    (requests / "results").mkdir(exist_ok=True)
    batches = {}
    for path in sorted(requests.glob("requests-*.parquet")):
        name = path.with_suffix(".jsonl").name
        batches[name] = Batch("file", "batch", "completed", "output", None, 1, 1)
        with (requests / "results" / "batch-output.jsonl").open("a") as file:
            for question in pq.read_table(path).to_pylist():
                body = {"choices": [{"message": {"content": "A burst of noise nearby."}, "finish_reason": "stop"}]}
                line = {"custom_id": question["request_sha256"], "response": {"status_code": 200, "body": body}}
                file.write(json.dumps(line) + "\n")
    write_batches(requests, batches)
    return Honest(releases, requests, recordings, url, own_url)


def _write_scenes(release: Path, recordings: Path) -> None:
    """A release of scenes of two sounds in the second order, for half of whose captions the endpoint gave no answer."""

    def forgetful(message: str, number: int) -> str | Raw:
        return Raw(b"{}", 401) if number % 2 else "A burst of noise passes."

    with chat_server(forgetful) as server:
        address = (f"caption.base_url={server.base_url}", "caption.on_failure=template", "audio.stems=wet")
        recipe = load_recipe("folder", (*_SETTINGS, *_OPENAI, *_SCENES, *address, "receiver.order=2"))
        build(recipe, str(recordings), str(release), beam_flags=_BEAM_FLAGS)


def _state_endpoint(release: Path, url: str) -> None:
    """Makes a release one whose captions came from the endpoint at this address."""
    recipe = yaml.safe_load((release / "recipe.yaml").read_text())
    recipe["caption"] |= {"base_url": url, "judge_base_url": url}
    (release / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    path = release / "release.json"
    stated = json.loads(path.read_text())
    path.write_text(json.dumps(stated | {"recipe_sha256": load_release_recipe(str(release)).sha256()}))
    state_again(release)
