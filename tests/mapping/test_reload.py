"""When a mount file is read again (`spec/uri-mapping.md` section 9)."""

from __future__ import annotations

import pytest

from refjk.base.errors import InputError
from refjk.mapping import MountFileWatch
from refjk.speccheck import covers


@covers("MAP-RLD-01")
def test_file_is_due_after_more_than_the_seconds_told() -> None:
    watch = MountFileWatch("stamp", now_ms=10_500, reload_s=60)
    assert not watch.is_due(70_999)
    assert watch.is_due(71_000)
    watch.looked("stamp", 71_000)
    assert not watch.is_due(131_999)
    assert watch.is_due(132_000)


@covers("MAP-RLD-01")
def test_file_is_never_due_with_zero_and_a_negative_number_is_refused() -> None:
    assert not MountFileWatch(1, now_ms=0, reload_s=0).is_due(10**12)
    with pytest.raises(InputError, match="JkMountFileReload -1"):
        MountFileWatch(1, now_ms=0, reload_s=-1)


@covers("MAP-RLD-02")
def test_file_is_read_again_when_its_stamp_differs_either_way() -> None:
    watch = MountFileWatch(100, now_ms=0)
    assert [watch.looked(stamp, 0) for stamp in (100, 101, 101, 99, None, 99)] == [
        False,
        True,
        False,
        True,
        True,
        True,
    ]
