from __future__ import annotations

from pathlib import Path

import pytest
from prose import find_idioms, main, read_prose

IDIOM = "anew"


def test_prose_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    failed = main([])
    assert not failed, capsys.readouterr().out


def test_an_idiom_has_a_line_and_a_suggestion() -> None:
    text = f"The result is printed.\nIt is computed {IDIOM}, and there is no limit."
    assert list(find_idioms(text)) == [(2, IDIOM, "again")]


@pytest.mark.parametrize(
    ("name", "text"),
    [("module.py", f"{IDIOM} = '{IDIOM}'\n# A comment.\n"), ("page.md", f"`{IDIOM}`\n```\n{IDIOM}\n```\n")],
)
def test_code_is_not_prose(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert not list(find_idioms(read_prose(tmp_path / name)))


def test_a_file_with_many_idioms_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "module.py"
    path.write_text(f'"""Computes {IDIOM}."""\n\n# Reads {IDIOM},\n# prints {IDIOM}.\n')
    assert main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{path}:{line}: {IDIOM!r}: write again" for line in (1, 3, 4)]
