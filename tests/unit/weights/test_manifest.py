"""The manifest of the package is complete, and invalid manifests are refused with a reason."""

import pytest

from oolong_align.errors import ModelError
from oolong_align.weights.manifest import (
    PARTS,
    HubSource,
    IndexSource,
    edition_key,
    load_manifest,
    parse_manifest,
    total_size,
)


def test_package_manifest_is_complete():
    manifest = load_manifest()
    assert manifest.default_bundle == "open"
    assert manifest.default_whisper == "base"
    assert {"tiny.en", "base"} <= set(manifest.whisper)
    for bundle in manifest.bundles.values():
        assert tuple(bundle.parts) == PARTS
    used = {name for bundle in manifest.bundles.values() for name in bundle.parts.values()}
    assert used | set(manifest.whisper.values()) == set(manifest.assets)


def test_default_bundle_requires_neither_account_nor_hub():
    manifest = load_manifest()
    for name in (*manifest.bundles["open"].parts.values(), *manifest.whisper.values()):
        asset = manifest.assets[name]
        assert asset.convert is None
        if asset.package is None:
            assert any(isinstance(source, IndexSource) for source in asset.sources)
            assert not any(isinstance(source, HubSource) and source.gated for source in asset.sources)
        else:
            assert asset.package.is_file()
            assert asset.size < 250_000


def test_every_asset_has_licence_and_attribution():
    for asset in load_manifest().assets.values():
        assert asset.licence in {"MIT", "CC-BY-4.0", "Apache-2.0"}
        assert asset.attribution
        assert asset.homepage.startswith("https://")


def test_every_index_source_has_members_for_all_files():
    sources = [source for asset in load_manifest().assets.values() for source in asset.sources]
    for source in sources:
        if isinstance(source, IndexSource):
            assert set(source.members) == {file.name for file in source.files}
            assert all("==" in wheel for wheel in source.wheels)
            assert total_size(source.files) > 0


def test_different_files_have_different_edition_keys():
    base = load_manifest().assets["whisper-base"]
    hub, index = base.sources
    assert len(base.editions) == 2
    assert edition_key(hub.files) != edition_key(index.files)
    tiny = load_manifest().assets["whisper-tiny.en"]
    assert len(tiny.editions) == 1


def test_bundle_can_be_added_with_tables_only(toys):
    document = toys.document()
    document["assets"]["other"] = toys.asset({"model.onnx": b"other"}, {"kind": "hub", "repo": "a/b", "revision": "c"})
    document["bundles"]["mine"] = {"summary": "s", "segmentation": "seg", "embedding": "other", "plda": "plda"}
    manifest = parse_manifest(document)
    assert manifest.bundles["mine"].parts["embedding"] == "other"
    assert manifest.assets["other"].sources[0].paths == {"model.onnx": "model.onnx"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d["bundles"]["open"].pop("plda"), "plda"),
        (lambda d: d["bundles"]["open"].update(embedding="gone"), "unknown asset 'gone'"),
        (lambda d: d["default"].update(bundle="gone"), "defaults"),
        (lambda d: d["assets"]["seg"]["files"].update({"../x": {"sha256": "0" * 64, "size": 1}}), "plain"),
        (lambda d: d["assets"]["seg"]["files"].update({"x": {"sha256": "abc", "size": 1}}), "64 hex"),
        (lambda d: d["assets"]["seg"]["files"].update({"x": {"sha256": "0" * 64}}), "size"),
        (lambda d: d["assets"]["seg"].update(sources=[]), "sources"),
        (lambda d: d["assets"]["seg"]["sources"][0].update(kind="ftp"), "ftp"),
        (lambda d: d["assets"].update({"..": d["assets"]["seg"]}), "plain"),
    ],
)
def test_invalid_manifest_is_refused(toys, change, reason):
    document = toys.document()
    change(document)
    with pytest.raises(ModelError, match=reason):
        parse_manifest(document)
