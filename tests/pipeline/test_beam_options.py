"""Beam's options: this machine's cores by default, the user's choice otherwise, an error for the unknown."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from pipeline.beam_options import (
    GRPC_NO_PROXY,
    SECRET_OPTIONS,
    OptionError,
    available_cores,
    beam_options,
    bypass_proxies_on_loopback,
    cpu_quota,
    refuse_unserved_job_endpoint,
    refuse_unusable_runner,
    runner_elsewhere,
    runs_in_processes,
    states_local_writer,
)

EXTERNAL = ("--environment_type=EXTERNAL", "--environment_config=localhost:50000")


def test_all_cores_of_this_machine_by_default() -> None:
    options = beam_options([], units=1000)
    assert options.view_as(StandardOptions).runner == "DirectRunner"
    assert options.view_as(DirectOptions).direct_num_workers == available_cores()


def test_no_more_workers_than_pieces_of_work() -> None:
    direct = beam_options([], units=1).view_as(DirectOptions)
    assert (direct.direct_num_workers, direct.direct_running_mode) == (1, "in_memory")


def test_the_user_s_choice_stands() -> None:
    direct = beam_options(["--direct_num_workers=3", "--direct_running_mode=multi_threading"], units=9)
    assert direct.view_as(DirectOptions).direct_num_workers == 3
    assert direct.view_as(DirectOptions).direct_running_mode == "multi_threading"
    assert beam_options(["--runner", "FnApiRunner"], units=9).view_as(StandardOptions).runner == "FnApiRunner"


@pytest.mark.parametrize(
    ("flags", "apart"),
    [
        ([], True),
        (["--direct_num_workers=1"], True),
        (["--runner=direct"], True),
        (["--runner=directrunner"], True),
        (["--runner=DIRECT"], True),
        (["--runner", "DirectRunner", "--direct_running_mode=multi_threading"], True),
        (["--direct_running_mode=in_memory"], False),
        (["--runner=FlinkRunner"], False),
        (["--runner=FnApiRunner"], False),
    ],
)
def test_only_beam_s_local_runner_gets_processes_of_its_own(flags: list[str], apart: bool) -> None:
    assert runs_in_processes(flags) is apart


@pytest.mark.parametrize(
    ("flags", "runner"),
    [
        ([], None),
        (["--direct_num_workers=4"], None),
        (["--runner=FnApiRunner"], None),
        (["--runner=fnapi"], None),
        (["--runner=PrismRunner"], None),
        (["--runner=FlinkRunner"], None),
        (["--runner=FlinkRunner", "--flink_master=localhost:8081"], "FlinkRunner"),
        (["--runner=FlinkRunner", "--environment_type=EXTERNAL"], "FlinkRunner"),
        (["--runner", "DataflowRunner", "--project=p"], "DataflowRunner"),
        (["--runner=PortableRunner", "--job_endpoint=localhost:1"], "PortableRunner"),
        (["--runner=PortableRunner", "--environment_type=LOOPBACK"], None),
        ([*EXTERNAL, "--runner=PortableRunner", "--job_endpoint=localhost:1"], None),
        ([*EXTERNAL, "--runner=PortableRunner", "--job_endpoint=cluster:1"], "PortableRunner"),
        ([*EXTERNAL, "--runner=FlinkRunner", "--flink_master=localhost:8081"], None),
        ([*EXTERNAL, "--runner=FlinkRunner", "--flink_master=http://flink:8081"], "FlinkRunner"),
    ],
)
def test_workers_elsewhere_are_known_by_the_runner(flags: list[str], runner: str | None) -> None:
    assert runner_elsewhere(flags) == runner


def test_an_image_with_the_model_is_stated_among_other_experiments() -> None:
    assert states_local_writer(["--experiments=use_runner_v2", "--experiments=elsa_local_writer"])
    assert not states_local_writer(["--experiments=use_runner_v2"])


@pytest.mark.parametrize("flags", [["--colour=blue"], ["--direct_num_worker=1"], ["stray"]])
def test_an_option_that_beam_does_not_know_is_named(flags: list[str]) -> None:
    with pytest.raises(OptionError, match=flags[0].split("=")[0]):
        beam_options(flags, units=1)


def test_a_value_that_beam_does_not_take_is_named() -> None:
    with pytest.raises(OptionError, match="direct_num_workers"):
        beam_options(["--direct_num_workers=many"], units=1)


@pytest.mark.parametrize("name", SECRET_OPTIONS)
@pytest.mark.parametrize("form", ["{}=hush-hush", "{} hush-hush"])
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(name: str, form: str) -> None:
    # Options land in logs and in the graph that is submitted.
    with pytest.raises(OptionError, match=name) as raised:
        beam_options(form.format(name).split(), units=1)
    assert "environment" in str(raised.value)
    assert "hush" not in str(raised.value)


def test_every_option_of_beam_s_that_holds_a_secret_is_known() -> None:
    named = {f"--{name}" for name in PipelineOptions().get_all_options()}
    assert set(SECRET_OPTIONS) <= named
    assert {name for name in named if re.search(r"secret|password|session_token|connection_string", name)} <= {
        *SECRET_OPTIONS,
        # Names of secrets in Google's store, not what they hold.
        "--gbek",
    }


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"no_proxy": "intra.net, localhost"}, "intra.net,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "intra.net"}, "intra.net,localhost,127.0.0.1,::1"),
        ({"no_proxy": "*"}, "*"),
        ({"no_proxy": "*, intra.net "}, "*, intra.net"),
    ],
)
def test_no_proxy_stands_between_a_runner_and_its_workers(
    stated: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With http_proxy set, workers waited for seven minutes and nothing was rendered.
    for name in ("no_proxy", "NO_PROXY", GRPC_NO_PROXY):
        monkeypatch.setenv(name, "")
    for name, value in stated.items():
        monkeypatch.setenv(name, value)
    bypass_proxies_on_loopback()
    # gRPC does not know the sign for all hosts, and a list of its own goes first.
    assert {"localhost", "127.0.0.1", "::1"} <= set(os.environ[GRPC_NO_PROXY].split(","))
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == (expected, expected)
    bypass_proxies_on_loopback()
    assert os.environ["no_proxy"] == expected


@pytest.mark.parametrize(
    ("membership", "limits", "quota"),
    [
        ("0::/a/b\n", {"a/b": "150000 100000", "a": "max 100000"}, 1.5),
        ("0::/a/b\n", {"a/b": "max 100000", "a": "400000 100000", ".": "200000 100000"}, 2.0),
        ("0::/gone\n", {".": "50000 100000"}, 0.5),
        ("0::/\n", {".": "max 100000"}, None),
        ("12:cpu:/a\n", {}, None),
        ("4:cpu,cpuacct:/a/b\n3:memory:/a\n", {"cpu,cpuacct/a": "250000 100000"}, 2.5),
        ("4:cpuacct,cpu:/out\n0::/\n", {"cpu": "50000 100000"}, 0.5),
        ("4:cpu:/a\n", {"cpu/a": "-1 100000"}, None),
        ("0::/a\n", {"a": "odd"}, None),
    ],
)
def test_a_container_s_cpu_quota_counts(
    membership: str, limits: dict[str, str], quota: float | None, tmp_path: Path
) -> None:
    # In a container with two of 64 cores, 64 workers were started.
    (tmp_path / "cgroup").write_text(membership)
    for folder, text in limits.items():
        (tmp_path / "groups" / folder).mkdir(parents=True, exist_ok=True)
        if folder.startswith("cpu"):
            for name, value in zip(("cpu.cfs_quota_us", "cpu.cfs_period_us"), text.split(), strict=True):
                (tmp_path / "groups" / folder / name).write_text(value)
        else:
            (tmp_path / "groups" / folder / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path / "cgroup", tmp_path / "groups") == quota
    assert cpu_quota(tmp_path / "nothing", tmp_path / "groups") is None
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_a_job_service_that_nobody_serves_is_one_line() -> None:
    # The build waited for it without end, at 0 rows.
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    refuse_unserved_job_endpoint(["--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{port}"])
    server.stop(None).wait()
    for endpoint in (f"localhost:{port}", "no.such.host.invalid:8099", "localhost", "localhost:http"):
        with pytest.raises(OptionError, match=f"no job service answers at --job_endpoint={re.escape(endpoint)}: "):
            refuse_unserved_job_endpoint(["--runner=portable", f"--job_endpoint={endpoint}"])
    with pytest.raises(OptionError, match="needs --job_endpoint=HOST:PORT"):
        refuse_unserved_job_endpoint(["--runner=PortableRunner"])
    refuse_unserved_job_endpoint([f"--job_endpoint=localhost:{port}"])


def test_what_listens_at_the_job_endpoint_and_is_no_job_service_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OptionError, match="what listens there does not speak gRPC"):
            refuse_unserved_job_endpoint(["--runner=portable", f"--job_endpoint={endpoint}"], timeout_s=0.3)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--runner=no.such.module.Nonsense"], "--runner=no.such.module.Nonsense does not start: No module named 'no'"),
        (["--runner=json.Nonsense"], "--runner=json.Nonsense does not start: "),
        (["--resource_hint=foo"], "does not start: Unknown resource hint: foo."),
    ],
)
def test_a_runner_that_does_not_start_is_one_line(
    flags: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It was a traceback, after the folder of the release was claimed.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OptionError, match=re.escape(says)) as refused:
        refuse_unusable_runner(flags)
    assert "\n" not in str(refused.value)
    refuse_unusable_runner([])
    assert list(tmp_path.iterdir()) == []
