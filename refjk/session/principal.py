"""Who is logged in, as the nodes tell each other."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.base.errors import Malformed
from refjk.objectstream import ClassDescription, JavaArray, JavaObject, value_of

CLASS_NAME = "org.apache.catalina.cluster.session.SerializablePrincipal"
DESCRIPTION = ClassDescription.of(
    CLASS_NAME,
    579064858292434047,
    "Ljava/lang/String; name, Ljava/lang/String; password, [Ljava/lang/String; roles",
)


@dataclass(frozen=True, slots=True)
class Principal:
    """A user with roles, which are kept in order. `password` is None where it is not passed on. SES-DLT-08"""

    name: str
    password: str | None = None
    roles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", tuple(sorted(self.roles)))


def record_of_principal(principal: Principal) -> JavaObject:
    roles = JavaArray(principal.roles, "[Ljava.lang.String;")
    return JavaObject.of(DESCRIPTION, name=principal.name, password=principal.password, roles=roles)


def principal_of_record(value: object) -> Principal:
    """Raises `Malformed` for anything but an object of the class with texts in it. SES-DLT-09"""
    if not isinstance(value, JavaObject) or value.class_name != CLASS_NAME:
        raise _malformed(type(value).__name__)
    fields = value.fields
    name, password, roles = fields.get("name"), fields.get("password"), value_of(fields.get("roles"))
    if not isinstance(name, str) or not (password is None or isinstance(password, str)):
        raise _malformed("a name or password that is no text")
    if not (roles is None or (isinstance(roles, list) and all(isinstance(role, str) for role in roles))):
        raise _malformed("roles that are no texts")
    return Principal(str(name), None if password is None else str(password), tuple(map(str, roles or ())))


def _malformed(actual: str) -> Malformed:
    return Malformed("SES-DLT-09", offset=0, expected="a principal", actual=actual)
