"""`WEB-INF/web.xml`: what refjk reads of it, and nothing that could make reading it dangerous."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from refjk.base.errors import Malformed

DESCRIPTOR = "WEB-INF/web.xml"
DESCRIPTOR_SIZE_MAX = 64 * 1024
ELEMENTS_MAX = 2000
DEPTH_MAX = 20
CALLABLE_PARAMETER = "refjk.application"

_CALLABLE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebApplication:
    """What the descriptor says. `module` and `attribute` name the WSGI callable."""

    module: str
    attribute: str
    display_name: str | None = None
    distributable: bool = False  # sessions are replicated, and kept over a redeploy
    parameters: tuple[tuple[str, str], ...] = ()  # every context-param, in order


class _Bounded(ElementTree.TreeBuilder):
    """Builds the tree while it stays small; a document type, where entities would come from, ends it."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = 0
        self._depth = 0

    def doctype(self, name: str, *_: Any) -> None:
        # FAR-ARC-12
        raise _malformed("no document type", f"one named {name[:40]!r}")

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self._elements += 1
        self._depth += 1
        if self._elements > ELEMENTS_MAX or self._depth > DEPTH_MAX:
            raise _malformed(
                f"up to {ELEMENTS_MAX} elements, {DEPTH_MAX} deep", f"{self._elements}, {self._depth} deep"
            )
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)


def read_web_xml(octets: bytes) -> WebApplication:
    """The application of a descriptor. Raises `Malformed`.

    The callable is the context parameter `refjk.application`, as `package.module:callable`. Elements that
    are not known are passed over; namespaces do not matter.
    """
    if len(octets) > DESCRIPTOR_SIZE_MAX:
        raise _malformed(f"up to {DESCRIPTOR_SIZE_MAX} octets", str(len(octets)))
    parser = ElementTree.XMLParser(target=_Bounded())
    try:
        parser.feed(octets)
        root = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise _malformed("well-formed XML", str(error)[:100]) from None
    if _local(root) != "web-app":
        raise _malformed("web-app as the root", repr(_local(root))[:60])
    parameters = tuple(_parameter(child) for child in root if _local(child) == "context-param")
    names = [name for name, _ in parameters]
    if len(set(names)) != len(names):
        raise _malformed("each context-param once", "one of them twice")
    named = dict(parameters).get(CALLABLE_PARAMETER)
    if named is None or not _CALLABLE.fullmatch(named):
        # FAR-ARC-13
        raise Malformed(
            "FAR-ARC-13",
            offset=0,
            expected=f"the context-param {CALLABLE_PARAMETER}, as module:callable",
            actual="none" if named is None else repr(named)[:60],
        )
    module, _, attribute = named.partition(":")
    display = next((_text(child) for child in root if _local(child) == "display-name"), None)
    distributable = any(_local(child) == "distributable" for child in root)
    return WebApplication(module, attribute, display, distributable, parameters)


def _parameter(element: ElementTree.Element) -> tuple[str, str]:
    texts = {_local(child): _text(child) for child in element}
    if "param-name" not in texts or "param-value" not in texts:
        raise _malformed("param-name and param-value", ", ".join(sorted(texts))[:60] or "nothing")
    return texts["param-name"], texts["param-value"]


def _text(element: ElementTree.Element) -> str:
    return (element.text or "").strip()


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _malformed(expected: str, actual: str) -> Malformed:
    return Malformed("FAR-ARC-12", offset=0, expected=expected, actual=actual)
