"""Options for Beam: all cores of this machine by default, and an error for unknown options."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import grpc
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import (
    DebugOptions,
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    TestOptions,
)

from transforms.errors import one_line, reason_of
from transforms.storage.temporary import files_in_temporary_folder

#: Options of Beam that hold secrets, which would appear in logs, in graphs and on the pages of runners.
SECRET_OPTIONS = ("--s3_secret_access_key", "--s3_session_token", "--azure_connection_string")
LOCAL_RUNNER = "DirectRunner"
#: The variable by which gRPC knows the hosts that it reaches without a proxy; it goes before no_proxy.
GRPC_NO_PROXY = "no_grpc_proxy"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: Runners whose workers are threads or processes of this machine, in lower case and without "runner".
_RUNNERS_HERE = ("direct", "bundlebaseddirect", "switchingdirect", "fnapi", "interactive", "prism")
#: The experiment by which a user states that the workers' image holds the model of caption.writer=local.
LOCAL_WRITER_EXPERIMENT = "elsa_local_writer"


class OptionError(ValueError):
    """An unknown option, or a value that Beam does not take."""


def available_cores() -> int:
    """The cores that this process may use, by its affinity and by the CPU quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cpu_quota(membership: Path, mounted: Path) -> float | None:
    """The least CPU quota, in cores, of the control groups that a process is in; None without a quota.

    Args:
        membership: the file that names the process's groups, such as /proc/self/cgroup.
        mounted: the folder of the control groups, such as /sys/fs/cgroup.
    """
    quotas = []
    # Without control groups there is no quota.
    with contextlib.suppress(OSError):
        for line in membership.read_text(encoding="utf-8").splitlines():
            _, controllers, group = (*line.split(":", 2), "", "")[:3]
            read = _quota_of_version_2
            tops = [mounted]
            if controllers:
                if "cpu" not in controllers.split(","):
                    continue
                read = _quota_of_version_1
                tops = [mounted / controllers, mounted / "cpu"]
            inner = Path(group.lstrip("/"))
            # A container may see its own group at the top, whatever the group is called outside.
            for folder in (top / parent for top in tops for parent in (inner, *inner.parents)):
                with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
                    quotas.append(read(folder))
    return min((quota for quota in quotas if quota > 0), default=None)


def _quota_of_version_2(group: Path) -> float:
    most, period = (group / "cpu.max").read_text(encoding="utf-8").split()
    return int(most) / int(period)


def _quota_of_version_1(group: Path) -> float:
    """The quota; without one it is negative."""
    return int((group / "cpu.cfs_quota_us").read_text()) / int((group / "cpu.cfs_period_us").read_text())


def beam_options(flags: Sequence[str], *, units: int) -> PipelineOptions:
    """Beam's options for a build of `units` independent pieces of work.

    Where no runner is named, the work runs in processes on this machine, one a core. The plain DirectRunner would try
    to fetch another runner from the network first; a flag keeps it here.

    Raises:
        OptionError: naming the first option that Beam does not know or cannot read.
    """
    check_flags(flags)
    given = list(flags)
    named = {flag.split("=")[0] for flag in given}
    if "--runner" not in named:
        given.append(f"--runner={LOCAL_RUNNER}")
    if _is_direct(given):
        given.append("--allow_unsafe_triggers")
        # Workers log on stderr: a user sees errors only.
        if "--default_sdk_harness_log_level" not in named:
            given.append("--default_sdk_harness_log_level=ERROR")
        if "--direct_num_workers" not in named:
            workers = max(1, min(available_cores(), units))
            given.append(f"--direct_num_workers={workers}")
        if "--direct_running_mode" not in named:
            alone = _value(given, "--direct_num_workers") == "1"
            given.append(f"--direct_running_mode={'in_memory' if alone else 'multi_processing'}")
    return PipelineOptions(given)


def runs_in_processes(flags: Sequence[str]) -> bool:
    """Whether a build with these flags runs in its own processes on this machine, which can be supervised.

    It does not with another runner, nor with --direct_running_mode=in_memory, which runs in the caller's process.
    """
    return _is_direct(flags) and _value(flags, "--direct_running_mode") != "in_memory"


def runner_elsewhere(flags: Sequence[str]) -> str | None:
    """The name of the runner if its workers have their own image or machine; None if they run here."""
    options = PipelineOptions(list(flags))
    name = str(options.view_as(StandardOptions).runner or LOCAL_RUNNER)
    if _plain(name) in _RUNNERS_HERE:
        return None
    portable, flink = options.view_as(PortableOptions), options.view_as(FlinkRunnerOptions)
    environment = portable.environment_type
    embedded = _plain(name) == "flink" and flink.flink_master in ("[auto]", "[local]")
    # LOOPBACK workers are started by this process; so are Flink's where no cluster is named.
    here = environment == "LOOPBACK" or (embedded and environment is None)
    if environment == "EXTERNAL":
        # A pool of workers and a cluster, or a job service, that are all reached by the loopback address.
        service = flink.flink_master if _plain(name) == "flink" else portable.job_endpoint
        here = all(_is_loopback(address) for address in (portable.environment_config, service))
    return None if here else name


