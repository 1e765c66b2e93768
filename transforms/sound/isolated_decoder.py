"""Decoding in child processes, so that a file that crashes or hangs a decoder, or fills memory, costs only one clip.

A child is started as a program and never forked, because a fork does not work in a process with threads, such as a Beam
worker. There are as many children as files that are decoded at the same time. A child is started when it is needed
and used again for later files, by any thread.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from transforms.errors import reason_of
from transforms.sound import decoder_process, decoding, mix_down
from transforms.sound.refusal import ClipRefused

#: Decoding a clip takes 10 to 20 ms, so a decoder that takes half a minute has hung on any machine.
TIMEOUT_S = 30.0
# The timeout is longer for a large file, whose samples may have to be counted, and for a long clip, at a tenth of the
# speed of a decoder.
_TIMEOUT_BYTES_A_SECOND, _LONGEST_SIZE_TIMEOUT_S, _TIMEOUT_SPEED = 10_000_000, 300.0, 100
_START_TIMEOUT_S = 120.0
_SOCKET_BYTES = 1 << 20
_LONGEST_TEXT_BYTES = 1 << 16

# A child imports the modules of the same checkout or installation as this process.
_ROOT = str(Path(decoder_process.__file__).parents[2])
_PROGRAM = (
    "import sys; root = sys.argv[1]; root in sys.path or sys.path.insert(0, root); "
    "from transforms.sound.decoder_process import main; main()"
)
COMMAND = (sys.executable, "-P", "-c", _PROGRAM, _ROOT)
# Environment variables that Python needs to start. Others, such as the key of an endpoint, are not passed on.
_ENVIRONMENT = ("PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "LANG", "LC_ALL")


class DecoderUnavailable(OSError):
    """The decoder does not start, so no file can be decoded."""


class _ChildFailed(Exception):
    """A child crashed, hung, or ran out of memory."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _Child:
    """One child process; only one thread may use it at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self.used = False
        self._socket, theirs = socket.socketpair()
        # A library may have set a default timeout, as Beam does for gs://. It makes a new socket non-blocking, here and
        # in the child, which would find no request yet and end.
        theirs.setblocking(True)
        # A clip has about 4 MB of samples; larger buffers halve the number of context switches.
        for end in (self._socket, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        # Decoding needs no threads of BLAS, which would take memory.
        environment["OPENBLAS_NUM_THREADS"] = "1"
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=environment, cwd="/"
                )
        except OSError as error:
            self._socket.close()
            raise DecoderUnavailable(f"the decoder does not start: {reason_of(error)}") from error
        try:
            ready, _, _ = decoder_process.REPLY.unpack(
                self._receive(decoder_process.REPLY.size, time.monotonic() + _START_TIMEOUT_S)
            )
        except (OSError, EOFError) as error:
            self.kill()
            raise DecoderUnavailable(f"the decoder does not start: it {self._describe_exit()}") from error
        if ready != decoder_process.READY:
            self.kill()
            raise DecoderUnavailable("the decoder does not start: another program answers")

    def decode(
        self, descriptor: int, ending: str, max_duration_s: float, timeout_s: float
    ) -> tuple[NDArray[np.float32], int]:
        self.used = True
        deadline = time.monotonic() + timeout_s
        request = decoder_process.REQUEST.pack(ending.encode(errors="replace")[:16], max_duration_s, 2 * timeout_s)
        try:
            self._socket.settimeout(timeout_s)
            socket.send_fds(self._socket, [request], [descriptor])
            reply = self._receive(decoder_process.REPLY.size, deadline)
            kind, rate, size = decoder_process.REPLY.unpack(reply)
            if kind == decoder_process.SAMPLES:
                longest = math.ceil(max_duration_s * rate)
                if mix_down.LOWEST_RATE <= rate <= mix_down.HIGHEST_RATE and 0 < size <= 4 * longest and size % 4 == 0:
                    samples = np.empty(size // 4, dtype=np.float32)
                    self._receive_into(samples.data.cast("B"), deadline)
                    return samples, rate
            elif kind == decoder_process.REFUSAL and size < _LONGEST_TEXT_BYTES:
                answer = json.loads(self._receive(size, deadline))
                if isinstance(answer, list) and len(answer) == 2:
                    raise ClipRefused(str(answer[0]), str(answer[1]))
            elif kind == decoder_process.FAILURE and size < _LONGEST_TEXT_BYTES:
                text = self._receive(size, deadline).decode(errors="replace")
                raise _ChildFailed("decoder_crashed", f"the decoder failed: {text}")
            elif kind == decoder_process.MACHINE_SHORT:
                raise DecoderUnavailable(
                    "a decoder may not have the memory that a clip may need: see ulimit -v and audio.max_duration_s"
                )
            elif kind == decoder_process.NO_MEMORY:
                raise _ChildFailed("decoder_out_of_memory", "decoding takes more memory than any clip needs")
        except json.JSONDecodeError:
            # An invalid answer, as below.
            pass
        except DecoderUnavailable:
            raise
        except TimeoutError:
            raise _ChildFailed("decoder_hung", f"the decoder did not answer within {timeout_s:.0f} s") from None
        except (OSError, EOFError):
            self.kill()
            raise _ChildFailed("decoder_crashed", f"the decoder {self._describe_exit()}") from None
        raise _ChildFailed("decoder_crashed", "the decoder sent an invalid answer")

    def _receive(self, size: int, deadline: float) -> bytes:
        received = bytearray(size)
        self._receive_into(memoryview(received), deadline)
        return bytes(received)

    def _receive_into(self, target: memoryview, deadline: float) -> None:
        while target:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            count = self._socket.recv_into(target)
            if not count:
                raise EOFError
            target = target[count:]

    def _describe_exit(self) -> str:
        code = self._process.returncode
        return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def kill(self) -> None:
        """Waits shortly for the process to end by itself, which gives its exit code a meaning; else kills it."""
        self._socket.close()
        # A child that does not end by itself is killed below.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.5)
            return
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Releases the child in a process that was forked from its parent, without ending it."""
        self._socket.close()
        self._process.returncode = 0


