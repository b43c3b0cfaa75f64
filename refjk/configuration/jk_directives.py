"""What each directive of mod_jk does to the draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from refjk.base.errors import InputError
from refjk.configuration.complaints import shown
from refjk.configuration.directive_table import BY_LOWER_NAME, DIRECTIVES
from refjk.configuration.draft import Draft, ServerDraft, given
from refjk.configuration.httpd_model import AutoMount, EnvVar, ForwardUri, JkOption, LogLevel
from refjk.configuration.httpd_tree import PATH_SECTIONS, Directive
from refjk.configuration.log_format import REQUEST_LETTERS, parse_log_format
from refjk.configuration.mount_rules import (
    MountRule,
    MountSource,
    RuleExtensions,
    parse_rule_target,
    read_mount_file,
)
from refjk.configuration.origins import Profile, Setting
from refjk.configuration.print_faults import complain_of_curly_quotes
from refjk.configuration.values import is_whole_number, parse_number

Handler = Callable[[Draft, ServerDraft, Directive, Sequence[str]], None]

_FORWARD_URI_SINCE = {
    ForwardUri.COMPAT: "1.2.6",
    ForwardUri.COMPAT_UNPARSED: "1.2.6",
    ForwardUri.ESCAPED: "1.2.6",
    ForwardUri.PROXY: "1.2.24",
}
_OPTION_SINCE = {
    JkOption.FORWARD_KEY_SIZE: "1.2.6",
    JkOption.FORWARD_DIRECTORIES: "1.2.6",
    JkOption.FORWARD_LOCAL_ADDRESS: "1.2.12",
    JkOption.FORWARD_PHYSICAL_ADDRESS: "1.2.38",
    JkOption.FLUSH_PACKETS: "1.2.14.1",
    JkOption.FLUSH_HEADER: "1.2.20",
    JkOption.DISABLE_REUSE: "1.2.19",
    JkOption.FORWARD_SSL_CERT_CHAIN: "1.2.22",
    JkOption.REJECT_UNSAFE_URI: "1.2.24",
}
_COLLAPSE = ("CollapseSlashesAll", "CollapseSlashesNone", "CollapseSlashesUnmount")
_COLLAPSE_SINCE = "1.2.41"
_EXCLUSIVE = {
    JkOption.FORWARD_LOCAL_ADDRESS: JkOption.FORWARD_PHYSICAL_ADDRESS,
    JkOption.FORWARD_PHYSICAL_ADDRESS: JkOption.FORWARD_LOCAL_ADDRESS,
}
DEFAULT_STRIP_NAME = ";jsessionid"


def file_of(draft: Draft, directive: Directive, word: str) -> str:
    """A file or folder that a directive names, below the server root."""
    complain_of_curly_quotes(
        word, directive.line, directive.place, directive.name, draft.complaints, names_file=True
    )
    return draft.tree.absolute(word)


def number_of(draft: Draft, directive: Directive, word: str) -> int:
    """A number as C reads it, with a warning when the word says more or less."""
    number = parse_number(word)
    if not is_whole_number(word):
        draft.warning(directive, f"{shown(word)} reads as {number}", "CFG-VAL-01")
    return number


def flag_of(draft: Draft, directive: Directive, word: str) -> bool | None:
    """On or Off in any case; None with a complaint for anything else. CFG-DIR-09"""
    flag = {"on": True, "off": False}.get(word.lower())
    if flag is None:
        draft.error(directive, f"{directive.name} {shown(word)}: write On or Off", "CFG-DIR-09")
    return flag


# -- workers --------------------------------------------------------------------------------------


def _workers_file(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    path = file_of(draft, directive, words[0])
    # CFG-DIR-05
    if draft.workers_file.is_given and draft.profile is not Profile.V1_2_7:
        draft.error(directive, "JkWorkersFile can be given once only", "CFG-DIR-05")
        return
    draft.workers_file = Setting(path, given(directive))


def _worker_property(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    text = directive.arguments
    if text[:1] in ("'", '"'):
        # CFG-DIR-08
        remedy = f"write JkWorkerProperty {shown(text.strip(text[0]))}"
        draft.warning(directive, "quotes are part of the property, which has no effect", "CFG-DIR-08", remedy)
    draft.properties.read_line(text, directive.place)


# -- mounts ---------------------------------------------------------------------------------------


def _mount(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    _add_mount(draft, server, directive, words, exclude=False)


def _unmount(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    _add_mount(draft, server, directive, words, exclude=True)


def _add_mount(
    draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str], *, exclude: bool
) -> None:
    location = location_path(directive)
    # CFG-DIR-07
    if location is None and len(words) == 1:
        remedy = f"write {directive.name} PATTERN {shown(words[0])}"
        draft.error(
            directive, "a pattern is missing: only within a Location one word is enough", "CFG-DIR-07", remedy
        )
        return
    if location is not None and len(words) == 2:
        what = "within a Location the pattern is that of the Location, and only a worker may be given"
        draft.error(directive, what, "CFG-DIR-07", f"write {directive.name} {shown(words[1])}")
        return
    pattern = words[0] if location is None else location
    # CFG-DIR-06
    if not pattern.startswith("/"):
        draft.error(directive, f"the pattern {shown(pattern)} does not begin with /", "CFG-DIR-06")
        return
    worker, extensions = words[-1], RuleExtensions()
    if draft.profile is not Profile.V1_2_7:
        worker, extensions = parse_rule_target(words[-1], directive.place, draft.complaints)
    rule = MountRule(pattern, worker, MountSource.DIRECTIVE, directive.place, exclude, False, extensions)
    # CFG-DIR-10: of equal patterns the later one counts.
    server.mounts.pop((pattern, exclude), None)
    server.mounts[pattern, exclude] = rule


def location_path(directive: Directive) -> str | None:
    """The path of the innermost Location or its kind; a regular expression is taken as it stands."""
    for section in reversed(directive.sections):
        if section.name in PATH_SECTIONS:
            words = section.words[1:] if section.words[:1] == ("~",) else section.words
            return words[0] if words else ""
    return None


def _mount_copy(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    word = words[0].lower()
    if draft.profile is Profile.V1_2_7:
        # CFG-DIR-12
        if flag_of(draft, directive, words[0]):
            draft.warning(directive, "JkMountCopy copies nothing in 1.2.7", "CFG-DIR-12")
        return
    if word == "all":
        # CFG-DIR-12
        if server is not draft.servers[0]:
            what = "JkMountCopy All cannot stand within <VirtualHost>"
            draft.error(directive, what, "CFG-DIR-12", "write JkMountCopy On")
            return
        draft.copy_to_all = True
        server.mount_copy = Setting(True, given(directive))
        return
    if word not in ("on", "off"):
        draft.error(directive, f"JkMountCopy {shown(words[0])}: write All, On or Off", "CFG-DIR-09")
        return
    server.mount_copy = Setting(word == "on", given(directive))


def _mount_file(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    path = file_of(draft, directive, words[0])
    try:
        text = draft.files.read(path)
    except InputError as error:
        # CFG-DIR-11
        draft.error(directive, str(error), "CFG-DIR-11")
        return
    draft.tree.files_read.append(path)
    server.mount_file = Setting(path, given(directive))
    server.mount_file_rules = read_mount_file(text, path, draft.complaints, draft.profile)


def _mount_file_reload(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    server.mount_file_reload = Setting(max(number_of(draft, directive, words[0]), 0), given(directive))


def _auto_mount(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    worker = words[1] if len(words) == 2 else None
    server.auto_mounts.append(AutoMount(words[0], worker, given(directive)))
    draft.warning(directive, "has no effect in refjk", "CFG-HTD-04", "write the mounts with JkMount")


def _auto_alias(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    server.auto_alias = Setting(file_of(draft, directive, words[0]), given(directive))


def _strip_session(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    flag = flag_of(draft, directive, words[0])
    if flag is not None:
        name = words[1] if len(words) == 2 else DEFAULT_STRIP_NAME
        server.strip_session = Setting(name if flag else None, given(directive))


# -- logs -----------------------------------------------------------------------------------------


def _log_file(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    if not words[0]:
        draft.error(directive, "JkLogFile needs a file", "CFG-DIR-04")
        return
    value = words[0] if words[0].startswith("|") else file_of(draft, directive, words[0])
    server.log_file = Setting(value, given(directive))


def _log_level(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    levels = {level.value: level for level in LogLevel}
    if draft.profile is Profile.V1_2_7:
        # CFG-DIR-13
        del levels["warn"]
        levels["emerg"] = LogLevel.ERROR
    level = levels.get(words[0].lower())
    if level is None:
        # CFG-DIR-13
        remedy = f"known: {', '.join(levels)}"
        draft.warning(directive, f"{shown(words[0])} is no level and counts as info", "CFG-DIR-13", remedy)
    server.log_level = Setting(level or LogLevel.INFO, given(directive))


def _log_stamp_format(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    server.log_stamp_format = Setting(words[0], given(directive))


def _request_log_format(
    draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]
) -> None:
    letters = REQUEST_LETTERS - {"R"} if draft.profile is Profile.V1_2_7 else REQUEST_LETTERS
    items = parse_log_format(words[0], letters, directive.place, directive.name, draft.complaints)
    server.request_log_format = Setting(items, given(directive))


# -- requests -------------------------------------------------------------------------------------


def _options(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    for word in words:
        _option(draft, server, directive, word)


def _option(draft: Draft, server: ServerDraft, directive: Directive, word: str) -> None:
    negated = word.startswith("-")
    name = (word[1:] if word[:1] in ("+", "-") else word).lower()
    knows = draft.profile.knows
    forms = {form.value.lower(): form for form in ForwardUri if knows(_FORWARD_URI_SINCE[form])}
    options = {option.value.lower(): option for option in JkOption if knows(_OPTION_SINCE[option])}
    if name in forms:
        if negated:
            # CFG-DIR-14
            draft.error(directive, f"{shown(word)} cannot be switched off", "CFG-DIR-14", "give another form")
            return
        server.forward_uri = Setting(forms[name], given(directive))
    elif name in options:
        option = options[name]
        server.options[option] = Setting(not negated, given(directive))
        if not negated and option in _EXCLUSIVE:
            server.options[_EXCLUSIVE[option]] = Setting(False, given(directive))
    elif name in (known.lower() for known in _COLLAPSE) and knows(_COLLAPSE_SINCE):
        # CFG-DIR-15
        draft.warning(directive, f"{shown(word)} has no effect any more", "CFG-DIR-15", "leave it out")
    else:
        # CFG-DIR-14
        known = [form.value for form in forms.values()] + [option.value for option in options.values()]
        near = draft.complaints.nearest(name, known)
        draft.complaints.error(
            directive.place, directive.name, f"there is no option {shown(word)}", "CFG-DIR-14", near
        )


def _env_var(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    value = words[1] if len(words) == 2 else None
    server.env_vars[words[0]] = EnvVar(words[0], value, given(directive))


def _extract_ssl(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    flag = flag_of(draft, directive, words[0])
    if flag is not None:
        server.extract_ssl = Setting(flag, given(directive))


def _indicator(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    name = BY_LOWER_NAME[directive.name.lower()].name
    server.indicators[name] = Setting(words[0], given(directive))


# -- the process ----------------------------------------------------------------------------------


def _shm_file(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    draft.shm_file = Setting(file_of(draft, directive, words[0]), given(directive))


def _shm_size(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    draft.shm_size = Setting(number_of(draft, directive, words[0]), given(directive))
    # CFG-DIR-15
    draft.warning(directive, "the size is found without it", "CFG-DIR-15", "leave it out")


def _watchdog_interval(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    draft.watchdog_interval = Setting(max(number_of(draft, directive, words[0]), 0), given(directive))


HANDLERS: Mapping[str, Handler] = {
    "jkworkersfile": _workers_file,
    "jkworkerproperty": _worker_property,
    "jkmount": _mount,
    "jkunmount": _unmount,
    "jkmountcopy": _mount_copy,
    "jkmountfile": _mount_file,
    "jkmountfilereload": _mount_file_reload,
    "jkautomount": _auto_mount,
    "jkautoalias": _auto_alias,
    "jkstripsession": _strip_session,
    "jklogfile": _log_file,
    "jkloglevel": _log_level,
    "jklogstampformat": _log_stamp_format,
    "jkrequestlogformat": _request_log_format,
    "jkoptions": _options,
    "jkenvvar": _env_var,
    "jkextractssl": _extract_ssl,
    "jkshmfile": _shm_file,
    "jkshmsize": _shm_size,
    "jkwatchdoginterval": _watchdog_interval,
    **{info.name.lower(): _indicator for info in DIRECTIVES if info.variable},
}
