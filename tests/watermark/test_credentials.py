import errno
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from c2pa import Builder, C2paError, Reader
from cryptography.hazmat.primitives import serialization

from tellmark.errors import InternalError, UsageError
from tellmark.types import Kind
from tellmark.watermark.credentials import Ingredient, Provenance, sign
from tellmark.watermark.manifests import _reading, examine, examine_store, read

PAYLOAD = "1123456789abcdef"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def provenance(**changes) -> Provenance:
    fields = {
        "kind": Kind.SYNTHETIC,
        "title": "clip.mp4",
        "model_name": "engine",
        "parameters": {"seed": 2**70, "fps": 25.0, "mirrored": False, "emotion": "happy"},
        "ingredients": (
            Ingredient("portrait", "actor:7", "image/png", "a" * 64),
            Ingredient("speech", "speech.wav", "audio/wav", "b" * 64, metadata={"org.example.licence": "CC0"}),
        ),
        "consent_sha256": "c" * 64,
    }
    return Provenance(**(fields | changes))


@pytest.fixture(scope="module")
def signed(plain_clip, tmp_path_factory):
    """A signed clip and its manifest store."""
    path = tmp_path_factory.mktemp("signed") / "clip.mp4"
    return path, sign(plain_clip, path, provenance(), PAYLOAD, {"fingerprint_sha256": "d" * 64})


def crjson(path) -> dict:
    with Reader(path) as reader:
        return json.loads(reader.crjson())["manifests"][0]


def flip(path, target, offset: int):
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    target.write_bytes(data)
    return target


def test_a_signed_clip_is_trusted_by_its_own_machine(signed):
    reading = examine(signed[0])
    assert reading.fits
    assert reading.signed
    assert (reading.payload, reading.fingerprint_sha256) == (PAYLOAD, "d" * 64)
    evidence = reading.evidence
    assert (evidence.state, evidence.trust, evidence.codes) == ("Trusted", "trusted", ())
    assert evidence.digital_source_type == SOURCE_TYPE
    assert evidence.claim_generator.startswith("tellmark ")
    assert evidence.signer.startswith("tellmark development signer")


def test_the_manifest_says_what_c2pa_2_4_asks_for(signed):
    manifest = crjson(signed[0])
    assertions = manifest["assertions"]
    created, marked = assertions["c2pa.actions.v2"]["actions"]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"] == SOURCE_TYPE
    assert len(created["parameters"]["ingredients"]) == 2
    assert marked["action"] == "c2pa.watermarked.bound"
    assert assertions["c2pa.soft-binding"]["blocks"] == [{"scope": {}, "value": PAYLOAD}]
    assert assertions["cawg.training-mining"]["entries"]["cawg.ai_generative_training"]["use"] == "notAllowed"
    assert assertions["c2pa.ai-disclosure"]["modelName"] == "engine"
    assert manifest["claim.v2"]["claim_generator_info"]["specVersion"] == "2.4.0"
    labels = {entry["url"].rsplit("/", 1)[1] for entry in manifest["claim.v2"]["created_assertions"]}
    assert {"c2pa.actions.v2", "c2pa.soft-binding", "c2pa.ai-disclosure", "org.tellmark.generation"} <= labels
    generation = assertions["org.tellmark.generation"]
    assert generation["seed"] == str(2**70)
    assert (generation["fps"], generation["mirrored"], generation["kind"]) == (25.0, False, "synthetic")


def test_ingredients_carry_hash_licence_and_consent(signed):
    ingredients = {
        value["dc:title"]: value["metadata"]
        for label, value in crjson(signed[0])["assertions"].items()
        if label.startswith("c2pa.ingredient")
    }
    assert ingredients["actor:7"] == {"org.tellmark.sha256": "a" * 64, "org.tellmark.consent_sha256": "c" * 64}
    assert ingredients["speech.wav"] == {"org.tellmark.sha256": "b" * 64, "org.example.licence": "CC0"}


def test_others_see_it_valid_but_untrusted(signed, authority, tmp_path):
    reading = examine(signed[0], authority("Stranger").anchors(tmp_path))
    assert reading.fits
    assert (reading.evidence.state, reading.evidence.trust) == ("Valid", "untrusted")


