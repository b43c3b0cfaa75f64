"""Random graphs of values that Java has too, and one line of text that tells two graphs apart."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from refjk.objectstream import (
    BigInteger,
    Byte,
    ByteArray,
    Character,
    ClassData,
    ClassDescription,
    ClassFlag,
    EnumConstant,
    Field,
    Float,
    JavaArray,
    JavaList,
    JavaMap,
    JavaObject,
    JavaSet,
    Long,
    ObjectInput,
    ObjectOutput,
    PrimitiveArray,
    Short,
    enum_description,
    value_of,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
INTERESTING = (0, 1, -1, 127, 128, -128, 255, 1 << 15, -(1 << 15), 1 << 31, -(1 << 31), (1 << 31) - 1)
LETTERS = "az09 _-\x00\x7f\x80\u07ff\u0800\u20ac\ud834\udd1e\uffff\U0001d11e\U0010ffff"
NODE = ClassDescription(
    "Node",
    1,
    ClassFlag.SERIALIZABLE | ClassFlag.WRITE_METHOD,
    (
        Field("I", "count"),
        Field("Z", "mark"),
        Field("L", "name", "Ljava/lang/String;"),
        Field("L", "next", "LNode;"),
    ),
)
DEPTH_MAX = 5

LISTS = (
    "java.util.ArrayList",
    "java.util.LinkedList",
    "java.util.Vector",
    "java.util.Stack",
    "java.util.ArrayDeque",
    "java.util.concurrent.CopyOnWriteArrayList",
)
MAPS = ("java.util.HashMap", "java.util.LinkedHashMap", "java.util.TreeMap", "java.util.Hashtable")
SETS = ("java.util.HashSet", "java.util.LinkedHashSet", "java.util.TreeSet")
NO_NULLS = ("java.util.ArrayDeque", "java.util.Hashtable")


class RandomValues:
    """Values from one random source; some are shared, some hold themselves."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._open: list[Any] = []

    def value(self, depth: int = 0) -> Any:
        roll = self._random.random()
        if depth == 0:
            self._open.clear()
        if self._open and roll < 0.1:
            return self._random.choice(self._open)
        if depth >= DEPTH_MAX or roll < 0.45:
            return self.scalar()
        return self._random.choice((self._list, self._map, self._set, self._array, self._node))(depth)

    def scalar(self) -> Any:
        makers: tuple[Callable[[], Any], ...] = (
            lambda: None,
            lambda: self._random.random() < 0.5,
            lambda: self._integer(80),
            lambda: Byte(self._integer(8)),
            lambda: Short(self._integer(16)),
            lambda: Long(self._integer(64)),
            lambda: BigInteger(self._integer(300)),
            lambda: struct.unpack(">d", self._bits(8))[0],
            lambda: Float(struct.unpack(">f", self._bits(4))[0]),
            lambda: Character(self._random.choice(LETTERS[:-2])),
            self.text,
            self.text,
            lambda: EPOCH + self._integer(47) * MILLISECOND,
            lambda: Decimal(self._integer(200)).scaleb(0) * Decimal((0, (1,), self._random.randint(-9, 9))),
            lambda: EnumConstant(enum_description("java.util.concurrent.TimeUnit"), "SECONDS"),
            lambda: ByteArray(self._random.randbytes(self._random.choice((0, 1, 2, 300)))),
            self._primitives,
        )
        return self._random.choice(makers)()

    def text(self) -> str:
        size = self._random.choice((0, 1, 2, 5, 30))
        if self._random.random() < 0.01:
            size = 70_000
        return "".join(self._random.choices(LETTERS, k=size))

    def _integer(self, bits: int) -> int:
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        if self._random.random() < 0.4:
            return max(low, min(high, self._random.choice(INTERESTING)))
        return self._random.randint(low >> self._random.randrange(bits), high >> self._random.randrange(bits))

    def _bits(self, size: int) -> bytes:
        """Of any number but a NaN that is not the usual one: a JVM may change those."""
        usual = struct.pack(">d" if size == 8 else ">f", float("nan"))
        octets = self._random.choice(
            (usual, bytes(size), b"\x80" + bytes(size - 1), self._random.randbytes(size))
        )
        number: float = struct.unpack(">d" if size == 8 else ">f", octets)[0]
        return octets if number == number else usual

    def _primitives(self) -> PrimitiveArray:
        code = self._random.choice("CDFIJSZ")
        count = self._random.randrange(6)
        if code in "DF":
            size = 8 if code == "D" else 4
            packed = f">{'d' if code == 'D' else 'f'}"
            return PrimitiveArray.of(code, [struct.unpack(packed, self._bits(size))[0] for _ in range(count)])
        if code in "CZ":
            return PrimitiveArray.of(
                code, [self._random.randrange(65536 if code == "C" else 2) for _ in range(count)]
            )
        bits = {"I": 32, "J": 64, "S": 16}[code]
        return PrimitiveArray.of(code, [self._integer(bits) for _ in range(count)])

    def _items(self, class_name: str, depth: int) -> list[Any]:
        items = [self.value(depth + 1) for _ in range(self._random.randrange(5))]
        return [item for item in items if item is not None] if class_name in NO_NULLS else items

    def _list(self, depth: int) -> Any:
        class_name = self._random.choice(LISTS)
        plain = class_name == "java.util.ArrayList" and self._random.random() < 0.5
        made: list[Any] = [] if plain else JavaList((), class_name)
        self._open.append(made)
        made.extend(self._items(class_name, depth))
        return made

    def _map(self, depth: int) -> Any:
        class_name = self._random.choice(MAPS)
        plain = class_name == "java.util.LinkedHashMap" and self._random.random() < 0.5
        made: dict[Any, Any] = {} if plain else JavaMap((), class_name)
        self._open.append(made)
        for value in self._items(class_name, depth):
            made[self._key(class_name)] = value
        return made

    def _set(self, depth: int) -> Any:
        class_name = self._random.choice(SETS)
        items = [self._key(class_name) for _ in range(self._random.randrange(5))]
        if class_name == "java.util.HashSet" and self._random.random() < 0.5:
            return set(items)
        return JavaSet(items, class_name)

    def _key(self, class_name: str) -> Any:
        # Keys of a tree are compared, so they are of one type; in Java 1 and 1.0 are two keys, in Python one.
        if class_name in ("java.util.TreeMap", "java.util.TreeSet") or self._random.random() < 0.7:
            return self.text()[:40]
        return self._random.choice((self._random.randint(2, 1 << 40), Long(-self._random.randint(2, 99))))

    def _array(self, depth: int) -> Any:
        class_name = self._random.choice(("[Ljava.lang.Object;", "[Ljava.lang.String;", "[[I"))
        count = self._random.randrange(4)
        if class_name == "[Ljava.lang.String;":
            return JavaArray([self.text() for _ in range(count)], class_name)
        if class_name == "[[I":
            return JavaArray([PrimitiveArray.of("I", [1, 2]) for _ in range(count)], class_name)
        made = JavaArray((), class_name)
        self._open.append(made)
        made.extend(self._items(class_name, depth))
        return made

    def _node(self, depth: int) -> Any:
        made = JavaObject(NODE)
        own = ObjectOutput()
        own.write_utf("payload")
        self._open.append(made)
        own.write_object(self.value(depth + 1))
        following = self._node(depth + 1) if depth < DEPTH_MAX and self._random.random() < 0.4 else made
        values = [self._integer(32), self._random.random() < 0.5, self.text(), following]
        made.data.append(ClassData(NODE, values, own.contents))
        return made


