"""A `web.xml`: what an application is made of. `spec/container-configuration.md`, section 8

    read = read_web_xml(text, "webapps/shop/WEB-INF/web.xml")
    raise_if_refused(read.complaints)
    read.servlets, read.distributable, read.session_timeout.value

A servlet is a WSGI callable: its `servlet-class` has the shape `module:app`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from refjk.configuration.complaints import Complaint, Complaints, shown
from refjk.configuration.origins import BY_DEFAULT, Origin, Place, Setting, Source
from refjk.configuration.server_xml import is_callable_name
from refjk.configuration.xml_reader import XmlElement, read_xml

SESSION_TIMEOUT_MIN = 30
WELCOME_FILES = ("index.html", "index.htm")
DEFAULT_SERVLET = "default"  # files; every application has it
_MINUTES_MAX = 2**31 // 60

_READ = frozenset(
    {
        "context-param",
        "display-name",
        "distributable",
        "listener",
        "mime-mapping",
        "servlet",
        "servlet-mapping",
        "session-config",
        "welcome-file-list",
    }
)
_QUIET = frozenset({"description", "icon", "small-icon", "large-icon"})
_PASSED = frozenset(
    {
        "ejb-local-ref",
        "ejb-ref",
        "env-entry",
        "error-page",
        "filter",
        "filter-mapping",
        "jsp-config",
        "locale-encoding-mapping-list",
        "login-config",
        "message-destination",
        "message-destination-ref",
        "resource-env-ref",
        "resource-ref",
        "security-role",
        "service-ref",
        "taglib",
    }
)
_CHILDREN: Mapping[str, frozenset[str]] = {
    "context-param": frozenset({"param-name", "param-value"}),
    "listener": frozenset({"listener-class"}),
    "mime-mapping": frozenset({"extension", "mime-type"}),
    "servlet": frozenset({"servlet-name", "servlet-class", "load-on-startup"}),
    "servlet-mapping": frozenset({"servlet-name", "url-pattern"}),
    "session-config": frozenset({"session-timeout"}),
    "welcome-file-list": frozenset({"welcome-file"}),
}
_PASSED_CHILDREN = frozenset({"init-param", "jsp-file", "run-as", "security-role-ref", "cookie-config"})
_NO_NAME: Setting[str | None] = Setting(None)
_NOT_DISTRIBUTABLE = Setting(False)
_TIMEOUT = Setting(SESSION_TIMEOUT_MIN)
_WELCOME: Setting[tuple[str, ...]] = Setting(WELCOME_FILES)
_PATTERN = re.compile(r"/|/\*|/[^*]*(?:/\*)?|\*\.[^/*]+")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Servlet:
    """`target` is `module:app`."""

    name: str
    target: str
    place: Place


@dataclass(frozen=True, slots=True)
class ServletMapping:
    """A pattern is exact (`/a`), a prefix (`/a/*`), an extension (`*.gif`), or `/` for all that is left."""

    pattern: str
    servlet: str
    place: Place


@dataclass(frozen=True, slots=True)
class ListenerName:
    """`target` is `module:object`."""

    target: str
    place: Place


@dataclass(frozen=True, slots=True)
class WebApplication:
    """What a `web.xml` comes to. The timeout is minutes, and 0 or less is never. Types are by extension."""

    file: str
    display_name: Setting[str | None] = _NO_NAME
    distributable: Setting[bool] = _NOT_DISTRIBUTABLE
    session_timeout: Setting[int] = _TIMEOUT
    servlets: Mapping[str, Servlet] = field(default_factory=dict)
    mappings: tuple[ServletMapping, ...] = ()
    listeners: tuple[ListenerName, ...] = ()
    welcome_files: Setting[tuple[str, ...]] = _WELCOME
    media_types: Mapping[str, Setting[str]] = field(default_factory=dict)
    parameters: Mapping[str, Setting[str]] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()


def read_web_xml(text: str, file: str) -> WebApplication:
    """Nothing is raised for what the text says."""
    complaints = Complaints()
    root = read_xml(text, file, complaints)
    if root is not None and root.name != "web-app":
        # WXM-ELM-01
        complaints.error(
            root.place,
            root.name,
            f"the outermost element is <web-app>, not <{shown(root.name)}>",
            "WXM-ELM-01",
        )
        root = None
    if root is None:
        return WebApplication(file, complaints=complaints.found())
    return _Reader(file, complaints).application(root)


class _Reader:
    """Reads the children of `<web-app>`, in any order."""

    def __init__(self, file: str, complaints: Complaints) -> None:
        self._file = file
        self._complaints = complaints

    def application(self, root: XmlElement) -> WebApplication:
        for element in root.children:
            self._check(element)
        servlets = self._servlets(root)
        return WebApplication(
            self._file,
            display_name=self._display_name(root),
            distributable=self._distributable(root),
            session_timeout=self._session_timeout(root),
            servlets=servlets,
            mappings=self._mappings(root, servlets),
            listeners=self._listeners(root),
            welcome_files=self._welcome_files(root),
            media_types=self._pairs(root, "mime-mapping", "extension", "mime-type"),
            parameters=self._pairs(root, "context-param", "param-name", "param-value"),
            complaints=self._complaints.found(),
        )

    # -- names ------------------------------------------------------------------------------------

    def _check(self, element: XmlElement) -> None:
        name = element.name
        if name == "security-constraint":
            # WXM-SEC-01
            self._complaints.error(
                element.place,
                name,
                "<security-constraint> protects nothing in refjk, and what it names would be open to all",
                "WXM-SEC-01",
                remedy="protect these paths in the web server or in the application, and take it out here",
            )
            return
        self._unless_known(element, _READ, "<web-app>")
        for child in element.children if name in _CHILDREN else ():
            self._unless_known(child, _CHILDREN[name], f"<{name}>")

    def _unless_known(self, element: XmlElement, known: Iterable[str], where: str) -> None:
        name = element.name
        if name in known or name in _QUIET:
            return
        if name in _PASSED or name in _PASSED_CHILDREN:
            # WXM-ELM-03
            self._complaints.warning(element.place, name, f"<{name}> has no effect in refjk", "WXM-ELM-03")
            return
        # WXM-ELM-02
        self._complaints.warning(
            element.place,
            name,
            f"there is no element <{shown(name)}> in {where}; it is ignored",
            "WXM-ELM-02",
            self._complaints.nearest(name, known),
        )

    def _text(self, element: XmlElement, name: str) -> str:
        """The text of the last child of a name; empty, with an error, when there is none. WXM-ELM-04"""
        found = [child for child in element.all(name) if child.text]
        if not found:
            self._complaints.error(
                element.place,
                element.name,
                f"<{element.name}> needs <{name}>",
                "WXM-ELM-04",
                remedy=f"write <{name}>…</{name}> in it",
            )
            return ""
        return found[-1].text

    # -- values -----------------------------------------------------------------------------------

    def _display_name(self, root: XmlElement) -> Setting[str | None]:
        found = _NO_NAME
        for element in root.all("display-name"):
            found = Setting(element.text, _given(element))
        return found

    def _distributable(self, root: XmlElement) -> Setting[bool]:
        """WXM-DIS-01"""
        first = next(root.all("distributable"), None)
        return _NOT_DISTRIBUTABLE if first is None else Setting(True, _given(first))

    def _session_timeout(self, root: XmlElement) -> Setting[int]:
        """WXM-SES-01"""
        found = _TIMEOUT
        for config in root.all("session-config"):
            for element in config.all("session-timeout"):
                text = element.text
                minutes = int(text) if _NUMBER.fullmatch(text) else None
                if minutes is not None and abs(minutes) <= _MINUTES_MAX:
                    found = Setting(minutes, _given(element))
                    continue
                self._complaints.error(
                    element.place,
                    "session-timeout",
                    f"session-timeout is a number of minutes, not {shown(text)}",
                    "WXM-SES-01",
                )
        return found

    def _servlets(self, root: XmlElement) -> dict[str, Servlet]:
        servlets: dict[str, Servlet] = {}
        for element in root.all("servlet"):
            name = self._text(element, "servlet-name")
            target = self._text(element, "servlet-class")
            if not name or not target:
                continue
            if name in servlets or name == DEFAULT_SERVLET:
                self._complaints.error(
                    element.place, "servlet", f"there is a servlet {shown(name)} already", "WXM-APP-04"
                )
                continue
            # WXM-APP-01
            if not is_callable_name(target):
                self._refuse_class(element, "servlet-class", target, "app", "WXM-APP-01")
            servlets[name] = Servlet(name, target, element.place)
        return servlets

    def _refuse_class(self, element: XmlElement, what: str, target: str, example: str, clause: str) -> None:
        place = next((child.place for child in element.all(what)), element.place)
        self._complaints.error(
            place,
            what,
            f"{shown(target)} is not the name of something in Python",
            clause,
            remedy=f"write module:{example}",
        )

    def _mappings(self, root: XmlElement, servlets: Mapping[str, Servlet]) -> tuple[ServletMapping, ...]:
        """WXM-APP-04"""
        mappings: dict[str, ServletMapping] = {}
        known = {**dict.fromkeys(servlets), DEFAULT_SERVLET: None}
        for element in root.all("servlet-mapping"):
            name = self._text(element, "servlet-name")
            self._text(element, "url-pattern")
            if name and name not in known:
                self._complaints.error(
                    element.place,
                    "servlet-mapping",
                    f"there is no servlet {shown(name)}",
                    "WXM-APP-04",
                    self._complaints.nearest(name, known),
                )
                continue
            for child in element.all("url-pattern") if name else ():
                pattern = child.text
                if not _PATTERN.fullmatch(pattern):
                    self._complaints.error(
                        child.place,
                        "url-pattern",
                        f"{shown(pattern)} is not a pattern",
                        "WXM-APP-04",
                        remedy="write /*, /, /path, /path/* or *.extension",
                    )
                elif pattern in mappings:
                    self._complaints.error(
                        child.place,
                        "url-pattern",
                        f"{shown(pattern)} is given to {shown(mappings[pattern].servlet)} already",
                        "WXM-APP-04",
                    )
                else:
                    mappings[pattern] = ServletMapping(pattern, name, child.place)
        mapped = {mapping.servlet for mapping in mappings.values()}
        for servlet in servlets.values():
            if servlet.name not in mapped:
                self._complaints.warning(
                    servlet.place,
                    "servlet",
                    f"no path leads to the servlet {shown(servlet.name)}",
                    "WXM-APP-05",
                    remedy="write a <servlet-mapping> with <url-pattern>/*</url-pattern>",
                )
        return tuple(mappings.values())

    def _listeners(self, root: XmlElement) -> tuple[ListenerName, ...]:
        listeners = []
        for element in root.all("listener"):
            target = self._text(element, "listener-class")
            # WXM-LST-01
            if target and not is_callable_name(target):
                self._refuse_class(element, "listener-class", target, "object", "WXM-LST-01")
            if target:
                listeners.append(ListenerName(target, element.place))
        return tuple(listeners)

    def _welcome_files(self, root: XmlElement) -> Setting[tuple[str, ...]]:
        names: list[str] = []
        origin = BY_DEFAULT
        for element in root.all("welcome-file-list"):
            for child in element.all("welcome-file"):
                # WXM-WEL-01
                if "/" in child.text or child.text in ("", ".", ".."):
                    self._complaints.error(
                        child.place,
                        "welcome-file",
                        f"{shown(child.text) or 'nothing'} is not the name of a file",
                        "WXM-WEL-01",
                    )
                    continue
                names.append(child.text)
                origin = _given(element)
        return Setting(tuple(names), origin) if names else _WELCOME

    def _pairs(self, root: XmlElement, what: str, key: str, value: str) -> dict[str, Setting[str]]:
        found: dict[str, Setting[str]] = {}
        for element in root.all(what):
            name = self._text(element, key)
            if name:
                found[name] = Setting(self._text(element, value), _given(element))
        return found


def _given(element: XmlElement) -> Origin:
    return Origin(Source.GIVEN, element.place)