def states_local_writer(flags: Sequence[str]) -> bool:
    """Whether the flags state that the workers' image holds the model of caption.writer=local."""
    experiments = PipelineOptions(list(flags)).view_as(DebugOptions).experiments or ()
    return LOCAL_WRITER_EXPERIMENT in experiments


def runs_dry(flags: Sequence[str]) -> bool:
    """Whether the graph is only translated for Dataflow, and not run."""
    return bool(beam_options(flags, units=1).view_as(TestOptions).dry_run)


def set_file_systems(flags: Sequence[str]) -> None:
    """Sets the options for gs:// and s3:// in this process, before there is a pipeline.

    Raises:
        OptionError: as `beam_options`.
    """
    FileSystems.set_options(beam_options(flags, units=1))


def refuse_unusable_runner(flags: Sequence[str]) -> None:
    """Raises OptionError if Beam cannot even make a pipeline with these flags.

    A class of that name cannot be imported, a runner lacks a required option, or a hint is unknown.
    """
    options = beam_options(flags, units=1)
    try:
        with files_in_temporary_folder("flags"):
            beam.Pipeline(options=options)
    # Runners and their clients raise errors of any kind.
    except Exception as error:
        runner = options.view_as(StandardOptions).runner or LOCAL_RUNNER
        raise OptionError(f"--runner={runner} does not start: {one_line(error)}") from error


def refuse_unserved_job_endpoint(flags: Sequence[str], timeout_s: float = 10.0) -> None:
    """Raises OptionError if no job service answers at --job_endpoint, for which Beam would wait without end."""
    options = PipelineOptions(list(flags))
    endpoint = options.view_as(PortableOptions).job_endpoint
    runner = options.view_as(StandardOptions).runner or ""
    if _plain(runner) != "portable" or endpoint == "embed":
        return
    if endpoint is None:
        raise OptionError(f"--runner={runner} needs --job_endpoint=HOST:PORT")
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
    except (OSError, ValueError) as error:
        raise OptionError(f"no job service answers at --job_endpoint={endpoint}: {reason_of(error)}") from error
    # Anything may listen there, so it also has to speak gRPC.
    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout_s)
        except grpc.FutureTimeoutError as error:
            raise OptionError(
                f"no job service answers at --job_endpoint={endpoint}: what listens there does not speak gRPC"
            ) from error


def bypass_proxies_on_loopback() -> None:
    """Keeps this process and its children from reaching addresses of this machine through a proxy.

    Beam's runner and its workers meet on such addresses, and a proxy cannot reach them.
    """
    stated = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = _with_loopback(stated)
    # gRPC has a variable of its own, which goes first, and it does not know the sign for all hosts.
    os.environ[GRPC_NO_PROXY] = ",".join(_with_loopback(os.environ.get(GRPC_NO_PROXY) or stated))
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = stated.strip() if "*" in hosts else ",".join(hosts)


def _with_loopback(stated: str) -> list[str]:
    hosts = [host.strip() for host in stated.split(",") if host.strip()]
    return [*hosts, *(host for host in LOOPBACK if host not in hosts)]


def check_flags(flags: Sequence[str]) -> None:
    """Raises OptionError unless Beam knows every flag and can read its value, and none is a secret."""
    secret = next((flag.partition("=")[0] for flag in flags if flag.partition("=")[0] in SECRET_OPTIONS), None)
    if secret is not None:
        instead = "AWS_* variables of the environment or a profile" if secret.startswith("--s3") else "the environment"
        raise OptionError(f"{secret} would show the key in logs and graphs: give it by {instead} instead")
    parser = argparse.ArgumentParser(prog="elsa build", allow_abbrev=False, add_help=False)
    for options in _option_classes(PipelineOptions):
        # Two classes may declare the same option; only the name matters here.
        with contextlib.suppress(argparse.ArgumentError):
            options._add_argparse_args(parser)  # type: ignore[arg-type]
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            _, unknown = parser.parse_known_args(list(flags))
    except SystemExit:
        message = complaint.getvalue().strip().splitlines()[-1].partition("error: ")[2]
        raise OptionError(f"Beam does not take this: {message}") from None
    if unknown:
        raise OptionError(f"neither this command nor Beam knows the option {unknown[0]}")


def _option_classes(base: type[PipelineOptions]) -> list[type[PipelineOptions]]:
    found = []
    for options in base.__subclasses__():
        if options.__module__.startswith("apache_beam."):
            found += [options, *_option_classes(options)]
    return found


def _is_direct(flags: Sequence[str]) -> bool:
    """Whether the runner is Beam's local one; Beam also takes `direct`, in any case."""
    return _plain(_value(flags, "--runner") or LOCAL_RUNNER) == "direct"


def _is_loopback(address: str | None) -> bool:
    host = (address or "").removeprefix("http://").rpartition(":")[0]
    return host.strip("[]") in LOOPBACK


def _plain(runner: str) -> str:
    """The name of a runner in lower case, without its module and without a final "runner"."""
    return runner.rpartition(".")[2].lower().removesuffix("runner")


def _value(flags: Sequence[str], name: str) -> str | None:
    for position, flag in enumerate(flags):
        if flag == name and position + 1 < len(flags):
            return flags[position + 1]
        if flag.startswith(f"{name}="):
            return flag.partition("=")[2]
    return None
