"""What is put again is young again, so that no gc takes it before its pointer is published."""

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from cacheferry.core import storeurl
from cacheferry.core.oid import relative_path
from cacheferry.core.store import GRACE, no_progress
from lfs_agent.stores import open_store
from tests.servers.place import FolderPlace, oid_of
from tests.stores.conftest import KINDS


@pytest.mark.parametrize("kind", ["folder", "sftp"])
def test_an_old_object_that_is_put_again_is_young(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = KINDS[kind](tmp_path)
    for key, value in place.env.items():
        monkeypatch.setenv(key, value)
    assert isinstance(place, FolderPlace)
    oid, source = oid_of(b"data"), tmp_path / "source"
    source.write_bytes(b"data")
    with closing(open_store(storeurl.parse(place.url, tmp_path))) as store:
        for age in (0.4, 0.6, 2.0):
            place.keep(oid, b"data")
            when = time.time() - GRACE * age
            os.utime(place.folder / relative_path(oid), (when, when))
            store.put(oid, source, no_progress)
            (listed,) = store.objects()
            made_young = abs(listed.modified - time.time()) < 300
            assert made_young == (age > 0.5)
