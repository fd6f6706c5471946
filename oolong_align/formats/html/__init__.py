"""A self-contained HTML page to read, play, correct and download a transcript, without network access.

The page is assembled from the HTML, CSS and JavaScript files of this folder. The transcript is embedded as escaped
JSON. A content security policy allows only the script and the style of this package, by their hashes.
"""

from __future__ import annotations

from oolong_align.formats.html.page import PageAudio, has_audio, render_html

__all__ = ["PageAudio", "has_audio", "render_html"]
