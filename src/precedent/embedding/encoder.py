"""A sentence encoder of BERT's shape, read from a folder and computed with numpy: no other run time is needed.

Source of the shape: Vaswani et al., "Attention is all you need" (2017); Devlin et al., "BERT" (2018); the mean over all
pieces, scaled to length 1: Reimers and Gurevych, "Sentence-BERT" (2019).
"""

import hashlib
import math
import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

# Texts are short: threads that share the work of one multiplication wait for each other most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from precedent.errors import Misconfigured

from .wordpiece import WordPieces

CONFIG, VOCABULARY, WEIGHTS = "config.json", "vocab.txt", "model.safetensors"
MAX_PIECES = 256
"""Of one text; the model was trained on no longer ones."""

MAX_HEADER_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 20
"""Of both ends of the weights, by which a model is told from another."""

BATCH_PIECES = 4096
"""What is computed at once, texts times pieces: the memory of it is bounded."""

Vectors = npt.NDArray[np.float32]


class _Shape(msgspec.Struct, frozen=True):
    """What `config.json` says of a model."""

    hidden_size: int
    num_attention_heads: int
    num_hidden_layers: int
    layer_norm_eps: float
    hidden_act: str
    model_type: str


class _Tensor(msgspec.Struct, frozen=True):
    """Where a tensor stands in the weights, bytes after the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class Encoder:
    """Turns texts into vectors of length 1.

    Args:
        folder: of the model: `config.json`, `vocab.txt`, `model.safetensors`.

    Raises:
        Misconfigured: there is no such model in it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            config, vocabulary = (folder / CONFIG).read_bytes(), (folder / VOCABULARY).read_bytes()
            self._shape = msgspec.json.decode(config, type=_Shape)
            self._words = WordPieces(vocabulary.decode().split("\n"))
            with (folder / WEIGHTS).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._weights = _tensors(mapped)
        except (OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
            raise Misconfigured(f"{folder} holds no model for embeddings: {error}") from error
        if self._shape.model_type != "bert" or self._shape.hidden_act != "gelu":
            raise Misconfigured(f"the model in {folder} is not of the shape of BERT with gelu")
        self.name = hashlib.sha256(config + vocabulary + mapped[:SAMPLE_BYTES] + mapped[-SAMPLE_BYTES:]).hexdigest()
        """Tells this model from others: vectors of two models have nothing to do with each other."""

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return self._shape.hidden_size

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text, shape (texts, dimensions)."""
        pieces = [self._words.numbers(text, limit=MAX_PIECES) for text in texts]
        found = np.zeros((len(texts), self.dimensions), np.float32)
        batch: list[int] = []
        for number in sorted(range(len(texts)), key=lambda number: len(pieces[number])):  # the like long together
            if batch and (len(batch) + 1) * len(pieces[number]) > BATCH_PIECES:
                found[batch] = self._batch([pieces[each] for each in batch])
                batch = []
            batch.append(number)
        if batch:
            found[batch] = self._batch([pieces[each] for each in batch])
        return found

    def _batch(self, pieces: list[list[int]]) -> Vectors:
        length = max(map(len, pieces))
        numbers, there = np.zeros((len(pieces), length), np.int64), np.zeros((len(pieces), length), np.float32)
        for row, each in enumerate(pieces):
            numbers[row, : len(each)], there[row, : len(each)] = each, 1
        weights = self._weights
        state = weights["embeddings.word_embeddings.weight"][numbers]
        state = state + weights["embeddings.position_embeddings.weight"][:length]
        state = self._normed(state + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        hidden = (there[:, None, None, :] - 1) * 1e9
        for layer in range(self._shape.num_hidden_layers):
            name = f"encoder.layer.{layer}"
            attended = self._attention(state, hidden, f"{name}.attention.self")
            attended = self._linear(attended, f"{name}.attention.output.dense")
            state = self._normed(state + attended, f"{name}.attention.output.LayerNorm")
            inner = _gelu(self._linear(state, f"{name}.intermediate.dense"))
            state = self._normed(state + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        mean = (state * there[:, :, None]).sum(1) / there.sum(1, keepdims=True)
        scaled: Vectors = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        return scaled

    def _attention(self, state: Vectors, hidden: Vectors, name: str) -> Vectors:
        texts, length, width = state.shape
        heads = self._shape.num_attention_heads
        query, key, value = (
            self._linear(state, f"{name}.{part}").reshape(texts, length, heads, -1).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(width / heads)) + hidden
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed: Vectors = (scores @ value).transpose(0, 2, 1, 3).reshape(texts, length, width)
        return mixed

    def _linear(self, state: Vectors, name: str) -> Vectors:
        found: Vectors = state @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return found

    def _normed(self, state: Vectors, name: str) -> Vectors:
        state = state - state.mean(-1, keepdims=True)
        state = state / np.sqrt((state * state).mean(-1, keepdims=True) + np.float32(self._shape.layer_norm_eps))
        found: Vectors = state * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return found


def _gelu(state: Vectors) -> Vectors:
    """Return x times the normal distribution's share below x.

    The error function is that of Abramowitz and Stegun, 7.1.26: off by at most 1.5e-7, as 32 bits are.
    """
    scaled = np.abs(state) * np.float32(math.sqrt(0.5))
    part = 1 / (1 + np.float32(0.3275911) * scaled)
    series = np.float32(1.061405429) * part - np.float32(1.453152027)
    for factor in (1.421413741, -0.284496736, 0.254829592):
        series = series * part + np.float32(factor)
    below: Vectors = np.copysign(1 - series * part * np.exp(-scaled * scaled), state)
    return state * (1 + below) * np.float32(0.5)


def _tensors(mapped: mmap.mmap) -> dict[str, Any]:
    """Return the tensors of a safetensors file without reading them; source: its README, "Format"."""
    size = int.from_bytes(mapped[:8], "little")
    if size > MAX_HEADER_BYTES:
        raise ValueError(f"the weights have a header of {size} bytes")
    header = msgspec.json.decode(mapped[8 : 8 + size], type=dict[str, msgspec.Raw])
    header.pop("__metadata__", None)
    found = {}
    for name, raw in header.items():
        tensor = msgspec.json.decode(raw, type=_Tensor)
        if tensor.dtype == "F32":
            values = np.frombuffer(mapped, np.float32, math.prod(tensor.shape), 8 + size + tensor.data_offsets[0])
            found[name] = values.reshape(tensor.shape)
    return found
