"""Seeded mutation of texts: whatever a file says, reading ends with a result, in bounded time and size."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from refjk.configuration import Complaints, FilesInMemory, Profile, read_httpd, read_mount_file, read_workers
from refjk.configuration.complaints import COMPLAINTS_MAX
from refjk.configuration.directive_table import DIRECTIVES, HONOURED
from refjk.configuration.property_table import PROPERTIES
from refjk.configuration.show import configuration_rows, worker_rows

SEED = 20050101
ROUNDS = 500
SECONDS_MAX = 10.0  # far more than needed, for a busy machine
ARTICLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "article" / "httpd.conf"
HTTPD = (
    'LogFormat "%h %>s \\"%{X}i\\"" short\nCustomLog logs/a short env=x\nListen [::1]:8080\n'
    "<VirtualHost *:80 [::1]:81>\nServerName http://a:80/x\nJkMountCopy On\nJkMount /a|/* w;active=n1,n2\n"
    "<Location ~ /x>\nJkMount w\nSetHandler jakarta-servlet\n</Location>\n</VirtualHost>\n"
    "<IfModule !mod_x.c>\n<IfDefine X>\nJkBogus\n</IfDefine>\n</IfModule>\nDefine A b\nInclude ${A}.conf\n"
    "JkOptions +FlushHeader -ForwardKeySize\nJkEnvVar A 'b c'\nJkRequestLogFormat \"%w %T\"\n"
    "JkWorkersFile w.properties\nJkMountFile m.properties\nJkStripSession On ;x\nIncludeOptional x/*.conf\n"
)
WORKERS = (
    "worker.list=lb,st w\nbase=80\nworker.lb.type=lb\nworker.lb.balance_workers=n1 n2\n"
    "worker.n1.port=$(base)10\n"
    "worker.n2.reference=worker.n1\nworker.n2.route=a.b\nworker.st.type=status\nworker.w.ping_mode=A\n"
    "worker.w.max_packet_size=16k\nworker.w.mount=/a !/b\nworker.lb.sticky_session=off\n"
)
MOUNTS = (
    "/a|/*=lb;reply_timeout=5;active=n1,n2\n!/a/x=lb\n-/b=w # x\n-!/c=lb;fail_on_status=-500;stateless=1\n"
)
WORDS = [
    *(info.name for info in DIRECTIVES),
    *(f"worker.w.{info.name}=" for info in PROPERTIES),
    *HONOURED.values(),
    *(
        "<VirtualHost *>",
        "</VirtualHost>",
        "<IfModule x>",
        "</IfModule>",
        "Include b.conf",
        "$(base)",
        "${A}",
    ),
    *(
        "\\\n",
        '"',
        "'",
        "“",
        "”",
        "\u00a0",
        "\u2003",
        "\x00",
        "\x1b",
        "=",
        "#",
        "|",
        ";",
        "%",
        "99999999999",
        "٣",
        "\ud800",
    ),
]
OUTPUT_MAX = 20_000_000


def mutated(text: str, source: random.Random) -> str:
    """The text after one to eight small accidents."""
    for _ in range(source.randint(1, 8)):
        at, length = source.randrange(len(text) + 1), source.randint(0, 12)
        kind = source.randrange(6)
        if kind == 0:
            text = text[:at] + text[at + length :]
        elif kind == 1:
            text = text[:at] + source.choice(WORDS) + text[at:]
        elif kind == 2:
            text = (
                text[:at] + chr(source.choice([0, 9, 10, 13, 32, 34, 92, 160, 0x201C, 0x10FFFF])) + text[at:]
            )
        elif kind == 3:
            text = text[:at] + text[max(0, at - length) : at] * source.randint(2, 5) + text[at:]
        elif kind == 4:
            lines = text.split("\n")
            source.shuffle(lines)
            text = "\n".join(lines)
        else:
            text = text[:at]
    return text


@pytest.mark.parametrize("profile", list(Profile))
def test_a_httpd_conf_of_any_text_gives_a_result(profile: Profile) -> None:
    print(f"seed {SEED}")
    source = random.Random(f"{SEED} {profile.value}")
    originals = [HTTPD, ARTICLE.read_text("utf-8")]
    for number in range(ROUNDS):
        where = f"seed {SEED}, round {number}"
        texts = {
            "/c/httpd.conf": mutated(source.choice(originals), source),
            "/c/b.conf": mutated(HTTPD.replace("Include ", "# "), source),
            "/c/w.properties": mutated(WORKERS, source),
            "/c/m.properties": mutated(MOUNTS, source),
        }
        start = time.monotonic()
        try:
            read = read_httpd("/c/httpd.conf", FilesInMemory(texts), profile=profile, environment={"A": "b"})
            listing = "".join(f"{row}\n" for row in configuration_rows(read))
        except Exception as error:
            raise AssertionError(f"{where}: reading raised") from error
        assert len(read.complaints) <= COMPLAINTS_MAX, where
        assert len(listing) < OUTPUT_MAX, where
        assert time.monotonic() - start < SECONDS_MAX, where


@pytest.mark.parametrize("profile", list(Profile))
def test_properties_of_any_text_give_a_result(profile: Profile) -> None:
    print(f"seed {SEED}")
    source = random.Random(f"{SEED} properties {profile.value}")
    for number in range(ROUNDS):
        where = f"seed {SEED}, round {number}"
        complaints = Complaints()
        try:
            read = read_workers(mutated(WORKERS, source), "w", profile=profile, environment={"base": "1"})
            rows = list(worker_rows(read))
            rules = read_mount_file(mutated(MOUNTS, source), "m", complaints, profile)
        except Exception as error:
            raise AssertionError(f"{where}: reading raised") from error
        assert len(rows) < 10_000, where
        assert all(str(complaint).isprintable() for complaint in read.complaints), where
        assert all(rule.pattern.startswith("/") for rule in rules), where


@pytest.mark.parametrize(
    "text",
    [
        "JkMount " + "'" * 60_000,
        "<VirtualHost " + "x:" * 30_000 + ">\n</VirtualHost>",
        "CustomLog a " + "%{" * 30_000,
        "JkMount /a lb" + ";active=x" * 6_000,
        "JkOptions " + "+X " * 20_000,
        "<IfModule x>\n" * 20_000,
        "<Location /x>\n" * 5_000,
        "JkEnvVar A b\n" * 20_000,
        "".join(f"JkBogus{n} w\n" for n in range(20_000)),
        "".join(f"JkOptions +Flush{n}\n" for n in range(20_000)),
        "".join(f"JkMount /{n} balanser{n}\n" for n in range(20_000)),
        "".join(f"JkWorkerProperty worker.n{n}.port=8010\n" for n in range(20_000)),
        "".join(f"JkWorkerProperty worker.n{n}.portt=8010\n" for n in range(20_000)),
        "JkWorkerProperty worker.list=" + ",".join(f"n{n}" for n in range(8_000)),
        "".join(f"JkMount /{n} w\n" for n in range(20_000)),
    ],
    ids=lambda text: text[:12],
)
def test_long_texts_take_no_long_time(text: str) -> None:
    start = time.monotonic()
    read = read_httpd("/c/httpd.conf", FilesInMemory({"/c/httpd.conf": text}))
    assert len(read.complaints) <= COMPLAINTS_MAX
    assert time.monotonic() - start < SECONDS_MAX


def test_many_workers_take_no_long_time() -> None:
    names = [f"n{number}" for number in range(900)]
    lines = [
        "worker.list=lb",
        "worker.lb.type=lb",
        f"worker.lb.balance_workers={','.join(names)}",
        "worker.t.retries=3",
    ]
    lines += [f"worker.{name}.reference=worker.t" for name in names]
    lines += [f"worker.{name}.port=8010" for name in names]
    start = time.monotonic()
    read = read_workers("\n".join(lines), "w")
    assert (len(read.workers), read.complaints) == (901, ())
    assert time.monotonic() - start < SECONDS_MAX