def test_an_expired_certificate_is_not_tampering(plain_clip, authority, tmp_path, monkeypatch):
    agency = authority("Agency")
    agency.use(monkeypatch, agency.leaf(-1, 2.0 / 86_400))
    sign(plain_clip, tmp_path / "clip.mp4", provenance(), PAYLOAD)
    time.sleep(3)
    reading = examine(tmp_path / "clip.mp4", agency.anchors(tmp_path))
    assert reading.fits
    assert (reading.evidence.state, reading.evidence.trust) == ("Invalid", "expired")
    damaged = flip(tmp_path / "clip.mp4", tmp_path / "flipped.mp4", -1000)
    assert not examine(damaged, agency.anchors(tmp_path)).fits


def test_changed_content_does_not_fit_but_is_signed(signed, tmp_path):
    path, store = signed
    reading = examine(flip(path, tmp_path / "flipped.mp4", -1000))
    assert not reading.fits
    assert reading.signed
    assert reading.evidence.codes == ("assertion.bmffHash.mismatch",)
    assert examine_store(store).signed
    assert not examine_store(store).fits


def test_a_changed_manifest_is_not_signed(signed):
    store = signed[1]
    edited = store.replace(PAYLOAD.encode(), b"2" * 16)
    reading = examine_store(edited)
    assert not reading.signed
    assert "assertion.hashedURI.mismatch" in reading.evidence.codes


def test_a_broken_store_is_unreadable_and_no_store_is_none(signed, plain_clip, tmp_path):
    path, store = signed
    start = path.read_bytes().index(b"jumd")
    broken = flip(path, tmp_path / "broken.mp4", start + 1)
    assert read(broken).state == "unreadable"
    assert read(plain_clip).state == "none"
    assert examine_store(store[: len(store) // 2]).evidence.state == "unreadable"
    text = tmp_path / "notes.mp4"
    text.write_text("no media at all")
    assert read(text).state == "none"


def test_random_damage_never_escapes_as_an_exception(signed, tmp_path):
    path, _ = signed
    data, rng = path.read_bytes(), np.random.default_rng(0)
    start, end = data.index(b"uuid") - 4, data.index(b"mdat")
    states = set()
    for _ in range(60):
        damaged = bytearray(data)
        for offset in rng.integers(start, end, rng.integers(1, 6)):
            damaged[offset] = rng.integers(256)
        (tmp_path / "x.mp4").write_bytes(damaged)
        reading = examine(tmp_path / "x.mp4")
        states.add((reading.evidence.state, reading.fits))
    assert all(state in {"Trusted", "Valid", "Invalid", "unreadable", "none"} for state, _ in states)
    assert ("Invalid", False) in states


@pytest.mark.parametrize(
    "assertions",
    [
        [{"label": "c2pa.soft-binding", "data": ["x"]}, {"label": "org.tellmark.generation", "data": "x"}],
        [{"label": "c2pa.soft-binding", "data": {"alg": "org.tellmark.watermark.1", "blocks": [3, {"value": 4}]}}],
        [{"label": "c2pa.actions.v2", "data": {"actions": ["c2pa.created", {"digitalSourceType": None}]}}],
        ["x", {"label": "c2pa.actions"}],
        None,
    ],
)
def test_assertions_of_any_shape_are_survived(assertions):
    """A signer may write what he likes; c2pa checks its signature, not its sense."""
    manifest = {"assertions": assertions, "claim_generator_info": "x", "signature_info": None}
    reading = _reading("Valid", {"activeManifest": {"failure": []}}, manifest)
    assert reading.fits
    assert (reading.payload, reading.fingerprint_sha256, reading.evidence.digital_source_type) == (None, None, None)


def test_pictures_can_be_signed_and_read(tmp_path):
    plain = tmp_path / "plain.png"
    cv2.imwrite(str(plain), np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    sign(plain, tmp_path / "picture.png", provenance(title="picture"), PAYLOAD)
    assert examine(tmp_path / "picture.png").fits
    assert read(plain).state == "none"


def test_a_parent_keeps_its_manifest(signed, tmp_path):
    parent = Ingredient("source", "clip.mp4", "video/mp4", "e" * 64, path=signed[0])
    again = provenance(
        kind=Kind.CONTROL, digital_source_type=None, model_name=None, ingredients=(parent,), parent="source"
    )
    sign(signed[0], tmp_path / "again.mp4", again, PAYLOAD)
    reading = examine(tmp_path / "again.mp4")
    assert reading.fits
    with Reader(tmp_path / "again.mp4") as reader:
        manifests = json.loads(reader.crjson())["manifests"]
    assert len(manifests) == 2
    actions = manifests[0]["assertions"]["c2pa.actions.v2"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.watermarked.bound"]
    assert "digitalSourceType" not in actions[0]
    assert "cawg.training-mining" not in manifests[0]["assertions"]


def test_a_failed_signature_leaves_nothing_behind(plain_clip, tmp_path, monkeypatch):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    with pytest.raises(InternalError, match="could not be signed"):
        sign(broken, tmp_path / "out.mp4", provenance(), PAYLOAD)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.mp4"]


def test_a_time_stamp_authority_that_does_not_answer_is_named(plain_clip, tmp_path, monkeypatch):
    monkeypatch.setenv("TELLMARK_TSA_URL", "http://127.0.0.1:9/")
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:9.*name no authority"):
        sign(plain_clip, tmp_path / "out.mp4", provenance(), PAYLOAD)
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_of_the_wrong_chain_is_the_users_error(plain_clip, authority, tmp_path, monkeypatch):
    agency = authority("Agency")
    key = agency.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    agency.use(monkeypatch, (agency.anchors(tmp_path).read_text(), key.decode()))  # a root cannot sign claims
    with pytest.raises(UsageError, match="that was named cannot sign"):
        sign(plain_clip, tmp_path / "out.mp4", provenance(), PAYLOAD)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {"sizes": [1, 2]}}, "sizes"),
        ({"parameters": {"x": float("nan")}}, "finite"),
        ({"digital_source_type": "digitalCapture"}, "digitalCapture"),
        ({"digital_source_type": None}, "only a control clip with a parent"),
        ({"parent": "nobody"}, "not among the ingredients"),
        ({"ingredients": (Ingredient("a", "", "image/png", ""),) * 2}, "labels of their own"),
    ],
)
def test_what_a_manifest_cannot_say_is_refused_before_signing(changes, message):
    with pytest.raises(UsageError, match=message):
        provenance(**changes)