class IsolatedDecoder:
    """Decodes files in child processes; any number of threads may use it.

    Args:
        command: the program that is started as a child.
        timeout_s: how long a child may take for a short clip, in seconds.
    """

    def __init__(self, command: Sequence[str] = COMMAND, timeout_s: float = TIMEOUT_S) -> None:
        self._command = command
        self._timeout_s = timeout_s
        self._idle: list[_Child] = []
        self._lock = threading.Lock()

    def decode_file(
        self, descriptor: int, ending: str = "", *, max_duration_s: float
    ) -> tuple[NDArray[np.float32], int]:
        """Decodes an open file as decoding.decode_file does, with the same arguments and the same result.

        If a child crashes, or fails after it has decoded other files, the file is tried once more in a new one: an
        earlier file may have damaged the library's state, or the machine may have been short of something.

        Raises:
            ClipRefused: as decoding.decode_file; and decoder_crashed, decoder_hung, decoder_out_of_memory.
            DecoderUnavailable: no file at all can be decoded.
        """
        max_duration_s = min(max_duration_s, decoding.LONGEST_S)
        size_s = min(os.fstat(descriptor).st_size / _TIMEOUT_BYTES_A_SECOND, _LONGEST_SIZE_TIMEOUT_S)
        timeout_s = self._timeout_s + size_s + max_duration_s / _TIMEOUT_SPEED
        child = self._take()
        tried = 0
        while True:
            tried += 1
            once_more = child.used
            try:
                answer = child.decode(descriptor, ending, max_duration_s, timeout_s)
            except ClipRefused:
                self._give_back(child)
                raise
            except _ChildFailed as failure:
                child.kill()
                if not (once_more or (failure.reason == "decoder_crashed" and tried == 1)):
                    raise ClipRefused(failure.reason, str(failure)) from None
                child = _Child(self._command)
            except BaseException:
                # After an interrupt the child is in the middle of a file and cannot serve another. The error goes on.
                child.kill()
                raise
            else:
                self._give_back(child)
                return answer

    def decode_bytes(self, data: bytes, name: str = "", *, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
        """Decodes the bytes of a file; the ending of its name helps to recognise some MP3s."""
        with in_memory(data) as descriptor:
            return self.decode_file(descriptor, os.path.splitext(name)[1], max_duration_s=max_duration_s)

    def close(self) -> None:
        """Ends the children that are not decoding."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.kill()

    def forget(self) -> None:
        """Releases all children in a forked process; they belong to its parent, as does any thread with the lock."""
        self._lock = threading.Lock()
        idle, self._idle = self._idle, []
        for child in idle:
            child.forget()

    def _take(self) -> _Child:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Child(self._command)

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            self._idle.append(child)


@contextlib.contextmanager
def in_memory(data: bytes) -> Iterator[int]:
    """Opens a file without a name that holds these bytes, and yields its descriptor."""
    with _open_nameless() as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) or 0 :]
        yield file.fileno()


def _open_nameless() -> io.RawIOBase:
    if hasattr(os, "memfd_create"):
        return io.FileIO(os.memfd_create("clip"), "r+b")
    return cast(io.RawIOBase, tempfile.TemporaryFile(buffering=0))


#: The decoder of this process.
DECODER = IsolatedDecoder()
atexit.register(DECODER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODER.forget)
