"""Nobody but a build's own workers reaches its runner: not from other machines, nor from this one without its token."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from apache_beam.runners.worker.channel_factory import GRPCChannelFactory

from pipeline.build.local_channels import connect_privately, serve_privately
from tests.commands import LOOPBACK


class Echo(grpc.GenericRpcHandler):
    """Gives back what it is sent, whatever the method is called."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.stream_stream_rpc_method_handler(lambda requests, context: iter(list(requests)))


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    # What the functions change is put back: elsewhere they have a process of their own.
    monkeypatch.setattr(grpc, "server", grpc.server)
    monkeypatch.setattr(GRPCChannelFactory, "insecure_channel", staticmethod(GRPCChannelFactory.insecure_channel))
    monkeypatch.setenv("ELSA_BUILD_TOKEN", "of an earlier build")
    serve_privately()
    connect_privately()
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Echo()])
    found: int = server.add_insecure_port("[::]:0")
    server.start()
    yield found
    server.stop(None).wait()


def echoed(channel: grpc.Channel) -> list[Any]:
    return list(channel.stream_stream("/beam/Control")(iter([b"one", b"two"]), timeout=20))


def test_a_worker_of_the_build_is_served(port: int) -> None:
    assert echoed(GRPCChannelFactory.insecure_channel(f"localhost:{port}")) == [b"one", b"two"]


def test_a_client_without_the_token_gets_nothing(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Any client was handed work.
    with pytest.raises(grpc.RpcError) as refused:
        echoed(grpc.insecure_channel(f"localhost:{port}"))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError) as refused:
        grpc.insecure_channel(f"localhost:{port}").unary_unary("/beam/State")(b"", timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_servers_listen_on_this_machine_alone(port: int) -> None:
    # Beam's listen on all interfaces.
    with open("/proc/net/tcp", encoding="ascii") as v4, open("/proc/net/tcp6", encoding="ascii") as v6:
        sockets = [line.split()[1:4] for line in (*v4, *v6) if line.strip()[0].isdigit()]
    hosts = {
        local.split(":")[0] for local, _, state in sockets if int(local.split(":")[1], 16) == port and state == "0A"
    }
    assert hosts
    assert hosts <= LOOPBACK
    assert len(os.environ["ELSA_BUILD_TOKEN"]) == 64