def test_threads_share_a_context(plain_clip, tmp_path):
    def job(number: int) -> bool:
        path = tmp_path / f"{number}.mp4"
        sign(plain_clip, path, provenance(title=str(number)), PAYLOAD)
        return examine(path).fits

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(job, range(8)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python warns of fork with threads; that is the case tested
def test_a_forked_child_makes_its_own_context(signed):
    assert examine(signed[0]).fits
    child = os.fork()
    if child == 0:
        os._exit(0 if examine(signed[0]).fits else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_names_in_a_manifest_cannot_move_the_cursor():
    """A signer's name is whatever he wrote, and ends up on terminals."""
    manifest = {
        "signature_info": {"common_name": "\x1b[2JTrusted Agency\n"},
        "claim_generator_info": [{"name": "x" * 999}],
    }
    evidence = _reading("Valid", {}, manifest).evidence
    assert evidence.signer == "\ufffd[2JTrusted Agency\ufffd"
    assert len(evidence.claim_generator) == 200


def test_a_full_disk_is_called_one(plain_clip, tmp_path, monkeypatch):
    """c2pa says of it "UntrackedPointer"."""

    def full(*_):
        raise C2paError("Io: Other: UntrackedPointer: 0x2")

    monkeypatch.setattr(Builder, "sign", full)
    with pytest.raises(InternalError, match=r"clip\.mp4 could not be signed: Io"):
        sign(plain_clip, tmp_path / "a.mp4", provenance(), PAYLOAD)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    with pytest.raises(OSError, match="No space left") as error:
        sign(plain_clip, tmp_path / "a.mp4", provenance(), PAYLOAD)
    assert error.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
