"""Profiles, complaints, origins, listings."""

from __future__ import annotations

import pytest

from refjk.base.errors import InputError
from refjk.configuration import (
    Complaint,
    Place,
    Profile,
    Severity,
    Source,
    parse_profile,
    raise_if_refused,
    stated_profile,
)
from refjk.configuration.complaints import COMPLAINTS_MAX
from refjk.configuration.origins import version_number
from refjk.configuration.show import configuration_rows, worker_rows
from refjk.speccheck import covers
from tests.configuration.support import MAIN, NEW, OLD, WORKER, errors, httpd, workers

# -- profiles -------------------------------------------------------------------------------------


@covers("CFG-PRO-01")
def test_the_profile_is_1_2_50_unless_somebody_says_otherwise() -> None:
    read = httpd("")
    assert (read.profile.value, read.profile.origin.source) == (NEW, Source.DEFAULT)
    assert (read.workers.profile, workers().profile) == (NEW, NEW)
    assert httpd("", profile=OLD).profile.value is OLD


@covers("CFG-PRO-02")
def test_a_httpd_conf_can_state_its_profile_out_of_httpds_sight() -> None:
    text = "JkAutoMount /a w\n<IfModule refjk_module>\nRefjkProfile 1.2.7\n</IfModule>\n"
    read = httpd(text)
    assert (read.profile.value, str(read.profile.origin)) == (OLD, f"{MAIN}:3")
    assert errors(read.complaints) == []
    assert errors(httpd(text, profile=NEW).complaints) == ["CFG-DIR-02 1"]
    assert errors(httpd("RefjkProfile 1.3\n").complaints) == ["CFG-PRO-02 1"]
    assert errors(httpd("<VirtualHost *>\nRefjkProfile 1.2.7\n</VirtualHost>\n").complaints) == [
        "CFG-DIR-03 2"
    ]


@covers("CFG-PRO-03")
def test_a_workers_file_can_state_its_profile_in_a_variable() -> None:
    assert stated_profile("worker.list=w\n  refjk.profile = 1.2.7 # old\n") is OLD
    assert stated_profile("#refjk.profile=1.2.7\n") is None
    assert workers("refjk.profile=1.2.7", "worker.list=w").complaints == ()
    with pytest.raises(InputError, match=r"1\.2\.7 or 1\.2\.50"):
        stated_profile("refjk.profile=1.2.8")


def test_versions_compare_by_number_and_betas_count_as_their_release() -> None:
    assert version_number("1.2.14.1") == (1, 2, 14, 1)
    assert OLD.knows("1.2.7b3") and OLD.knows("1.2.6") and not OLD.knows("1.2.9")
    assert NEW.knows("1.2.9") and not NEW.knows("1.2.6", gone="1.2.26")
    assert [parse_profile(profile.value) for profile in Profile] == list(Profile)


# -- complaints -----------------------------------------------------------------------------------


@covers("CFG-CMP-01")
def test_a_complaint_names_place_name_rule_and_remedy() -> None:
    complaint = httpd("\nJkMont /a w\n").complaints[0]
    assert complaint == Complaint(
        Severity.ERROR, Place(MAIN, 2), "JkMont", "there is no directive JkMont", "CFG-DIR-01", "JkMount"
    )
    assert str(complaint) == (
        f"{MAIN}:2: error: there is no directive JkMont; the nearest known name is JkMount [CFG-DIR-01]"
    )


def test_a_complaint_is_one_printable_line_of_bounded_length() -> None:
    for complaint in httpd("Jk\x1b[31m" + "x" * 5000 + " y\n").complaints:
        assert str(complaint).isprintable()
        assert len(str(complaint)) < 1000


@covers("CFG-CMP-02")
def test_only_those_who_ask_get_an_exception() -> None:
    read = httpd("JkMont /a w\nListen x\n")
    with pytest.raises(InputError, match=r"httpd.conf:1: error: .* \(and 1 more\)"):
        raise_if_refused(read.complaints)
    raise_if_refused(httpd("Require all denied\n").complaints)


@covers("CFG-CMP-02")
def test_a_missing_main_file_is_a_complaint() -> None:
    from refjk.configuration import FilesInMemory, read_httpd

    assert errors(read_httpd("/x", FilesInMemory({})).complaints) == ["CFG-INC-01 0"]


def test_complaints_are_bounded_and_an_error_is_never_lost() -> None:
    read = httpd("Require x\n" * (COMPLAINTS_MAX + 50) + "JkMont\n")
    assert len(read.complaints) == COMPLAINTS_MAX
    assert errors(read.complaints) == [f"CFG-DIR-01 {COMPLAINTS_MAX + 51}"]


# -- origins and listings -------------------------------------------------------------------------


def test_every_value_knows_where_it_comes_from() -> None:
    read = httpd(WORKER + "JkWorkerProperty worker.w.port=8010\n").workers
    origins = read.workers["w"].origins
    assert str(origins["port"]) == f"{MAIN}:4"
    assert str(origins["host"]) == "default"
    assert str(origins["connection_pool_minsize"]) == "derived"
    assert str(read.origins["list"]) == f"{MAIN}:1"


@covers("CFG-CMP-03")
def test_a_listing_hides_secrets() -> None:
    lines = ("worker.list=w", "worker.w.type=ajp14", "worker.w.secret=hush", "worker.w.secretkey=hush")
    rows = {row.name: row.value for row in worker_rows(workers(*lines))}
    assert "hush" not in str(rows)
    assert (rows["worker.w.secret"], rows["worker.w.secretkey"]) == ("(hidden)", "(hidden)")


def test_a_listing_has_the_names_of_the_profile() -> None:
    new = {row.name for row in worker_rows(workers("worker.list=w"))}
    old = {row.name for row in worker_rows(workers("worker.list=w", profile=OLD))}
    assert {"worker.w.connection_pool_size", "worker.w.ping_mode", "worker.maintain"} <= new
    assert "worker.w.cachesize" in old
    assert not {"worker.w.connection_pool_size", "worker.w.ping_mode", "worker.maintain"} & old


def test_a_listing_of_a_httpd_conf_has_everything() -> None:
    text = (
        WORKER + "Listen 80\nServerName a\nCustomLog l '%>s %{X}i %!200b %%'\nJkOptions +FlushHeader\n"
        "JkMount /a w;active=n1,n2;stateless=1\nJkUnMount /a/x w\nJkEnvVar A b\nJkRequestLogFormat %w\n"
        "<VirtualHost *:81>\nJkLogLevel debug\n</VirtualHost>\n"
    )
    rows = {(row.scope, row.name): row for row in configuration_rows(httpd(text))}
    main, host = "main server", "<VirtualHost *:81>"
    assert rows["", "Listen"].value == "*:80"
    assert rows[main, "JkMount /a"].value == "w;active=n1,n2;stateless=1"
    assert rows[main, "JkMount !/a/x"].value == "w"
    assert rows[main, "CustomLog"].value == "/srv/l %>s %{X}i %!200b %%"
    assert rows[main, "JkOptions FlushHeader"].value is True
    assert rows[main, "JkRequestLogFormat"].value == "%w"
    assert rows[host, "JkLogLevel"].value == "debug"
    assert rows[host, "JkEnvVar A"].origin.source is Source.INHERITED
    assert rows["", "worker.list"].value == ["w"]
