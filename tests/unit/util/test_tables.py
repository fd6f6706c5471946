"""Tables: formatted on a terminal of any width, tab-separated elsewhere."""

from __future__ import annotations

import io
import re

import pytest

from oolong_align.util.tables import print_table

COLUMNS = ("recording", "DER %", "false alarm %", "missed %", "confusion %", "JER %", "speech s", "false alarm s")
ROWS = [("a_long_recording", "14.7", "12.2", "2.5", "10.0", "14.6", "1124.3", "100.5"), ("b", *["0.0"] * 7)]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    print_table(COLUMNS, ROWS, screen)
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()


def test_a_table_that_fits_has_one_line_per_row(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [[cell.strip() for cell in re.split("[┃│]", line)[1:-1]] for line in drawn(120, monkeypatch)]
    assert [row for row in cells if row] == [[*row] for row in (COLUMNS, *ROWS)]


@pytest.mark.parametrize("width", [20, 60, 80])
def test_numbers_are_not_wrapped_and_nothing_is_cut_on_a_narrow_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = drawn(width, monkeypatch)
    rule = next(place for place, line in enumerate(lines) if line.startswith("─"))
    heads, rows = lines[:rule], lines[rule + 1 :]
    assert rows[0].split()[1:] == [*ROWS[0][1:]]
    assert "".join(row.split()[0] for row in rows if row.strip()) == "a_long_recordingb"
    assert sorted("".join(heads).replace(" ", "")) == sorted("".join(COLUMNS).replace(" ", ""))
    assert max(map(len, lines)) <= max(width, 54)  # below that the terminal wraps the lines


def test_pipes_get_tab_separated_tables(capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    print_table(COLUMNS, ROWS, file, "a title")
    assert file.getvalue().splitlines() == ["a title", *("\t".join(row) for row in (COLUMNS, *ROWS))]
