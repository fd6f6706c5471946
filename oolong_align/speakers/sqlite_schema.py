"""Tables of a voice library in SQLite, and the upgrade steps from older versions.

``user_version`` of a file is the number of applied steps. Released steps never change.
"""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION_ID", "STEPS"]

APPLICATION_ID: Final = 0x6F6F6C76  # "oolv"

_VOICES: Final = (
    """
    CREATE TABLE model (
        only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
        name TEXT NOT NULL,
        weights TEXT NOT NULL,
        dimension INTEGER NOT NULL
    )
    """,
    # AUTOINCREMENT: the number of a deleted voice is never reused.
    """
    CREATE TABLE voice (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT,
        seconds REAL NOT NULL,
        centroid BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE reference (
        voice INTEGER NOT NULL REFERENCES voice (number) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        embedding BLOB NOT NULL,
        source TEXT NOT NULL,
        start REAL NOT NULL,
        "end" REAL NOT NULL,
        seconds REAL NOT NULL,
        enrolled TEXT NOT NULL,
        PRIMARY KEY (voice, place)
    )
    """,
    "CREATE INDEX voice_name ON voice (name)",
)
_ALIASES: Final = (
    """
    CREATE TABLE alias (
        number INTEGER PRIMARY KEY,
        voice INTEGER NOT NULL REFERENCES voice (number) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX alias_voice ON alias (voice)",
)
_RECORDINGS: Final = (
    "ALTER TABLE reference ADD COLUMN recording TEXT NOT NULL DEFAULT ''",
    "UPDATE reference SET recording = source WHERE source <> 'recording'",
)
STEPS: Final = (_VOICES, _ALIASES, _RECORDINGS)
