"""The players of farm recordings repeat every one, and can say no."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.base.errors import InputError
from refjk.speccheck import covers
from refjk.vectors import play
from refjk.vectors.document import Node

Recorded = Callable[[str], dict[str, Any]]
COUNTS = {
    "farm-message-555": 9,
    "farm-message-5536": 9,
    "farm-chunks": 11,
    "farm-write-order": 7,
    "war-watcher": 15,
    "farm-deploy-scenarios": 6,
}


@covers("FAR-WCH-12", "FAR-CHK-14", "FAR-UND-06", "FAR-UND-07", "FAR-DEP-10", "FAR-CHK-04")
@pytest.mark.parametrize(("file", "count"), COUNTS.items())
def test_every_recording_passes(file: str, count: int, recorded: Recorded) -> None:
    played = play(Node(recorded(f"tomcat-5.5/{file}")))
    assert [str(difference) for difference in played.differences] == []
    assert (played.passed, played.failed) == (count, 0)


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place that says something, as container and key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in list(pairs):
        if isinstance(child, dict | list):
            yield from leaves(child)
        elif key not in ("id", "note", "step", "class"):
            yield value, key


def changed(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("1" if value[-1:] == "0" else "0") if value else "0"
    return "0"


@pytest.mark.parametrize("file", ["farm-message-555", "farm-message-5536", "farm-chunks"])
def test_every_change_of_what_is_said_is_seen(file: str, recorded: Recorded) -> None:
    document = recorded(f"tomcat-5.5/{file}")
    for vector in document["vectors"]:
        vector.pop("tokens", None)
        for container, key in leaves(vector):
            before = container[key]
            container[key] = changed(before)
            try:
                assert play(Node({**document, "vectors": [vector]})).failed, f"{vector['id']} {key}"
            except InputError:
                pass  # no value of this schema any more
            container[key] = before


@pytest.mark.parametrize("file", ["farm-write-order", "war-watcher"])
def test_every_other_outcome_of_a_step_is_seen(file: str, recorded: Recorded) -> None:
    document = recorded(f"tomcat-5.5/{file}")
    for vector in document["vectors"]:
        for step in vector.get("steps", vector.get("writes")):
            if "complete" in step:
                step["complete"] = not step["complete"]
            elif "events" in step:
                step["events"].append("removed z.war")
            else:
                continue
            assert play(Node({**document, "vectors": [vector]})).failed
            if "complete" in step:
                step["complete"] = not step["complete"]
            else:
                step["events"].pop()


def test_every_action_and_every_file_of_a_scenario_is_compared(recorded: Recorded) -> None:
    document = recorded("tomcat-5.5/farm-deploy-scenarios")
    for vector in document["vectors"]:
        for step in vector["steps"]:
            step["actions"].append("B: check '/none'")
            step["actions"].append("B: isServiced '/none'")
            assert play(Node({**document, "vectors": [vector]})).failed
            del step["actions"][-2:]
            step["state"]["B"]["temp"].append("none.war 1")
            assert play(Node({**document, "vectors": [vector]})).failed
            step["state"]["B"]["temp"].pop()
            for action in list(step["actions"]):
                if "FileMessage" in action:
                    at = step["actions"].index(action)
                    step["actions"][at] = action.replace("bytes=", "bytes=1")
                    assert play(Node({**document, "vectors": [vector]})).failed
                    step["actions"][at] = action


def test_an_unknown_step_and_a_wrong_class_are_mistakes_of_the_recording(recorded: Recorded) -> None:
    document = recorded("tomcat-5.5/war-watcher")
    for words in ("fly a.war", "mtime a.war soon"):
        document["vectors"] = [{"id": "x", "steps": [{"step": "check", "events": []}, {"step": words}]}]
        with pytest.raises(InputError):
            play(Node(document))
    document = recorded("tomcat-5.5/farm-message-555")
    document["vectors"][1]["class"] = "java.lang.Object"
    with pytest.raises(InputError):
        play(Node(document))


def test_the_recordings_lie_where_the_chapter_says(vectors: Path) -> None:
    assert all((vectors / "tomcat-5.5" / f"{name}.json").exists() for name in COUNTS)
