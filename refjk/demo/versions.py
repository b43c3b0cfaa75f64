"""Versions of `refjk.demo.hello` as archives, and the watched directory that they are put into."""

from __future__ import annotations

import os
import shutil
import threading
from importlib import resources
from pathlib import Path

from refjk.base.errors import InputError, Malformed
from refjk.runtime.farm_files import partial_of
from refjk.runtime.war_archive import build_archive, verify_archive

PATH = "/hello"
FILE = "hello.war"

_MODULE = "refjk_demo_hello"  # in the archive; the mark by which one of the demo is known
_WEB_XML = """<web-app>
  <display-name>version {version}</display-name>
  <distributable/>
  <context-param><param-name>refjk.application</param-name>\
<param-value>{module}:application</param-value></context-param>
  <context-param><param-name>version</param-name><param-value>{version}</param-value></context-param>
</web-app>
"""


class Versions:
    """Builds into `folder`. All methods may be called from any thread, and raise `InputError`."""

    def __init__(self, folder: Path, watch: Path) -> None:
        self.watched = watch / FILE
        self._folder = folder
        self._lock = threading.Lock()
        self._latest = 0

    def archive(self, version: int) -> Path:
        """The file of a version, built if it is not there."""
        file = self._folder / f"hello-{version}.war"
        if not file.exists():
            source = self._folder / f"hello-{version}"
            code = resources.files("refjk.demo").joinpath("hello.py").read_bytes()
            text = _WEB_XML.format(version=version, module=_MODULE)
            try:
                (source / "WEB-INF/classes").mkdir(parents=True)
                (source / f"WEB-INF/classes/{_MODULE}.py").write_bytes(code)
                (source / "WEB-INF/web.xml").write_text(text, "utf-8")
            except OSError as error:
                raise InputError(f"{error.filename}: {error.strerror}") from None
            build_archive(source, file)
        return file

    def drop(self) -> int:
        """Puts a version into the watched directory that was not there before, by one rename."""
        with self._lock:
            version = self._latest = max(self._latest, self._watched_version()) + 1
            archive = self.archive(version)
            try:
                shutil.copyfile(archive, partial_of(self.watched))
                os.replace(partial_of(self.watched), self.watched)
            except OSError as error:
                raise InputError(f"{self.watched}: {error.strerror}") from None
        return version

    def remove(self) -> None:
        """Takes it out again, if it is there."""
        with self._lock:
            self._latest = max(self._latest, self._watched_version())
            try:
                self.watched.unlink(missing_ok=True)
            except OSError as error:
                raise InputError(f"{self.watched}: {error.strerror}") from None

    def _watched_version(self) -> int:
        """0 where there is none; somebody's own archive of that name is left alone."""
        if not os.path.lexists(self.watched):
            return 0
        try:
            application = verify_archive(self.watched).application
        except Malformed:
            application = None
        if application is None or application.module != _MODULE:
            raise InputError(f"{self.watched} is not the demo's; it stays as it is")
        return int(dict(application.parameters)["version"])
