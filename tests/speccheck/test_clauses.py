"""What is read out of a chapter."""

from __future__ import annotations

from typing import Any

from refjk.speccheck.clauses import Clause, WithdrawnClause, parse_chapter


def only_clause(text: str) -> Clause:
    chapter = parse_chapter("spec/x.md", text)
    assert chapter.complaints == []
    (clause,) = chapter.clauses
    return clause


def test_a_wrapped_clause_is_read_with_all_its_parts(tree: Any) -> None:
    first = tree.survey().clauses[0]
    assert first == Clause(
        id="LET-BOX-01",
        level="MUST",
        roles=("sender", "carrier"),
        origins=("documented: The Book (2nd edition)", "observed: Post 1.0, Post 2.0"),
        text="A letter MUST carry a stamp; `MAY` is a month.",
        why="nobody carries it for nothing.",
        untested="",
        file="spec/letters.md",
        line=5,
    )


def test_a_parenthesis_may_be_wrapped() -> None:
    clause = only_clause("**AA-BB-01** (MUST\nNOT; a; observed:\nPost\n1.0) It MUST NOT.")
    assert (clause.level, clause.origins) == ("MUST NOT", ("observed: Post 1.0",))


def test_a_withdrawn_clause_names_its_successors() -> None:
    chapter = parse_chapter("spec/x.md", "**AA-BB-01** (withdrawn; successor AA-BB-02, AA-CC-01) Split.")
    assert chapter.withdrawn == [
        WithdrawnClause("AA-BB-01", ("AA-BB-02", "AA-CC-01"), "Split.", "spec/x.md", 1)
    ]
    assert chapter.complaints == []


def test_a_clause_ends_at_a_blank_line_a_heading_or_a_fence() -> None:
    for end in ("\n", "# Next\n", "```\n**AA-BB-02** (MUST; x; y) z\n```\n"):
        clause = only_clause(f"**AA-BB-01** (MAY; a; observed) It MAY.\n{end}MUST not count.\n")
        assert clause.text == "It MAY."


def test_a_fence_closes_only_with_its_own_mark() -> None:
    text = "````\n```\n**AA-BB-01** (MUST; a; b) x\n~~~\n````\n\n**AA-BB-02** (MAY; a; observed) It MAY.\n"
    assert only_clause(text).id == "AA-BB-02"


def test_words_in_code_and_in_lower_case_do_not_count() -> None:
    assert only_clause("**AA-BB-01** (MAY; a; observed) `MUST` and ``a ` MUST`` must not count; it MAY.")


def test_bold_words_with_dashes_are_prose() -> None:
    chapter = parse_chapter("spec/x.md", "**one-to-one** is prose.\n\n*Note:* so is this.\n\n*Why* not.\n")
    assert (chapter.complaints, chapter.clauses) == ([], [])


def test_the_title_is_the_first_heading() -> None:
    assert parse_chapter("spec/x.md", "```\n# no\n```\n# Yes\n\n## Later\n").title == "Yes"


def test_references_carry_their_lines() -> None:
    chapter = parse_chapter("spec/x.md", "See AA-BB-01\nand\nAA-BB-02 to AA-BB-09.\n")
    assert chapter.references == [("AA-BB-01", 1), ("AA-BB-02", 3), ("AA-BB-09", 3)]
