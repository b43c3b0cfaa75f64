"""What `toString` and the iterators of Java say of objects that have no Python value, from their records."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta

from refjk.objectstream import (
    Block,
    ByteArray,
    ClassDescription,
    EnumConstant,
    JavaObject,
    ObjectArray,
    ObjectInput,
    PrimitiveArray,
    value_of,
)


class _Unsaid(Exception):
    """What Java would say is not known here."""


# -- collections ------------------------------------------------------------------------------


def _own_objects(record: JavaObject) -> list[object]:
    return [item for part in record.data for item in part.annotation if not isinstance(item, Block)]


def _inner(name: str) -> Callable[[JavaObject], list[object] | None]:
    def items(record: JavaObject) -> list[object] | None:
        inner = record[name]
        return collection_items(inner) if isinstance(inner, JavaObject) else None

    return items


def _elements(record: JavaObject) -> list[object] | None:
    elements = record["elements"]
    return elements.items if isinstance(elements, ObjectArray) else None


def _pairs_to_null(record: JavaObject) -> list[object]:
    """All but the pair of nulls at the end."""
    return _own_objects(record)[:-2]


def _copies(record: JavaObject) -> list[object]:
    count = record["n"]
    return [record["element"]] * count if isinstance(count, int) else []


_COLLECTIONS: dict[str, Callable[[JavaObject], list[object] | None]] = {
    "CopiesList": _copies,
    "EmptyList": lambda record: [],
    "EmptyMap": lambda record: [],
    "EmptySet": lambda record: [],
    "SingletonList": lambda record: [record["element"]],
    "SingletonMap": lambda record: [record["k"], record["v"]],
    "SingletonSet": lambda record: [record["element"]],
    "CollSer": _own_objects,
    "ConcurrentHashMap": _pairs_to_null,
    "EnumMap": _own_objects,
    "EnumSet$SerializationProxy": _elements,
    "IdentityHashMap": _own_objects,
    "PriorityQueue": _own_objects,
}


def collection_items(record: JavaObject) -> list[object] | None:
    """The items of a collection, or of a map in turn with its keys; None for a class that we do not know."""
    value = value_of(record)
    if isinstance(value, dict):
        return [item for pair in value.items() for item in pair]
    if value is not record and not isinstance(value, str | int | float):
        return list(value)  # type: ignore[call-overload, no-any-return]
    if "c" in record or "m" in record:  # a wrapper
        return _inner("c" if "c" in record else "m")(record)
    last_name = record.class_name.removeprefix("java.util.").rpartition("Collections$")[2]
    known = _COLLECTIONS.get(last_name.rpartition(".")[2])
    return None if known is None else known(record)


# -- text -------------------------------------------------------------------------------------

_OFFSET, _REGION = 8, 7


def _clock(hour: int, minute: int, second: int, nano: int) -> str:
    text = f"{hour:02}:{minute:02}"
    if second or nano:
        text += f":{second:02}"
    return text + _fraction(nano)


def _fraction(nano: int) -> str:
    if not nano:
        return ""
    digits = f"{nano:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return "." + digits


def _year(source: ObjectInput) -> str:
    year = source.read_int()
    if not 0 <= year <= 9999:
        raise _Unsaid
    return f"{year:04}"


def _date(source: ObjectInput) -> str:
    return f"{_year(source)}-{source.read_byte():02}-{source.read_byte():02}"


def _time(source: ObjectInput) -> str:
    """Hour, minute, second, nano; the last that is there is complemented when the others are zero."""
    numbers = [0, 0, 0, 0]
    for index in range(3):
        number = source.read_byte()
        numbers[index] = ~number if number < 0 else number
        if number < 0:
            return _clock(*numbers)
    numbers[3] = source.read_int()
    return _clock(*numbers)


def _offset(source: ObjectInput) -> str:
    quarters = source.read_byte()
    seconds = source.read_int() if quarters == 127 else quarters * 900
    if not seconds:
        return "Z"
    hours, rest = divmod(abs(seconds), 3600)
    text = f"{'-' if seconds < 0 else '+'}{hours:02}:{rest // 60:02}"
    return text + (f":{rest % 60:02}" if rest % 60 else "")


def _zone(source: ObjectInput) -> str:
    return _offset(source) if source.read_byte() == _OFFSET else source.read_utf()


def _zoned(source: ObjectInput) -> str:
    local, offset = f"{_date(source)}T{_time(source)}", _offset(source)
    zone = _zone(source)
    return f"{local}{offset}" + ("" if zone == offset else f"[{zone}]")


def _instant(source: ObjectInput) -> str:
    seconds, nano = source.read_long(), source.read_int()
    try:
        moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    except OverflowError:
        raise _Unsaid from None
    return f"{moment.isoformat()}{_fraction(nano)}Z"


def _duration(source: ObjectInput) -> str:
    seconds, nano = source.read_long(), source.read_int()
    if seconds < 0:
        raise _Unsaid
    units = ((seconds // 3600, "H"), (seconds // 60 % 60, "M"))
    text = "".join(f"{number}{unit}" for number, unit in units if number)
    if seconds % 60 or nano or not text:
        digits = f".{nano:09}".rstrip("0") if nano else ""
        text += f"{seconds % 60}{digits}S"
    return f"PT{text}"


def _period(source: ObjectInput) -> str:
    numbers = (source.read_int(), source.read_int(), source.read_int())
    text = "".join(f"{number}{unit}" for number, unit in zip(numbers, "YMD", strict=True) if number)
    return f"P{text or '0D'}"


_TIMES: dict[int, Callable[[ObjectInput], str]] = {
    1: _duration,
    2: _instant,
    3: _date,
    4: _time,
    5: lambda source: f"{_date(source)}T{_time(source)}",
    6: _zoned,
    _REGION: lambda source: source.read_utf(),
    _OFFSET: _offset,
    9: lambda source: _time(source) + _offset(source),
    10: lambda source: f"{_date(source)}T{_time(source)}{_offset(source)}",
    11: lambda source: str(source.read_int()),
    12: lambda source: f"{_year(source)}-{source.read_byte():02}",
    13: lambda source: f"--{source.read_byte():02}-{source.read_byte():02}",
    14: _period,
}


def _time_text(record: JavaObject) -> str:
    source = ObjectInput.of_contents(record.data[0].annotation)
    return _TIMES[source.read_byte()](source)


def _bits(record: JavaObject) -> str:
    words = record["bits"]
    assert isinstance(words, PrimitiveArray)
    found = [64 * at + bit for at, word in enumerate(words) for bit in range(64) if int(word) >> bit & 1]
    return "{" + ", ".join(map(str, found)) + "}"


def _units(record: JavaObject) -> str:
    """A StringBuilder or a StringBuffer: so many units of an array."""
    if "value" in record:
        units, count = record["value"], record["count"]
    else:
        units = _own_objects(record)[0]
        count = ObjectInput.of_contents(record.data[0].annotation).read_int()
    assert isinstance(units, PrimitiveArray) and isinstance(count, int)
    return struct.pack(f">{count}H", *units[:count]).decode("utf-16-be", "surrogatepass")


def _uuid(record: JavaObject) -> str:
    high, low = record["mostSigBits"], record["leastSigBits"]
    assert isinstance(high, int) and isinstance(low, int)
    digits = f"{high & (1 << 64) - 1:016x}{low & (1 << 64) - 1:016x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _locale(record: JavaObject) -> str:
    if record["script"] or record["extensions"]:
        raise _Unsaid
    return "_".join(str(record[name]) for name in ("language", "country", "variant")).rstrip("_")


def _url(record: JavaObject) -> str:
    reference = "" if record["ref"] is None else f"#{record['ref']}"
    authority = f"//{record['authority']}" if record["authority"] else ""
    return f"{record['protocol']}:{authority}{record['file']}{reference}"


def _address(record: JavaObject) -> str:
    number = record["address"]
    assert isinstance(number, int)
    return f"{record['hostName'] or ''}/{'.'.join(map(str, struct.pack('>i', number)))}"


def _socket_address(record: JavaObject) -> str:
    inner = record["addr"]
    if not isinstance(inner, JavaObject):
        return f"{record['hostname']}/<unresolved>:{record['port']}"
    return f"{_address(inner)}:{record['port']}"


def _value(record: JavaObject) -> str:
    return _plain(record["value"])


def _plain(record: object) -> str:
    value = value_of(record)
    if value is None:
        return "null"
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _Unsaid
    return str(value)


_TEXTS: dict[str, Callable[[JavaObject], str]] = {
    "java.io.File": lambda record: str(record["path"]),
    "java.lang.StringBuffer": _units,
    "java.lang.StringBuilder": _units,
    "java.net.InetAddress": _address,
    "java.net.InetSocketAddress": _socket_address,
    "java.net.URI": lambda record: str(record["string"]),
    "java.net.URL": _url,
    "java.time.Ser": _time_text,
    "java.util.AbstractMap$SimpleEntry": lambda record: f"{_plain(record['key'])}={_plain(record['value'])}",
    "java.util.BitSet": _bits,
    "java.util.Currency": lambda record: str(record["currencyCode"]),
    "java.util.Locale": _locale,
    "java.util.UUID": _uuid,
    "java.util.concurrent.atomic.AtomicBoolean": lambda record: "true" if record["value"] else "false",
    "java.util.concurrent.atomic.AtomicInteger": _value,
    "java.util.concurrent.atomic.AtomicLong": _value,
    "java.util.concurrent.atomic.AtomicReference": _value,
    "java.util.regex.Pattern": lambda record: str(record["pattern"]),
}


def text_of(record: object) -> str | None:
    """What `toString` says; None where we do not know."""
    if isinstance(record, ClassDescription):
        return f"{record.name}: static final long serialVersionUID = {record.serial_version_uid}L;"
    if isinstance(record, EnumConstant):
        return record.name
    if isinstance(record, ByteArray) or not isinstance(record, JavaObject):
        return None
    known = _TEXTS.get(record.class_name)
    if known is not None:
        try:
            return known(record)
        except _Unsaid:
            return None
    if record.part("java.lang.Throwable") is not None:
        message = record["detailMessage"]
        return record.class_name if message is None else f"{record.class_name}: {message}"
    return None
