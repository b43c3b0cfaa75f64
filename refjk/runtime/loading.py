"""`MODULE:APP` into a WSGI callable, with one sentence when that fails."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from typing import Any

from refjk.base.errors import InputError, UsageError


def load_application(name: str) -> Any:
    """The callable `APP` (dots allowed, `app` by default) of `MODULE`, which may lie in the
    working directory. Raises `UsageError` for a name of another shape, `InputError` for one
    that cannot be loaded."""
    module_name, _, path = name.partition(":")
    if not module_name or not all(part.isidentifier() for part in module_name.split(".")):
        raise UsageError(f"{name!r} is not MODULE:APP, such as mypackage.wsgi:application")
    if (here := os.getcwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    found: Any = _import(module_name)
    for part in (path or "app").split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"module {module_name!r} has no {path or 'app'!r}{hint}") from None
        except Exception as error:
            raise InputError(f"{name!r} cannot be had: {_described(error)}") from None
    if not callable(found):
        raise InputError(f"{name!r} is a {type(found).__name__} and cannot be called; a WSGI application can")
    return found


def _import(module_name: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            hint = "; write it without .py" if module_name.endswith(".py") else ""
            raise InputError(
                f"no module named {error.name!r} (looked in {os.getcwd()} and the installed packages){hint}"
            ) from None
        raise InputError(f"module {module_name!r} cannot be imported: {error}") from None
    except (Exception, SystemExit) as error:
        raise InputError(f"module {module_name!r} cannot be imported: {_described(error)}") from None


def _described(error: BaseException) -> str:
    """An error and where it happened, in one line."""
    places = traceback.extract_tb(error.__traceback__)
    where = f" at {places[-1].filename}:{places[-1].lineno}" if places else ""
    return " ".join(f"{type(error).__name__}: {error}{where}".split())
