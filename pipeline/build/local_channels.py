"""Private channels between Beam's local runner and its workers: on this machine alone, and with a token of the build.

Beam's runner listens on all interfaces and hands work to any client. Here each server listens on localhost, and refuses
a call that does not carry the token. Workers get the token through their environment.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc

_VARIABLE = "ELSA_BUILD_TOKEN"
_KEY = "elsa-build-token"


def serve_privately() -> None:
    """Makes every gRPC server that this process starts from now on private, and creates the token of the build."""
    os.environ[_VARIABLE] = secrets.token_hex(32)
    make_server = grpc.server

    def server(*arguments: Any, interceptors: tuple[Any, ...] | None = None, **options: Any) -> Any:
        private = make_server(*arguments, interceptors=(*(interceptors or ()), _TokenCheck()), **options)
        listen = private.add_insecure_port
        private.add_insecure_port = lambda address: listen(address.replace("[::]:", "localhost:", 1))
        return private

    grpc.server = server


def connect_privately() -> None:
    """Makes every gRPC channel that Beam's worker opens in this process carry the token of the build."""
    from apache_beam.runners.worker.channel_factory import GRPCChannelFactory

    connect = GRPCChannelFactory.insecure_channel

    def insecure_channel(*arguments: Any, **options: Any) -> Any:
        return grpc.intercept_channel(connect(*arguments, **options), _TokenBearer())

    GRPCChannelFactory.insecure_channel = staticmethod(insecure_channel)  # type: ignore[method-assign]


class _TokenCheck(grpc.ServerInterceptor):
    def intercept_service(
        self, continuation: Callable[[Any], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        given = dict(handler_call_details.invocation_metadata or ()).get(_KEY, "")
        if hmac.compare_digest(str(given), os.environ[_VARIABLE]):
            return continuation(handler_call_details)
        return grpc.stream_stream_rpc_method_handler(_refuse)


def _refuse(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "this server belongs to a build of somebody else")
    yield from requests


class _Details(NamedTuple):
    """The details of a call; gRPC asks for an object with these attributes."""

    method: str
    timeout: float | None
    metadata: list[tuple[str, str]]
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _TokenBearer(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def _call(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        metadata = [*(details.metadata or ()), (_KEY, os.environ[_VARIABLE])]
        bearing = _Details(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )
        return continuation(bearing, request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_unary = intercept_stream_stream = _call
