"""One self-contained page: read, listen, correct, download. Nothing in it comes from or goes to a network.

The parts of the page are the files beside this one. The transcript travels as JSON that no name or word can break out
of; only the script and the style of this package may run, by their hashes.
"""

from __future__ import annotations

from oolong_align.formats.html.page import PageAudio, has_audio, render_html

__all__ = ["PageAudio", "has_audio", "render_html"]
