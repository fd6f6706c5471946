"""Recordings to transcripts and files, with the stages of the host."""

from __future__ import annotations

from oolong_align.pipeline.align_run import AlignRun
from oolong_align.pipeline.files import Pipeline, warn_of

__all__ = ["AlignRun", "Pipeline", "warn_of"]