# -- one line for a graph ---------------------------------------------------------------------

_SCALARS: dict[type, str] = {
    bool: "java.lang.Boolean",
    Byte: "java.lang.Byte",
    Short: "java.lang.Short",
    Long: "java.lang.Long",
    BigInteger: "java.math.BigInteger",
    Float: "java.lang.Float",
    float: "java.lang.Double",
    Character: "java.lang.Character",
    Decimal: "java.math.BigDecimal",
}


def describe(value: object) -> str:
    """What `Echo.java` says of the same graph."""
    return _Description().add(value)


class _Description:
    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def add(self, value: Any) -> str:
        value = value_of(value)
        if value is None:
            return "null"
        if isinstance(value, EnumConstant):
            return f"{value.class_name}.{value.name}"
        if isinstance(value, datetime):
            return f"date {(value - EPOCH) // MILLISECOND}"
        if isinstance(value, int | float | Decimal | Character):
            return f"{_number_class(value)} {_scalar(value)}"
        if isinstance(value, str):
            return _quoted(value)
        if id(value) in self._seen:
            return f"@{self._seen[id(value)]}"
        self._seen[id(value)] = len(self._seen)
        return _class_name(value) + self._content(value)

    def _content(self, value: Any) -> str:
        if isinstance(value, JavaObject):
            source = ObjectInput.of_contents(value.data[0].annotation)
            assert source.read_utf() == "payload"
            parts = [self.add(value["name"]), self.add(value["next"]), self.add(source.read_record())]
            return f"({value['count']} {str(value['mark']).lower()} {' '.join(parts)})"
        if isinstance(value, Mapping):
            keys = {_Description().add(key): key for key in value}
            return "{" + "".join(f"{text}={self.add(value[keys[text]])} " for text in sorted(keys)) + "}"
        if isinstance(value, Set):
            return self._all(sorted(_Description().add(item) for item in value), str)
        if isinstance(value, ByteArray):
            return self._all(value, lambda octet: f"java.lang.Byte {octet - 256 if octet > 127 else octet}")
        if isinstance(value, PrimitiveArray):
            name, wrap = {
                "C": ("java.lang.Character", int),
                "D": ("java.lang.Double", float),
                "F": ("java.lang.Float", Float),
                "I": ("java.lang.Integer", int),
                "J": ("java.lang.Long", int),
                "S": ("java.lang.Short", int),
                "Z": ("java.lang.Boolean", bool),
            }[value.code]
            return self._all(value, lambda item: f"{name} {_scalar(wrap(item))}")
        return self._all(value, self.add)

    @staticmethod
    def _all(items: Iterable[Any], add: Callable[[Any], str]) -> str:
        return "[" + "".join(f"{add(item)} " for item in items) + "]"


