"""The program of isolated_decoder's child processes: it reads requests from a socket, decodes, and replies.

It imports little and starts in 0.2 s.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import struct

import numpy as np

from transforms.errors import one_line
from transforms.sound import decoding, mix_down
from transforms.sound.refusal import ClipRefused

#: A request has the ending of the file's name, the longest clip in seconds, and a timeout in seconds. The descriptor of
#: the open file is sent with it.
REQUEST = struct.Struct("<16sdd")
#: A reply has a kind, the sample rate in hertz, and the number of bytes that follow.
REPLY = struct.Struct("<IIQ")
READY, SAMPLES, REFUSAL, NO_MEMORY, FAILURE, MACHINE_SHORT = range(6)

# Memory for a block as it is read, for the mean of its channels, and for libraries.
_WORKING_BYTES = 1 << 30


class _MachineShort(MemoryError):
    """The system gives less memory than a clip may need, which is not the clip's fault."""


def serve(connection: socket.socket) -> None:
    """Decodes one file after the other, until the other end of the connection is closed."""
    memory_bytes = _confine()
    connection.sendall(REPLY.pack(READY, 0, 0))
    while True:
        try:
            kind, rate, body = _answer_next(connection, memory_bytes)
        except EOFError:
            return
        except _MachineShort:
            kind, rate, body = MACHINE_SHORT, 0, b""
        except MemoryError:
            kind, rate, body = NO_MEMORY, 0, b""
        # Nothing has been sent for this file, so the parent can be told what is wrong with this process.
        except Exception as error:
            kind, rate, body = FAILURE, 0, one_line(error).encode(errors="replace")
        connection.sendall(REPLY.pack(kind, rate, len(body)))
        connection.sendall(body)
        signal.setitimer(signal.ITIMER_REAL, 0)
        # The libraries may be in any state now, so this process ends and a new one takes its place.
        if kind in (NO_MEMORY, FAILURE, MACHINE_SHORT):
            return


def _answer_next(connection: socket.socket, memory_bytes: int) -> tuple[int, int, bytes | memoryview]:
    """The kind, the sample rate in hertz and the bytes of the reply to the next request.

    Raises:
        EOFError: when there is no further request.
        _MachineShort: when decoding takes more memory than the system gives, and less than a clip may need.
        MemoryError: when decoding takes more memory than any clip needs.
    """
    request, descriptors, _, _ = socket.recv_fds(connection, REQUEST.size, 1)
    if len(request) < REQUEST.size or not descriptors:
        raise EOFError
    ending, max_duration_s, give_up_s = REQUEST.unpack(request)
    # If the parent has died, this timer ends a call of a library that never returns.
    signal.setitimer(signal.ITIMER_REAL, give_up_s)
    enough = True
    if memory_bytes:
        enough = _limit_memory(memory_bytes + _WORKING_BYTES + round(max_duration_s * mix_down.HIGHEST_RATE) * 4)
    try:
        samples, rate = decoding.decode_file(
            descriptors[0], ending.rstrip(b"\0").decode(errors="replace"), max_duration_s=max_duration_s
        )
    except MemoryError as error:
        if enough:
            raise
        raise _MachineShort from error
    # A hostile file may break a parser in any way; the clip is refused with the error as its detail.
    except Exception as error:
        reason = error.reason if isinstance(error, ClipRefused) else "unreadable"
        return REFUSAL, 0, json.dumps([reason, one_line(error)]).encode()
    finally:
        os.close(descriptors[0])
    return SAMPLES, rate, np.ascontiguousarray(samples).data.cast("B")


def _confine() -> int:
    """Gives up what decoding does not need; returns how much memory the process has so far, or 0 if that is unknown."""
    # The parent handles Ctrl-C, and this process ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # libmpg123 writes its warnings to standard error.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _limit_memory(limit_bytes: int) -> bool:
    """Limits the memory of this process; False where the system has limited it to less than a clip may need."""
    _, hard_bytes = resource.getrlimit(resource.RLIMIT_AS)
    # Without privileges no process may raise a limit that somebody else has set for it.
    enough = hard_bytes == resource.RLIM_INFINITY or hard_bytes >= limit_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes if enough else hard_bytes, hard_bytes))
    return enough


def main() -> None:
    """Serves the socket that is this program's standard input."""
    # A parent that has ended reads no answer.
    with socket.socket(fileno=0) as parent, contextlib.suppress(ConnectionError):
        serve(parent)
