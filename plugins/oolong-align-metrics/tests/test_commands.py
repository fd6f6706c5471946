from __future__ import annotations

import json
from pathlib import Path

import oolong_align_metrics.plugin
import pytest

from oolong_align.cli.main import main
from oolong_align.testing import make_host


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recordings: references in ``ref``, hypotheses in ``hyp``."""
    for name in ("ref", "hyp"):
        (tmp_path / name).mkdir()
    for number in (1, 2):
        rttm = "SPEAKER rec{n} 1 0 10 <NA> <NA> {a} <NA> <NA>\nSPEAKER rec{n} 1 10 {length} <NA> <NA> {b} <NA> <NA>\n"
        (tmp_path / f"ref/rec{number}.rttm").write_text(rttm.format(n=number, a="A", b="B", length=10))
        (tmp_path / f"hyp/rec{number}.rttm").write_text(rttm.format(n=number, a="X", b="Y", length=10 - number))
        (tmp_path / f"ref/rec{number}.stm").write_text(
            f"rec{number} 1 A 0 10 Good morning to you\nrec{number} 1 B 10 11 Hi\n"
        )
        words = [("Good", "X"), ("morning", "X"), ("to", "X"), ("you", "Y"), ("hi", "Y")][:-number]
        listed = [
            {"word": word, "speaker": speaker, "start": at, "end": at + 1} for at, (word, speaker) in enumerate(words)
        ]
        content = {"language": "en", "segments": [{"start": 0, "end": 11, "words": listed}]}
        (tmp_path / f"hyp/rec{number}.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def oolong(*arguments: str) -> int:
    return main(["eval", *arguments], host=make_host(oolong_align_metrics.plugin))


def test_folders_have_a_row_per_recording_and_a_total(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert oolong("der", "ref", "hyp") == 0
    header, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert header[:6] == ["recording", "DER %", "false alarm %", "missed %", "confusion %", "JER %"]
    assert [row[:7] for row in rows] == [
        ["rec1", "5.0", "0.0", "5.0", "0.0", "5.0", "20.0"],
        ["rec2", "10.0", "0.0", "10.0", "0.0", "10.0", "20.0"],
        ["TOTAL", "7.5", "0.0", "7.5", "0.0", "7.5", "40.0"],
    ]
    assert oolong("words", "ref", "hyp") == 0
    header, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert header[:4] == ["recording", "WER %", "cpWER %", "WDER %"]
    # "Hi" is missed; of the rest "you" has Hi's speaker in rec1, and is missed too in rec2.
    assert [row[1] for row in rows] == ["20.0", "40.0", "30.0"]
    assert [row[3] for row in rows] == ["25.0", "0.0", "14.3"]


def test_json_has_counts_and_rates(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert oolong("words", "ref/rec1.stm", "hyp/rec1.json", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["recordings"]["rec1"] == printed["total"]
    assert printed["total"]["recognised"] == 4
    assert printed["total"]["speaker_error_rate"] == 0.25
    assert printed["total"]["short_speaker_error_rate"] is None
    assert oolong("der", "ref/rec1.rttm", "hyp/rec1.rttm", "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"]["missed"] == 1


def test_one_file_with_all_recordings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "all.rttm").write_text("".join((folder / f"ref/rec{n}.rttm").read_text() for n in (1, 2)))
    assert oolong("der", "all.rttm", "hyp") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("TOTAL\t7.5\t")


def test_single_recordings_may_have_different_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert oolong("der", "ref/rec1.rttm", "hyp/rec2.rttm") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("rec1\t10.0\t")


def test_options_of_der(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "parts.uem").write_text("rec1 1 0 19\nrec2 1 0 19\n")
    assert oolong("der", "ref", "hyp", "--uem", "parts.uem") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("rec1\t0.0\t")
    assert oolong("der", "ref", "hyp", "--collar", "1", "--skip-overlap") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("rec1\t0.0\t")


def test_recordings_of_one_side_only_cause_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hyp/rec2.rttm").rename(folder / "hyp/rec3.rttm")
    assert oolong("der", "ref", "hyp") == 0
    out, err = capsys.readouterr()
    assert [line.split("\t")[:2] for line in out.splitlines()[1:3]] == [["rec1", "5.0"], ["rec2", "100.0"]]
    assert err.splitlines() == [
        "oolong: warning: No hypothesis for 'rec2': everything counts as missed",
        "oolong: warning: No reference for 'rec3': skipped",
    ]


def test_a_file_without_turns_misses_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hyp/rec1.rttm").write_text("")
    assert oolong("der", "ref/rec1.rttm", "hyp/rec1.rttm") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("rec1\t100.0\t0.0\t100.0\t")
    assert oolong("der", "hyp/rec1.rttm", "ref/rec1.rttm") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("rec1\t-\t-\t-\t-\t-\t0.0\t20.0\t")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("der", "ref/none.rttm", "hyp"), 2, "does not exist"),
        (("der", "ref/rec1.rttm"), 2, "Missing argument 'HYP.rttm'"),
        (("der", "ref", "hyp", "--collar", "-1"), 2, "-1"),
        (("der", "ref", "hyp", "--uem", "ref"), 1, "Could not read"),
        (("der", "ref", "hyp", "--uem", "one.uem"), 1, "one.uem: No range for recording 'rec1'"),
        (("der", "empty", "hyp"), 1, "empty: No *.rttm files in this folder"),
        (("der", "ref", "twice"), 1, "Recording 'rec1' is also in another file of the folder"),
        (("der", "ref", "other"), 1, "No common recordings: the reference has 'rec1', 'rec2', the hypothesis has"),
        (("der", "ref/rec1.stm", "hyp/rec1.rttm"), 1, "Invalid RTTM line type 'rec1'"),
        (("der", "ref/rec1.rttm", "hyp/rec1.json"), 1, "Invalid RTTM line type"),
        (("words", "ref/rec1.stm", "hyp/rec1.rttm"), 1, "not valid JSON"),
        (("words", "ref/rec1.rttm", "hyp/rec1.json"), 1, "This is a line of an RTTM file"),
    ],
)
def test_wrong_use_is_an_error_of_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, message: str
) -> None:
    for name in ("empty", "twice", "other"):
        (folder / name).mkdir()
    both = "".join((folder / f"ref/rec{number}.rttm").read_text() for number in (1, 2))
    for name in ("twice/a.rttm", "twice/b.rttm", "other/x y.rttm"):
        (folder / name).write_text(both.replace("rec", "other") if name.startswith("other") else both)
    (folder / "one.uem").write_text("rec3 1 0 1\n")
    assert oolong(*arguments) == code
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == (code != 0)


def test_the_start_loads_none_of_the_libraries() -> None:
    import subprocess
    import sys

    code = (
        "import sys, oolong_align_metrics.plugin; print(set(sys.modules) & {'pandas', 'scipy', 'rapidfuzz', 'regex'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")
