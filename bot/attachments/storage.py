"""The folder of attachments: random names, written whole or not at all.

A file is made durable before its row is committed, so a row never points at a file that is not there; what was killed in
between leaves a file without a row, which ``remove_strays`` deletes. A file's age is that of the disk, not of the business clock.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from bot.attachments.errors import AttachmentLost

FOLDERS = 256
STRAY_SECONDS = 3600
"""A file without a row for so long belongs to no upload that still runs."""
_NAME = re.compile(r"[0-9a-f]{32}")
_PARTIAL = ".part"


class Storage:
    """Files by attachment id (32 hexadecimal digits), spread over 256 folders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, attachment_id: str) -> Path:
        """Raises ``ValueError`` for anything but an id of ours: no other text ever becomes a path."""
        if _NAME.fullmatch(attachment_id) is None:
            raise ValueError("not an attachment id")
        return self.root / attachment_id[:2] / attachment_id

    def write(self, attachment_id: str, data: bytes) -> None:
        """On the disk, under its name, when this returns."""
        path = self.path(attachment_id)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(_PARTIAL)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self, attachment_id: str) -> bytes:
        """Raises ``AttachmentLost``."""
        try:
            return self.path(attachment_id).read_bytes()
        except FileNotFoundError as error:
            raise AttachmentLost("the file of an attachment is missing") from error

    def delete(self, attachment_id: str) -> None:
        """Nothing happens when it is not there."""
        self.path(attachment_id).unlink(missing_ok=True)

    def remove_strays(self, folder: int, known: Callable[[Collection[str]], Collection[str]]) -> int:
        """Deletes the old files of one of the 256 folders that ``known`` does not name; how many they were."""
        place = self.root / f"{folder:02x}"
        if not place.is_dir():
            return 0
        old = [path for path in place.iterdir() if self._age(path) > STRAY_SECONDS]
        kept = known([path.name for path in old if _NAME.fullmatch(path.name)])
        strays = [path for path in old if path.name not in kept]
        for path in strays:
            path.unlink(missing_ok=True)
        return len(strays)

    @staticmethod
    def _age(path: Path) -> float:
        with suppress(FileNotFoundError):  # another worker was faster
            return time.time() - path.stat().st_mtime
        return 0
