"""What httpd with mod_jk takes and refuses, refjk takes and refuses; the article's configuration for one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from refjk.configuration import Profile, Severity, read_httpd
from refjk.configuration.property_table import PROPERTIES, Of
from refjk.runtime.disk_files import DiskFiles
from refjk.speccheck import covers
from tests.interop.peers import Httpd, PeerMissing, ask
from tests.interop.peers.httpd import MODULE_FOLDERS
from tests.interop.peers.process import find_program, free_port

pytestmark = pytest.mark.interop

ARTICLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "article" / "httpd.conf"
MODULES = ("mpm_event", "unixd", "log_config", "authz_core", "env", "jk")
DEADLINE_S = 30

# One text per line; `|` stands for the end of a line. Both must take these.
TAKEN = r"""
JkMount "/a b" "w1"
JkMount /a"b" w
JkMount "/a\"b" w
JkMount /a \|w
JkMount /a b#c
  # indented
# comment \|JkBogus
jkmount /a b
JkMount /a w;reply_timeout=5;nix=1
JkUnMount /a w
JkWorkerProperty
JkWorkerProperty foo
JkWorkerProperty foo=1
JkWorkerProperty "worker.w.bogus=1"
JkWorkerProperty worker.x.list=a
JkWorkerProperty worker.port=1
JkWorkerProperty worker.a.b.port=1
JkWorkerProperty worker.w.port = 8010
JkLogLevel loud
JkOptions
JkOptions +ForwardKeySize -flushpackets CollapseSlashesAll
JkOptions ForwardURICompat ForwardURIEscaped
JkStripSession on ;sid
JkMountCopy all
JkEnvVar A
JkExtractSSL off
JkShmSize x
JkWatchdogInterval 5
JkMountFileReload abc
JkRequestLogFormat "%w %x"
<Location /x>|JkMount w|JkUnMount w|</Location>
<LocationMatch /x.*>|JkMount w|</LocationMatch>
<VirtualHost *:81>|JkMountCopy On|JkLogLevel info|JkOptions +FlushHeader|</VirtualHost>
<IfModule mod_jk.c>|JkMount /a w|</IfModule>
<ifmodule !mod_jk.c>|JkBogus|</IFMODULE>
<IfModule JK_MODULE>|JkBogus|</IfModule>
<IfModule none>|<VirtualHost>|</VirtualHost>|</IfModule>
<IfDefine NONE>|JkBogus|</IfDefine>
Define A w|JkMount /a ${A}
IncludeOptional nix.conf
IncludeOptional *.nix
Listen [::1]:8080 http
ServerName https://a.example:443/x
CustomLog logs/x "%b" env=keep
"""

# And both must refuse these.
REFUSED = r"""
JkMount /a
JkMount /a b c
JkMount a b
JkMount !/a b
JkMount /a b # why
JkMount "/a"b w
JkMount "/a w
JkUnMount w
JkUnMount a w
JkWorkerProperty worker.w.colour=red
JkWorkerProperty worker.a.b=1
JkWorkerProperty worker.=1
JkWorkerProperty worker.w.Port=1
JkWorkerProperty worker.w.lb_factor=1
JkWorkerProperty.worker.w.lb_factor=1
JkWorkerProperty worker.lb.balance_workers=||n1,n2
JkWorkersFile nix.properties
JkMountFile nix.properties
JkOptions +Foo
JkOptions -ForwardURIProxy
JkOptions +
JkStripSession yes
JkStripSession On a b
JkMountCopy yes
JkExtractSSL maybe
JkEnvVar A b c
JkLogStampFormat a b
JkShmFile
JkAutoMount /a w
JkMontFile x
<VirtualHost *:81>|JkMountCopy All|</VirtualHost>
<VirtualHost *:81>|JkWorkerProperty worker.list=w|</VirtualHost>
<VirtualHost *:81>|JkShmFile x|</VirtualHost>
<VirtualHost *:81>|JkWatchdogInterval 5|</VirtualHost>
<VirtualHost *:81>|Listen 82|</VirtualHost>
<VirtualHost *:81>|<VirtualHost *:82>|</VirtualHost>|</VirtualHost>
<VirtualHost 127.0.0.1:99999>|</VirtualHost>
<VirtualHost>|</VirtualHost>
<VirtualHost *:81
<VirtualHost *:81>
</VirtualHost>
<VirtualHost *:81>|</Location>
<Location /x>|JkMount /x w|</Location>
<Location x>|JkMount w|</Location>
<Location ~ "^/x">|JkMount w|</Location>
<Location /x>|JkOptions +FlushHeader|</Location>
<Location /x>|JkEnvVar A b|</Location>
<Location /x>|<Location /y>|</Location>|</Location>
<IfModule none>|<VirtualHost *:81>|</IfModule>
<IfModule>|</IfModule>
Include nix.conf
Include *.nix
Include httpd.conf
Define
Listen
Listen x
Listen 0
Listen 70000
ServerName a:x
CustomLog a
CustomLog a b nix=c
"""


def lines_of(table: str) -> list[str]:
    return table.strip("\n").split("\n")


@pytest.fixture(scope="module")
def preamble() -> str:
    """LoadModule lines and what httpd cannot do without."""
    folder = next((path for path in map(Path, MODULE_FOLDERS) if path.is_dir()), None)
    if folder is None or not (folder / "mod_jk.so").exists():
        raise PeerMissing("mod_jk.so not found: apt-get install libapache2-mod-jk")
    modules = [name for name in MODULES if (folder / f"mod_{name}.so").exists()]
    return "\n".join(f"LoadModule {name}_module {folder}/mod_{name}.so" for name in modules)


def both_verdicts(root: Path, preamble: str, text: str) -> tuple[bool, bool, str]:
    """Whether httpd and refjk take a text, and what both said."""
    file = root / "httpd.conf"
    (root / "logs").mkdir()
    listen = f"ServerRoot {root}\nDefaultRuntimeDir {root}\nServerName localhost\nListen 127.0.0.1:8080\n"
    file.write_text(f"{preamble}\n{listen}{text}\n", "utf-8")
    program = find_program("apache2", "apache2", "httpd")
    tested = subprocess.run(
        [program, "-t", "-f", str(file)], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    complaints = read_httpd(str(file), DiskFiles()).complaints
    refused = any(complaint.severity is Severity.ERROR for complaint in complaints)
    said = tested.stderr[:500] + "\n".join(map(str, complaints[:5]))
    return tested.returncode == 0, not refused, said


def as_text(line: str) -> str:
    return line.replace("|", "\n")


@covers("CFG-TXT-02", "CFG-TXT-03", "CFG-SEC-03", "CFG-DIR-07", "CFG-DIR-08", "CFG-DIR-13", "CFG-DIR-15")
@pytest.mark.parametrize("line", lines_of(TAKEN))
def test_what_httpd_takes_refjk_takes(line: str, tmp_path: Path, preamble: str) -> None:
    httpd, refjk, said = both_verdicts(tmp_path, preamble, as_text(line))
    assert (httpd, refjk) == (True, True), said


@covers(
    "CFG-SEC-01",
    "CFG-SEC-02",
    "CFG-INC-01",
    "CFG-INC-02",
    "CFG-INC-04",
    "CFG-DIR-01",
    "CFG-DIR-03",
    "CFG-DIR-04",
    "CFG-DIR-06",
    "CFG-DIR-09",
    "CFG-DIR-14",
    "CFG-HTD-01",
    "CFG-HTD-02",
    "CFG-PRN-02",
    "CFG-PRN-03",
)
@pytest.mark.parametrize("line", lines_of(REFUSED))
def test_what_httpd_refuses_refjk_refuses(line: str, tmp_path: Path, preamble: str) -> None:
    httpd, refjk, said = both_verdicts(tmp_path, preamble, as_text(line))
    assert (httpd, refjk) == (False, False), said


@covers("CFG-PRP-09")
def test_mod_jk_knows_the_names_of_the_table(tmp_path: Path, preamble: str) -> None:
    names = [
        f"worker.{'' if info.of == (Of.GLOBAL,) else 'a.'}{name}"
        for info in PROPERTIES
        for name in info.names(Profile.V1_2_50)
    ]
    text = "\n".join(f"JkWorkerProperty {name}=1" for name in names)
    httpd, _, said = both_verdicts(tmp_path, preamble, text)
    assert httpd, said


# -- the article ----------------------------------------------------------------------------------


def test_the_articles_configuration_loads_in_both(tmp_path: Path, preamble: str) -> None:
    text = ARTICLE.read_text("utf-8").replace("Listen 127.0.0.1:8080\n", "")
    assert both_verdicts(tmp_path, preamble, text)[:2] == (True, True)
    read = read_httpd(str(ARTICLE), DiskFiles())
    balancer = read.workers.workers["balancer"]
    members = [(member.name, member.worker.host, member.worker.port) for member in balancer.members]  # type: ignore[union-attr]
    assert members == [
        ("node1", "127.0.0.1", 9012),
        ("node2", "127.0.0.1", 9022),
        ("node3", "127.0.0.1", 9032),
    ]
    mounts = [(rule.pattern, rule.worker) for rule in read.main.mounts]
    assert mounts == [("/ClusterTest", "balancer"), ("/ClusterTest/*", "balancer")]


def test_the_articles_configuration_runs_in_httpd(preamble: str) -> None:
    text = ARTICLE.read_text("utf-8").replace("Listen 127.0.0.1:8080\n", "")
    for port in ("9012", "9022", "9032"):
        text = text.replace(port, str(free_port()))  # nobody may answer
    text = text.replace("JkLogFile logs/mod_jk.log", "JkLogFile mod_jk.log\nJkShmFile jk.shm")
    load = next(line for line in preamble.splitlines() if "jk_module" in line)
    with Httpd(directives=f"{load}\n{text}") as httpd:
        statuses = [
            ask(httpd.port, path).status for path in ("/ClusterTest", "/ClusterTest/x", "/ClusterTestX")
        ]
        assert statuses == [503, 503, 404]
        assert "initialized" in httpd.jk_log


@covers("CFG-WRK-10", "CFG-DIR-17")
@pytest.mark.parametrize(
    ("lines", "starts"),
    [
        (["worker.list=w", "worker.w.host=127.0.0.1"], True),
        (["worker.list=lb", "worker.lb.type=lb", "worker.lb.balance_workers=a,a"], False),
        (["worker.list=lb", "worker.lb.type=lb"], False),
        (["worker.list=,"], False),
        (["worker.list=w", "worker.w.type=ajp99"], False),
        (["worker.list=w", "worker.w.type=ajp14"], False),
        (["worker.list=w", "worker.w.mount=a"], False),
        (["worker.list=w", "worker.w.reference=worker.none"], False),
    ],
)
def test_what_mod_jk_starts_with_refjk_takes(
    lines: list[str], starts: bool, tmp_path: Path, preamble: str
) -> None:
    root = tmp_path
    properties = "\n".join(f"JkWorkerProperty {line}" for line in lines)
    text = "JkShmFile jk.shm\nJkLogFile mod_jk.log\nPidFile pid\nErrorLog error.log\n"
    text += f"{properties}\nJkMount /unlisted nobody\n"
    _, refjk, _ = both_verdicts(root, preamble, text)
    assert refjk == starts
    assert reaches_workers(root) == starts


def reaches_workers(root: Path) -> bool:
    """Whether httpd gets past the building of workers: it ends at once otherwise."""
    file = root / "httpd.conf"
    file.write_text(file.read_text("utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}"), "utf-8")
    program = find_program("apache2", "apache2", "httpd")
    # A foreground process in debug mode (-X) that is told to stop after it is up, or that ended by itself.
    process = subprocess.Popen(
        [program, "-X", "-f", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=root
    )
    log = root / "mod_jk.log"
    try:
        for _ in range(DEADLINE_S * 20):
            if log.exists() and "initialized" in log.read_text("utf-8", "replace"):
                return True
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            return False
        raise AssertionError("httpd neither came up nor ended")
    finally:
        process.kill()
        process.wait(DEADLINE_S)
