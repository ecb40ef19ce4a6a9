"""Our manifests against the C2PA conformance programme, point by point, for every kind of file that is signed here.

The points are those of the programme's asset rubric 0.2 for specification 2.4, in our own words, and of the
specification's certificate profile (14.5); what a rubric cannot see (hashes, signature) is computed from the bytes.
The programme's own certificates carry more (a policy, an assurance level, a record of its list of products), which no
private root can give.
"""

import base64
import datetime as dt
import hashlib
import json
import re
import struct
from collections.abc import Callable
from typing import Any

import pytest
from c2pa import Context, Reader
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tellmark.benchmarks.channels import remux
from tellmark.encoding import VideoWriter
from tellmark.media import rgb_to_i420
from tellmark.pictures import write_image
from tellmark.types import Kind
from tellmark.watermark.credentials import Ingredient, Provenance
from tellmark.watermark.identity import keys
from tellmark.watermark.manifests import examine
from tellmark.watermark.mark import mark_video
from tellmark.watermark.stills import mark_picture
from tellmark.watermark.writer import ClipWriter

Manifest = dict[str, Any]
_DER = serialization.Encoding.DER

STANDARD = {  # assertions of specification 2.4 that this package has a use for; none of them is deprecated
    "c2pa.actions.v2",
    "c2pa.ai-disclosure",
    "c2pa.hash.bmff.v3",
    "c2pa.hash.data",
    "c2pa.ingredient.v3",
    "c2pa.soft-binding",
}
OTHERS = {"cawg.training-mining", "org.tellmark.generation"}
HARD_BINDINGS = {"c2pa.hash.bmff.v3", "c2pa.hash.data"}
ACTIONS = {"c2pa.created", "c2pa.opened", "c2pa.watermarked.bound"}
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CLAIM = {"instanceID", "claim_generator_info", "signature", "created_assertions", "gathered_assertions", "dc:title"} | {
    "redacted_assertions",
    "alg",
}  # fields of a version 2 claim


@pytest.fixture(scope="module")
def files(plain_clip, pictures, tmp_path_factory):
    """One of each kind: made here; marked, with and without a manifest before, and with one recovered; pictures."""
    folder = tmp_path_factory.mktemp("conformance")
    registry = folder / "registry.sqlite"
    made = folder / "made.mp4"
    provenance = Provenance(
        Kind.SYNTHETIC,
        "made.mp4",
        model_name="engine",
        parameters={"seed": 2**70, "fps": 25.0, "mirrored": False},
        ingredients=(
            Ingredient("portrait", "face.jpg", "image/jpeg", "a" * 64),
            Ingredient("speech", "speech.wav", "audio/wav", "b" * 64, metadata={"org.example.licence": "CC0"}),
        ),
        consent_sha256="c" * 64,
    )
    with ClipWriter(made, width=256, height=256, fps=25, provenance=provenance, registry=registry) as writer:
        for rgb in pictures(7, 75):
            writer.write(rgb)
    with VideoWriter(folder / "plain.mp4", width=128, height=128, fps=25) as video:
        for rgb in pictures(8, 10, 128):
            video.write(rgb_to_i420(rgb))
    remux(made, folder / "stripped.mp4")
    for name, source, kind in (
        ("marked.mp4", "plain.mp4", Kind.SYNTHETIC),
        ("control.mp4", "plain.mp4", Kind.CONTROL),
        ("again.mp4", "made.mp4", Kind.SYNTHETIC),
        ("recovered.mp4", "stripped.mp4", Kind.SYNTHETIC),
    ):
        mark_video(folder / source, folder / name, kind=kind, registry=registry)
    write_image(folder / "plain.png", pictures(9, 1, 128)[0])
    for suffix in ("png", "jpg", "webp"):
        mark_picture(folder / "plain.png", folder / f"picture.{suffix}", kind=Kind.SYNTHETIC, registry=registry)
    return folder


NAMES = ["made.mp4", "marked.mp4", "control.mp4", "again.mp4", "recovered.mp4"]
NAMES += ["picture.png", "picture.jpg", "picture.webp"]


def active(path) -> Manifest:
    """The active manifest of a file, with what c2pa found on validating it."""
    context = Context.from_dict({"version": 1, "trust": {"user_anchors": keys.anchors_pem()}})
    with Reader(path, context=context) as reader:
        found: Manifest = json.loads(reader.crjson())["manifests"][0]
    return found


