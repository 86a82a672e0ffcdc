"""Secrets as kubelet mounts them: each file is a link through `..data`, which is turned."""

from collections.abc import Mapping
from pathlib import Path


class MountedSecrets:
    """A folder with the files of a projected volume."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def put(self, secrets: Mapping[str, str]) -> None:
        """Write all secrets anew beside the former ones, turn `..data` to them in one step, and
        take away links that lead nowhere, and then the former ones: kubelet's own order."""
        data = self._folder / "..data"
        former = data.resolve() if data.is_symlink() else None
        self._count += 1
        new = self._folder / f"..2026_{self._count}"
        new.mkdir()
        for name, value in secrets.items():
            (new / name).write_text(value)
        (link := self._folder / "..data_tmp").symlink_to(new.name)
        link.replace(data)
        for name in secrets:
            if not (self._folder / name).is_symlink():
                (self._folder / name).symlink_to(f"..data/{name}")
        if former:
            for file in former.iterdir():
                if file.name not in secrets:
                    (self._folder / file.name).unlink()
                file.unlink()
            former.rmdir()
