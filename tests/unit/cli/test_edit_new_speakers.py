"""``oolong edit --assign`` to a speaker whom the diarizer has not found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Record = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


def test_a_new_speaker_is_added_and_named(run: Run, result: Path) -> None:
    code, out, err = run("edit", result, "--assign", "1-2=SPEAKER_02", "--txt", "-o", "-")
    assert (code, out, err) == (0, "[SPEAKER_00]: hello\n[SPEAKER_02]: there\n", "")
    naming = ("--rename", "SPEAKER_02=Dora", "--assign", "1-2=Dora", "--assign", "1.9-2=SPEAKER_02")
    code, _, err = run("edit", result, *naming)
    assert code == 0 and err.endswith(f"in this time range.\n{result}: 2 speakers, 2 words -> {result}\n")
    assert [each["name"] for each in json.loads(result.read_text())["speakers"].values()] == [None, "Dora"]
    both = ("--assign", "0-1=SPEAKER_04", "--assign", "1-2=SPEAKER_03", "--txt", "-o", "-")
    assert run("edit", result, *both)[:2] == (0, "[SPEAKER_04]: hello\n[SPEAKER_03]: there\n")


def test_a_new_speaker_without_words_is_removed(run: Run, result: Path) -> None:
    code, out, err = run("edit", result, "--assign", "2.2-3=SPEAKER_02", "-o", "-")
    assert (code, list(json.loads(out)["speakers"])) == (0, ["SPEAKER_00", "SPEAKER_01"])
    assert err == "oolong: warning: --assign 2.2-3=SPEAKER_02: No change. No other speaker speaks in this time range.\n"
