"""Files of the machine itself: only below one folder, whatever links there are."""

from pathlib import Path

from precedent.settings import SETTINGS

from .contract import Place, SourceFault


def root(place: Place) -> Path:
    """Return the folder below which files may be read.

    Raises:
        SourceFault: there is none.
    """
    if not place.order.files_dir:
        variable = SETTINGS["data_files_dir"].variable
        raise SourceFault(f"files are read below one folder of the server only, and none is set: {variable}")
    return Path(place.order.files_dir).resolve()


def inside(place: Place, path: str) -> Path:
    """Return a path below the folder with all links followed.

    Raises:
        SourceFault: it leads out of the folder, or there is no such file.
    """
    folder = root(place)
    if not path or "\0" in path:
        raise SourceFault("the path is empty, or holds a NUL")
    try:
        found = (folder / path.lstrip("/")).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise SourceFault(f"there is no file {path}") from error
    if not found.is_relative_to(folder):
        raise SourceFault(f"{path} leads out of the folder for files")
    return found
