"""Numbers and names of session replication: what each means, and since which release of Tomcat 5.5."""

from __future__ import annotations

from enum import IntEnum, unique

FIRST_RELEASE = 5  # Tomcat 5.5.5
LAST_RELEASE = 36

# Releases in which something changed on the wire.
PASSWORD_FLAG_SINCE = 6  # a principal in a state may have no password
FLAGS_SINCE = 10  # messages carry compress and resend; members have a domain
HYPHEN_SINCE = 13  # in unique ids; session id messages name the host
AUTH_TYPE_SINCE = 34
STATE_COMPLETE_SINCE = 10
ID_CHANGED_SINCE = 30


@unique
class EventType(IntEnum):
    """What a session message says."""

    CREATED = 1
    EXPIRED = 2
    ACCESSED = 3
    GET_ALL = 4
    ALL_SESSION_DATA = 12
    DELTA = 13
    STATE_COMPLETE = 14  # since 5.5.10
    ID_CHANGED = 15  # since 5.5.30


OF_TRANSFER = frozenset({EventType.GET_ALL, EventType.ALL_SESSION_DATA, EventType.STATE_COMPLETE})
"""About all sessions of a manager, and not about one of them."""


@unique
class ActionType(IntEnum):
    """What an action of a delta request changes."""

    ATTRIBUTE = 0
    PRINCIPAL = 1
    IS_NEW = 2
    MAX_INACTIVE_INTERVAL = 3
    AUTH_TYPE = 4  # since 5.5.34


@unique
class Verb(IntEnum):
    """What an action does."""

    SET = 0
    REMOVE = 1


RESERVED_NAMES = {
    ActionType.PRINCIPAL: "__SET__PRINCIPAL__",
    ActionType.IS_NEW: "__SET__ISNEW__",
    ActionType.MAX_INACTIVE_INTERVAL: "__SET__MAXINTERVAL__",
    ActionType.AUTH_TYPE: "__SET__AUTHTYPE__",
}

NOT_SERIALIZABLE = "___NOT_SERIALIZABLE_EXCEPTION___"
"""Stands in a state in place of a value that could not be written."""

GET_ALL_ID = "GET-ALL"
STATE_ID = "SESSION-STATE"
STATE_COMPLETE_ID = "SESSION-STATE-TRANSFERED"


@unique
class SingleSignOnAction(IntEnum):
    """What a single sign-on message asks of its receiver; since 5.5.21."""

    ADD_SESSION = 1
    DEREGISTER_SESSION = 2
    LOGOUT = 3
    REGISTER = 4
    UPDATE = 5
    REMOVE_SESSION = 6
