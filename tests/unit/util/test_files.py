"""Atomic writing of result files, and paths that are URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from oolong_align.errors import OutputError, UsageError
from oolong_align.util.files import local_path, write_files


def test_a_windows_drive_is_not_a_url() -> None:
    assert [local_path(given) for given in ("C://talks", "./a://b")] == [Path("C://talks"), Path("a:/b")]
    with pytest.raises(UsageError, match="S3://b: Writing to a URL"):
        local_path("S3://b")


def test_a_failed_write_leaves_no_files(tmp_path: Path) -> None:
    (tmp_path / "b.srt").mkdir()
    with pytest.raises(OutputError, match="A folder has this name"):
        write_files({tmp_path / "a.srt": "text", tmp_path / "b.srt": "text"})
    with pytest.raises(OutputError, match="Could not write the file"):
        write_files({tmp_path / "a.srt": "text", tmp_path / "missing" / "c.srt": "text"})
    assert [path.name for path in tmp_path.iterdir()] == ["b.srt"]


def test_files_are_replaced_only_when_all_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [tmp_path / "a.srt", tmp_path / "b.srt"]
    for target in targets:
        target.write_text("old")
    write = Path.write_bytes

    def full_disk(path: Path, data: bytes) -> int:
        assert [target.read_text() for target in targets] == ["old", "old"]
        if data == b"second":
            write(path, data[:3])
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OutputError, match=r"b\.srt: Could not write the file \(No space left"):
        write_files(dict(zip(targets, ("first", "second"), strict=True)))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.srt": "old", "b.srt": "old"}


@pytest.mark.parametrize("old", ["old", None])
def test_a_failed_rename_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str | None) -> None:
    targets = [tmp_path / "a.srt", tmp_path / "b.srt"]
    for target in targets if old else ():
        target.write_text(old or "")
    replace_file = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if target == targets[1] and path.read_text() == "new":
            raise PermissionError(13, "Permission denied", str(target))
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="Permission denied"):
        write_files(dict.fromkeys(targets, "new"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == (
        {"a.srt": "old", "b.srt": "old"} if old else {}
    )


def test_files_keep_their_line_endings_and_are_valid_utf8(tmp_path: Path) -> None:
    target = tmp_path / "a.srt"
    target.write_text("old")
    write_files({target: "ä\n\r\n\udcff"})
    assert target.read_bytes() == b"\xc3\xa4\n\r\n?"


def test_long_names_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    stem = "x" * 230
    write_files({tmp_path / f"{stem}.srt": "srt", tmp_path / f"{stem}.vtt": "vtt"})
    assert {path.suffix: path.read_text() for path in tmp_path.iterdir()} == {".srt": "srt", ".vtt": "vtt"}
