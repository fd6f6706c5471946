"""Find, download and verify model files: bundles for diarization, folders for Whisper. Does not load models.

Locations are searched in this order: the user's model folder (``model_dir``, ``OOLONG_MODELS``), the cache
(``OOLONG_CACHE``), then the sources that the manifest lists. The first file with a SHA-256 listed in the manifest is
used; files with any other hash never are.

The model folder is a bundle; its hashes are not compared with the manifest unless a bundle is named::

    segmentation/model.onnx
    embedding/model.onnx
    plda/vbx_model.npz
    whisper/NAME/             optional: CTranslate2 models by name
"""

from __future__ import annotations

from oolong_align.weights.bundles import LAYOUT, Bundle, fetch_originals, find_bundle, find_files, list_model_folder
from oolong_align.weights.cache import derive, file_hash
from oolong_align.weights.whisper import find_whisper, locate_whisper

__all__ = [
    "LAYOUT",
    "Bundle",
    "derive",
    "fetch_originals",
    "file_hash",
    "find_bundle",
    "find_files",
    "find_whisper",
    "list_model_folder",
    "locate_whisper",
]