@pytest.fixture
def manifest(files, request) -> Manifest:
    return active(files / request.param)


# The points of the rubric


def actions(manifest: Manifest) -> list[Manifest]:
    found: list[Manifest] = manifest["assertions"]["c2pa.actions.v2"]["actions"]
    return found


def ingredients(manifest: Manifest) -> list[Manifest]:
    return [value for value in manifest["assertions"].values() if "relationship" in value]


def created(manifest: Manifest) -> list[str]:
    """Labels of the assertions that the signer vouches for, in order."""
    return [entry["url"].rsplit("/", 1)[1] for entry in manifest["claim.v2"]["created_assertions"]]


def bare(label: str) -> str:
    """A label without the number that tells several of its kind apart."""
    return label.partition("__")[0]


def parameters(manifest: Manifest) -> list[Manifest]:
    return [action["parameters"] for action in actions(manifest) if "parameters" in action]


def opened(manifest: Manifest) -> list[Manifest]:
    return [action for action in actions(manifest) if action["action"] == "c2pa.opened"]


POINTS: dict[str, Callable[[Manifest], bool]] = {
    "its identifier is a urn:c2pa": lambda m: (
        re.fullmatch(r"urn:c2pa:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", m["label"]) is not None
    ),
    "a standard manifest, neither update nor compressed": lambda m: (
        not m["isUpdateManifest"] and not m["isCompressedManifest"]
    ),
    "the claim is of version 2 and has its fields alone": lambda m: "claim" not in m and set(m["claim.v2"]) <= CLAIM,
    "the generator names itself and specification 2.4": lambda m: (
        m["claim.v2"]["claim_generator_info"]["name"] == "tellmark"
        and m["claim.v2"]["claim_generator_info"]["specVersion"].startswith("2.4")
        and "specVersion" not in m["claim.v2"]
    ),
    "hashes are SHA-256": lambda m: m["claim.v2"]["alg"] == "sha256",
    "validation found nothing malformed or mismatched": lambda m: m["validationResults"]["failure"] == [],
    "every assertion is referenced once": lambda m: (
        sorted(m["assertions"])
        == sorted(
            created(m) + [entry["url"].rsplit("/", 1)[1] for entry in m["claim.v2"].get("gathered_assertions", [])]
        )
    ),
    "standard assertions are allowed and current": lambda m: (
        {bare(label) for label in m["assertions"]} <= STANDARD | OTHERS
    ),
    "custom assertions carry a namespace": lambda m: all("." in label for label in m["assertions"]),
    "nothing is redacted": lambda m: not m["claim.v2"].get("redacted_assertions"),
    "exactly one hard binding, vouched for": lambda m: (
        len([label for label in created(m) if label in HARD_BINDINGS])
        == len([label for label in m["assertions"] if "hash" in label])
        == 1
    ),
    "the hard binding has no url": lambda m: all(
        "url" not in m["assertions"].get(label, {}) for label in HARD_BINDINGS
    ),
    "one actions assertion, vouched for": lambda m: (
        [label for label in created(m) if "actions" in label] == ["c2pa.actions.v2"]
    ),
    "the first action is how it began, and no other": lambda m: (
        [index for index, a in enumerate(actions(m)) if a["action"] in ("c2pa.created", "c2pa.opened")] == [0]
    ),
    "actions are allowed and current": lambda m: {action["action"] for action in actions(m)} <= ACTIONS,
    "it says whether all actions are there": lambda m: m["assertions"]["c2pa.actions.v2"]["allActionsIncluded"] is True,
    "every action names its software": lambda m: all(action["softwareAgent"]["name"] for action in actions(m)),
    "created has a source type, of IPTC": lambda m: all(
        action["digitalSourceType"].startswith(SOURCE_TYPE)
        for action in actions(m)
        if action["action"] == "c2pa.created"
    ),
    "opened has none": lambda m: all("digitalSourceType" not in action for action in opened(m)),
    "opened refers to its one parent": lambda m: (
        [item["relationship"] for item in ingredients(m)].count("parentOf") == len(opened(m))
        and all(len(action["parameters"]["ingredients"]) == 1 for action in opened(m))
    ),
    "parameters are of the standard or carry a namespace": lambda m: all(
        key == "ingredients" or "." in key for found in parameters(m) for key in found
    ),
    "ingredients are referred to by an action": lambda m: (
        {entry["url"].rsplit("/", 1)[1] for found in parameters(m) for entry in found["ingredients"]}
        == {label for label in m["assertions"] if bare(label) == "c2pa.ingredient.v3"}
    ),
    "ingredients have a relationship of the standard": lambda m: (
        {item["relationship"] for item in ingredients(m)} <= {"parentOf", "inputTo"}
    ),
    "an ingredient with a manifest has what validating it gave, others have none": lambda m: all(
        ("activeManifest" in item) == ("validationResults" in item) == ("claimSignature" in item)
        for item in ingredients(m)
    ),
    "an ingredient with a manifest leaves the source type to it": lambda m: all(
        not ("activeManifest" in item and "digitalSourceType" in item) for item in ingredients(m)
    ),
    "ingredients' own metadata carry a namespace": lambda m: all(
        "." in key for item in ingredients(m) for key in item["metadata"]
    ),
    "a bound watermark has its soft binding, vouched for": lambda m: (
        "c2pa.watermarked.bound" in {action["action"] for action in actions(m)}
        and "c2pa.soft-binding" in created(m)
        and [set(block) for block in m["assertions"]["c2pa.soft-binding"]["blocks"]] == [{"scope", "value"}]
    ),
    "what is synthetic is disclosed": lambda m: (
        ("c2pa.ai-disclosure" in created(m)) == (m["assertions"]["org.tellmark.generation"]["kind"] == "synthetic")
    ),
    "no assertion rates what people entered": lambda m: all(
        "reviewRatings" not in value for value in m["assertions"].values()
    ),
    "the signature is of an allowed algorithm": lambda m: m["signature"]["algorithm"] == "es256",
    "the certificate says who signs": lambda m: {"O", "CN"} <= set(m["signature"]["certificateInfo"]["subject"]),
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("manifest", NAMES, indirect=True)
def test_every_manifest_meets_every_point(manifest, point):
    assert POINTS[point](manifest)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_trusted(files, name):
    assert examine(files / name).evidence.state == "Trusted"


def test_the_points_can_fail(files):
    """A manifest of an older fashion; each change makes the point it is about fail, and few others."""
    text = json.dumps(active(files / "marked.mp4"))
    assert all(point(json.loads(text)) for point in POINTS.values())
    for old, new, point in (
        ('"c2pa.watermarked.bound"', '"c2pa.watermarked"', "actions are allowed and current"),
        ("cawg.training-mining", "c2pa.training-mining", "standard assertions are allowed and current"),
        ('"specVersion": "2.4', '"specVersion": "2.2', "the generator names itself and specification 2.4"),
        ('"action": "c2pa.opened"', '"action": "c2pa.opened", "digitalSourceType": "x"', "opened has none"),
        ('"allActionsIncluded": true', '"allActionsIncluded": null', "it says whether all actions are there"),
        ("urn:c2pa:", "urn:uuid:", "its identifier is a urn:c2pa"),
        ('"parentOf"', '"componentOf"', "opened refers to its one parent"),
    ):
        assert old in text
        assert not POINTS[point](json.loads(text.replace(old, new)))


# What is in the bytes


def boxes(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """(type, content, header and content) of each box: JUMBF and MP4 share them."""
    found, offset = [], 0
    while offset < len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        assert size >= 8
        found.append((kind, data[offset + 8 : offset + size], data[offset : offset + size]))
        offset += size
    return found


def superboxes(content: bytes) -> dict[str, bytes]:
    """The superboxes within one by their labels, each without its header."""
    found = {}
    for kind, inner, _ in boxes(content):
        if kind == b"jumb":
            description = boxes(inner)[0][1]
            found[description[17 : description.index(0, 17)].decode()] = inner
    return found


@pytest.fixture(scope="module")
def store(files) -> bytes:
    """The manifest store of the clip made here, out of its ``uuid`` box."""
    (box,) = [content for kind, content, _ in boxes((files / "made.mp4").read_bytes()) if kind == b"uuid"]
    assert box[16:29] == b"\0\0\0\0manifest\0"
    start = box.index(b"jumb") - 4
    (length,) = struct.unpack_from(">I", box, start)
    return box[start : start + length]


def test_hashes_of_assertions_and_content_are_right(files, store):
    ((_, content, _),) = boxes(store)
    (manifest,) = superboxes(content).values()
    parts = superboxes(manifest)
    stored = superboxes(parts["c2pa.assertions"])
    said = active(files / "made.mp4")
    entries = said["claim.v2"]["created_assertions"] + said["claim.v2"]["gathered_assertions"]
    assert {entry["url"].rsplit("/", 1)[1] for entry in entries} == set(stored)
    for entry in entries:
        content = stored[entry["url"].rsplit("/", 1)[1]]
        assert base64.b64decode(entry["hash"][4:-1]) == hashlib.sha256(content).digest()
    binding, digest, offset = said["assertions"]["c2pa.hash.bmff.v3"], hashlib.sha256(), 0
    assert {item["xpath"] for item in binding["exclusions"]} == {"/uuid", "/ftyp", "/mfra"}
    for kind, _, whole in boxes((files / "made.mp4").read_bytes()):
        if kind not in (b"uuid", b"ftyp", b"mfra"):
            digest.update(struct.pack(">Q", offset) + whole)
        offset += len(whole)
    assert base64.b64decode(binding["hash"][4:-1]) == digest.digest()


def test_the_signature_is_by_a_certificate_of_the_profile(store):
    ((_, content, _),) = boxes(store)
    (manifest,) = superboxes(content).values()
    parts = superboxes(manifest)
    claim, cose = boxes(parts["c2pa.claim.v2"])[1][1], boxes(parts["c2pa.signature"])[1][1]
    leaf = keys.identity().leaf
    assert cose.startswith(b"\xd2\x84\x59")  # COSE_Sign1, tagged; a protected header of two bytes' length
    protected = cose[5 : 5 + struct.unpack_from(">H", cose, 3)[0]]
    assert b"\x01\x26" in protected  # alg: ES256
    assert b"\x18\x21" in protected  # x5chain, protected
    assert keys.identity().leaf.public_bytes(_DER) in protected
    assert x509.load_pem_x509_certificate(keys.anchors_pem().encode()).public_bytes(_DER) not in cose  # no root in it
    assert b"\xf6\x58\x40" in cose  # the payload is detached, the signature of 64 bytes
    signature = cose[cose.rindex(b"\xf6\x58\x40") + 3 :]
    signed = b"\x84\x6aSignature1" + _bytes(protected) + _bytes(b"") + _bytes(claim)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    public = leaf.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    assert public.curve.name == "secp256r1"


def _bytes(data: bytes) -> bytes:
    """A byte string in CBOR."""
    return (b"\x59" + struct.pack(">H", len(data)) if len(data) > 255 else bytes([0x40 + len(data)])) + data


def test_the_certificate_profile():
    leaf = keys.identity().leaf
    root = x509.load_pem_x509_certificate(keys.anchors_pem().encode())

    def value(certificate, kind):
        found = certificate.extensions.get_extension_for_class(kind)
        return found.value, found.critical

    assert leaf.version is x509.Version.v3
    assert leaf.serial_number > 2**64
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= dt.timedelta(days=366)
    assert leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    usage, critical = value(leaf, x509.KeyUsage)
    assert critical
    assert usage.digital_signature
    assert {usage.key_cert_sign, usage.crl_sign, usage.key_encipherment, usage.key_agreement} == {False}
    usages, critical = value(leaf, x509.ExtendedKeyUsage)
    assert set(usages) == {ExtendedKeyUsageOID.EMAIL_PROTECTION, ObjectIdentifier("1.3.6.1.4.1.62558.2.1")}
    assert not critical
    assert value(leaf, x509.BasicConstraints) == (x509.BasicConstraints(False, None), True)
    assert value(leaf, x509.SubjectKeyIdentifier)[0] == x509.SubjectKeyIdentifier.from_public_key(leaf.public_key())
    issuer_key = value(root, x509.SubjectKeyIdentifier)[0].digest
    assert value(leaf, x509.AuthorityKeyIdentifier)[0].key_identifier == issuer_key
    leaf.verify_directly_issued_by(root)
    assert value(root, x509.BasicConstraints)[0].ca
    usage, critical = value(root, x509.KeyUsage)
    assert critical
    assert usage.key_cert_sign
    assert usage.crl_sign
    assert not usage.digital_signature
