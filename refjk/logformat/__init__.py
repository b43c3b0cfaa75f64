"""Lines of logs: what stands in them, without a file, a clock or a thread.

    items = parse_log_format('%h "%r" %>s %b', ACCESS_LETTERS, place, "CustomLog", complaints)
    render = compile_access(items, local_time)      # once
    render(entry, Moment(now_us, pid, tid))         # for each request: '192.0.2.7 "GET / HTTP/1.1" 200 5'

`local_time` turns seconds since 1970 into an aware `datetime`. The files, and lines written into
them, are those of `refjk/runtime/access_log.py` and `refjk/runtime/jk_log.py`.
"""

from refjk.logformat.access import HTTPD, PLAIN, AccessRenderer, Dialect, compile_access, is_logged
from refjk.logformat.entry import LogEntry, Moment
from refjk.logformat.lines import LEVEL_NUMBERS, LineForm, Where, jk_line, line_form, request_line
from refjk.logformat.request_log import RequestRenderer, compile_request_log
from refjk.logformat.stamps import LocalTime, Stamp

__all__ = [
    "HTTPD",
    "LEVEL_NUMBERS",
    "PLAIN",
    "AccessRenderer",
    "Dialect",
    "LineForm",
    "LocalTime",
    "LogEntry",
    "Moment",
    "RequestRenderer",
    "Stamp",
    "Where",
    "compile_access",
    "compile_request_log",
    "is_logged",
    "jk_line",
    "line_form",
    "request_line",
]