def _number_class(value: object) -> str:
    if type(value) is int:
        if -(1 << 31) <= value < 1 << 31:
            return "java.lang.Integer"
        return "java.lang.Long" if -(1 << 63) <= value < 1 << 63 else "java.math.BigInteger"
    return next(name for kind, name in _SCALARS.items() if isinstance(value, kind))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Float):
        return f"{int.from_bytes(struct.pack('>f', value), 'big'):x}"
    if isinstance(value, float):
        return f"{int.from_bytes(struct.pack('>d', value), 'big'):x}"
    if isinstance(value, Decimal):
        sign, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        unscaled = int("".join(map(str, digits)))
        return f"{-unscaled if sign else unscaled}/{-exponent}"
    return str(ord(value)) if isinstance(value, str) else str(int(value))


def _class_name(value: Any) -> str:
    if isinstance(value, JavaList | JavaMap | JavaSet | JavaArray | JavaObject):
        return value.class_name
    if isinstance(value, ByteArray):
        return "[B"
    if isinstance(value, PrimitiveArray):
        return "[" + value.code
    kinds: dict[type, str] = {
        list: "java.util.ArrayList",
        dict: "java.util.LinkedHashMap",
        set: "java.util.HashSet",
    }
    return kinds[type(value)]


def _quoted(text: str) -> str:
    octets = text.encode("utf-16-be", "surrogatepass")
    units = [int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2)]
    return '"' + "".join(chr(unit) if 32 < unit < 127 else f"\\{unit:04x}" for unit in units) + '"'
