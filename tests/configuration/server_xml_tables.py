"""The tables of `docs/reference/server-xml.md`, made from those that the code reads by.

`python -m tests.configuration.server_xml_tables` writes them anew; a test compares.
"""

from __future__ import annotations

from pathlib import Path

from refjk.configuration.server_xml_table import (
    ATTRIBUTES,
    CHILDREN,
    CLASSES,
    PASSED_ELEMENTS,
    RENAMED,
    AttributeInfo,
    Effect,
    Kind,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "server-xml.md"
BEGIN = "<!-- made by tests/configuration/server_xml_tables.py: do not edit below this line -->\n"


def tables() -> str:
    """The body of the page."""
    lines = ["", "## Elements", "", "| element | may hold |", "|---|---|"]
    lines += [f"| `{name}` | {_codes(children)} |" for name, children in CHILDREN.items()]
    lines += ["", f"Known and without effect: {_codes(sorted(PASSED_ELEMENTS))}.", "", "## Classes", ""]
    lines += ["| element | className | in refjk |", "|---|---|---|"]
    lines += [
        f"| `{info.element}` | `{name}` | {'honoured' if info.part else 'without effect'} |"
        for name, info in CLASSES.items()
    ]
    lines += [
        "",
        "All others are refused. These have another name in Tomcat 5.5, which the complaint tells:",
        "",
    ]
    lines.append(", ".join(f"`{name}`" for name in RENAMED) + ".")
    for name, infos in ATTRIBUTES.items():
        lines += ["", f"## Attributes of {name}"]
        rows = [_row(info) for info in infos if info.effect is Effect.HONOURED]
        if rows:
            lines += [
                "",
                "| attribute | kind | default | bounds | unit | |",
                "|---|---|---|---|---|---|",
                *rows,
            ]
        for effect in (Effect.QUIET, Effect.NONE):
            lines += _others(effect, infos)
    return "\n".join(lines) + "\n"


def _row(info: AttributeInfo) -> str:
    bounds = "" if info.least is None else f"{info.least} to {info.most}"
    if info.words and info.kind is Kind.WORD:
        bounds = _codes(info.words)
    default = "demanded" if info.required else "none"
    if info.default is not None:
        text = str(info.default)
        default = f"`{text.lower() if isinstance(info.default, bool) else text}`"
    cells = [f"`{info.name}`", info.kind.value, default, bounds, info.unit, info.note]
    return "| " + " | ".join(cells) + " |"


def _others(effect: Effect, infos: tuple[AttributeInfo, ...]) -> list[str]:
    """The attributes that do nothing, by what is said of them."""
    notes: dict[str, list[str]] = {}
    for info in infos:
        if info.effect is effect:
            notes.setdefault(info.note, []).append(info.name)
    what = "Taken" if effect is Effect.QUIET else "Without effect, with a warning"
    lines = []
    for note, names in notes.items():
        lines += ["", f"{what}{f' ({note})' if note else ''}: {_codes(names)}."]
    return lines


def _codes(names: object) -> str:
    assert isinstance(names, tuple | list)
    return ", ".join(f"`{name}`" for name in names) or "nothing"


if __name__ == "__main__":
    head, _, _ = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(head + BEGIN + tables(), "utf-8")
