"""When a mount file is looked at again and when it is read again; the looking is for the caller."""

from __future__ import annotations

from refjk.base.errors import InputError

RELOAD_S_DEFAULT = 60


class MountFileWatch:
    """One mount file. `stamp` is the time of its last change as its file system tells it, or the like.

    Ask `is_due` for each request, and tell `looked` what was seen.
    """

    def __init__(self, stamp: object, now_ms: int, reload_s: int = RELOAD_S_DEFAULT) -> None:
        if reload_s < 0:
            raise InputError(f"JkMountFileReload {reload_s}: write a number of seconds, 0 for never")
        self._reload_s = reload_s
        self._stamp = stamp
        self._looked_s = now_ms // 1000

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time to look at the file."""
        # MAP-RLD-01
        return self._reload_s > 0 and now_ms // 1000 - self._looked_s > self._reload_s

    def looked(self, stamp: object, now_ms: int) -> bool:
        """Takes down a look at the file; true when it has to be read again."""
        self._looked_s = now_ms // 1000
        # MAP-RLD-02
        changed, self._stamp = stamp != self._stamp, stamp
        return changed
