"""Boxed values, big numbers and dates: class by class, to Python and back."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from refjk.base.errors import LocalProtocolError
from refjk.objectstream.common_classes import COMMON_CLASSES
from refjk.objectstream.model import Block, ByteArray, FieldValue, JavaObject
from refjk.objectstream.python_types import BigInteger, Byte, Character, Float, Long, Short

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DIGITS_BITS_MAX = 4096  # of an unscaled value; a Decimal of more would cost more than its octets


def new_object(class_name: str, **values: FieldValue) -> JavaObject:
    """An object of a common class; see `JavaObject.of`."""
    return JavaObject.of(COMMON_CLASSES[class_name], **values)


# -- to Python: None for content that the class would not have written -----------------------


def _big_integer_value(record: JavaObject) -> BigInteger | None:
    sign, magnitude = record["signum"], record["magnitude"]
    if not isinstance(sign, int) or not isinstance(magnitude, ByteArray):
        return None
    number = int.from_bytes(magnitude, "big")
    if sign not in (-1, 0, 1) or (sign == 0) != (number == 0):
        return None
    return BigInteger(sign * number)


def _big_decimal_value(record: JavaObject) -> Decimal | None:
    scale, unscaled = record["scale"], record["intVal"]
    if not isinstance(scale, int) or not isinstance(unscaled, JavaObject):
        return None
    number = scalar_value(unscaled)
    if not isinstance(number, BigInteger) or number.bit_length() > _DIGITS_BITS_MAX:
        return None
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))


def _date_value(record: JavaObject) -> datetime | None:
    octets = b"".join(block.octets for block in record.data[0].annotation if isinstance(block, Block))
    if len(octets) != 8 or len(record.data[0].annotation) != 1:
        return None
    try:
        return _EPOCH + _MILLISECOND * int.from_bytes(octets, "big", signed=True)
    except OverflowError:
        return None


_TO_PYTHON: dict[str, Callable[[JavaObject], object]] = {
    "java.lang.Boolean": lambda record: record["value"],
    "java.lang.Byte": lambda record: Byte(record["value"]),  # type: ignore[call-overload]
    "java.lang.Character": lambda record: Character(record["value"]),
    "java.lang.Double": lambda record: record["value"],
    "java.lang.Float": lambda record: Float(record["value"]),  # type: ignore[arg-type]
    "java.lang.Integer": lambda record: record["value"],
    "java.lang.Long": lambda record: Long(record["value"]),  # type: ignore[call-overload]
    "java.lang.Short": lambda record: Short(record["value"]),  # type: ignore[call-overload]
    "java.math.BigDecimal": _big_decimal_value,
    "java.math.BigInteger": _big_integer_value,
    "java.util.Date": _date_value,
}
SCALAR_CLASSES = frozenset(_TO_PYTHON)


def scalar_value(record: JavaObject) -> object:
    """The Python value of an object of one of `SCALAR_CLASSES`, or None if it has none."""
    try:
        return _TO_PYTHON[record.class_name](record)
    except KeyError:
        return None


# -- from Python ------------------------------------------------------------------------------


def _boxed(class_name: str, bits: int) -> Callable[[int], JavaObject]:
    def make(value: int) -> JavaObject:
        if not _fits(value, bits):
            raise LocalProtocolError(f"{value} does not fit {class_name}")
        return new_object(class_name, value=int(value))

    return make


def _int_record(value: int) -> JavaObject:
    """OBS-VAL-05: the narrowest of Integer, Long and BigInteger."""
    if _fits(value, 32):
        return new_object("java.lang.Integer", value=int(value))
    return new_object("java.lang.Long", value=int(value)) if _fits(value, 64) else _big_integer_record(value)


def _fits(value: int, bits: int) -> bool:
    return -(1 << bits - 1) <= value < 1 << bits - 1


def _big_integer_record(value: int) -> JavaObject:
    magnitude = abs(value).to_bytes((value.bit_length() + 7) // 8, "big")
    return new_object(
        "java.math.BigInteger",
        bitCount=-1,
        bitLength=-1,
        firstNonzeroByteNum=-2,
        lowestSetBit=-2,
        signum=(value > 0) - (value < 0),
        magnitude=ByteArray(magnitude),
    )


def _decimal_record(value: Decimal) -> JavaObject:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise LocalProtocolError(f"{value} is no number that a BigDecimal can be")
    if not -(1 << 31) <= -exponent < 1 << 31 or len(digits) > _DIGITS_BITS_MAX // 4:
        raise LocalProtocolError("a Decimal of that many digits cannot be written")
    unscaled = int("".join(map(str, digits)))
    return new_object(
        "java.math.BigDecimal",
        scale=-exponent,
        intVal=_big_integer_record(-unscaled if sign else unscaled),
    )


def _date_record(value: datetime) -> JavaObject:
    if value.tzinfo is None:
        raise LocalProtocolError("a datetime without time zone is no moment")
    milliseconds, rest = divmod(value - _EPOCH, _MILLISECOND)
    if rest:
        raise LocalProtocolError(f"{value} is finer than milliseconds")
    made = new_object("java.util.Date")
    made.data[0].annotation = [Block(struct.pack(">q", milliseconds))]
    return made


def _character_record(value: str) -> JavaObject:
    if len(value) != 1 or value > "\uffff":
        raise LocalProtocolError(f"{value!r} is not one UTF-16 unit")
    return new_object("java.lang.Character", value=str(value))


FROM_PYTHON: dict[type, Callable[..., JavaObject]] = {
    bool: lambda value: new_object("java.lang.Boolean", value=value),
    int: _int_record,
    Byte: _boxed("java.lang.Byte", 8),
    Short: _boxed("java.lang.Short", 16),
    Long: _boxed("java.lang.Long", 64),
    BigInteger: _big_integer_record,
    float: lambda value: new_object("java.lang.Double", value=value),
    Float: lambda value: new_object("java.lang.Float", value=float(value)),
    Character: _character_record,
    Decimal: _decimal_record,
    datetime: _date_record,
}
