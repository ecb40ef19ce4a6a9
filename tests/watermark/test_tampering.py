"""What may happen to a signed file, and the verdict on it; and every format a manifest can be in."""

import shutil
import struct
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from tellmark.encoding import VideoWriter
from tellmark.errors import UsageError
from tellmark.media import rgb_to_i420
from tellmark.types import Kind, VerdictKind
from tellmark.watermark import formats
from tellmark.watermark.credentials import Provenance, sign
from tellmark.watermark.explain import explain
from tellmark.watermark.manifests import examine
from tellmark.watermark.verify import verify
from tellmark.watermark.writer import ClipWriter

PAYLOAD = "1123456789abcdef"
PROVENANCE = Provenance(Kind.SYNTHETIC, "clip")
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def boxes(data: bytes):
    """(type, start, end) of the top-level boxes."""
    offset = 0
    while offset < len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        yield kind, offset, offset + size
        offset += size


def span(data: bytes, wanted: bytes):
    return next((start, end) for kind, start, end in boxes(data) if kind == wanted)


def flip(data: bytes, offset: int, by: int = 0xFF) -> bytes:
    return data[:offset] + bytes([data[offset] ^ by]) + data[offset + 1 :]


@pytest.fixture(scope="module")
def signed(plain_clip, pictures, tmp_path_factory):
    """The bytes of a signed clip, and of another one."""
    folder = tmp_path_factory.mktemp("signed")
    sign(plain_clip, folder / "clip.mp4", PROVENANCE, PAYLOAD)
    with VideoWriter(folder / "plain.mp4", width=128, height=128, fps=25) as writer:
        for picture in pictures(9, 10, 128):
            writer.write(rgb_to_i420(picture))
    sign(folder / "plain.mp4", folder / "other.mp4", PROVENANCE, PAYLOAD)
    return SimpleNamespace(clip=(folder / "clip.mp4").read_bytes(), other=(folder / "other.mp4").read_bytes())


def manifest_of_another(signed):
    start, end = span(signed.clip, b"uuid")
    theirs = slice(*span(signed.other, b"uuid"))
    return signed.clip[:start] + signed.other[theirs] + signed.clip[end:]


def stripped(signed):
    start, end = span(signed.clip, b"uuid")
    return signed.clip[:start] + box(b"free", bytes(end - start - 8)) + signed.clip[end:]


def at(signed, text: bytes, ahead: int = 0):
    return signed.clip.index(text) + ahead


BMFF_MISMATCH = "assertion.bmffHash.mismatch"
CASES = {
    "nothing": (lambda s: s.clip, "intact", None),
    "media flipped": (lambda s: flip(s.clip, span(s.clip, b"mdat")[1] - 1000), "altered", BMFF_MISMATCH),
    "header flipped": (lambda s: flip(s.clip, at(s, b"mvhd", 20)), "altered", BMFF_MISMATCH),
    "one byte short": (lambda s: s.clip[:-1], "altered", BMFF_MISMATCH),
    "half": (lambda s: s.clip[: len(s.clip) // 2], "altered", BMFF_MISMATCH),
    "media appended": (lambda s: s.clip + box(b"mdat", bytes(100)), "altered", BMFF_MISMATCH),
    "uuid appended": (lambda s: s.clip + box(b"uuid", bytes(100)), "altered", BMFF_MISMATCH),
    "free appended": (lambda s: s.clip + box(b"free", bytes(100)), "altered", BMFF_MISMATCH),
    "skip appended": (lambda s: s.clip + box(b"skip"), "altered", BMFF_MISMATCH),
    "rubbish appended": (lambda s: s.clip + b"\xa5" * 100, "altered", None),
    "manifest of another file": (manifest_of_another, "altered", BMFF_MISMATCH),
    "assertion edited": (lambda s: s.clip.replace(PAYLOAD.encode(), b"2" * 16), "altered", "hashedURI.mismatch"),
    "claim edited": (lambda s: s.clip.replace(b"claim_generator_info", b"claim_generator_infO"), "altered", None),
    "title in the claim edited": (
        lambda s: flip(s.clip, at(s, b"dc:title", 9), 1),
        "altered",
        "claimSignature.mismatch",
    ),
    "signature edited": (lambda s: flip(s.clip, at(s, b"c2pa.signature", 40)), "altered", None),
    "structure of the store": (lambda s: flip(s.clip, at(s, b"jumd", 1)), "altered", None),
    "length inside the store": (lambda s: flip(s.clip, at(s, b"c2pa.assertions", -33)), "altered", None),
    "stripped": (stripped, "none", None),
    # Not signed either: a store that claims to be longer than its box is read to the end of the box.
    "length of the store": (lambda s: flip(s.clip, at(s, b"jumb", -3), 1), "intact", None),
    # The brand is left out of the hash by C2PA itself; nothing that is shown depends on it.
    "brand flipped": (lambda s: flip(s.clip, 9, 1), "intact", None),
}


@pytest.mark.parametrize("case", CASES)
def test_every_row_of_the_table(signed, tmp_path, case):
    tamper, expected, code = CASES[case]
    data = tamper(signed)
    assert (data == signed.clip) == (case == "nothing")
    (tmp_path / "clip.mp4").write_bytes(data)
    verdict = verify(tmp_path / "clip.mp4", manifest_only=True)
    assert verdict.verdict == expected, verdict
    assert code is None or any(code in found for found in verdict.c2pa.codes), verdict.c2pa
    assert explain(verdict)


def test_a_signature_over_other_words_does_not_hold(signed, tmp_path):
    """A byte of the signature itself, not of the certificates around it."""
    data = signed.clip
    place = data.index(b"c2pa.signature") + len(b"c2pa.signature")
    verdicts = []
    for offset in range(place, span(data, b"uuid")[1], 97):
        (tmp_path / "clip.mp4").write_bytes(flip(data, offset))
        verdicts.append(verify(tmp_path / "clip.mp4", manifest_only=True).verdict)
    assert VerdictKind.ALTERED in verdicts


@pytest.fixture(scope="module")
def moved_mark(pictures, tmp_path_factory):
    """A marked and registered clip, signed again under the name of another mark: a contradiction."""
    folder = tmp_path_factory.mktemp("moved")
    registry = folder / "registry.sqlite"
    with ClipWriter(
        folder / "clip.mp4", width=256, height=256, fps=25.0, provenance=PROVENANCE, registry=registry
    ) as writer:
        for rgb in pictures(6, 75):
            writer.write(rgb)
    (folder / "free.mp4").write_bytes(stripped(SimpleNamespace(clip=(folder / "clip.mp4").read_bytes())))
    sign(folder / "free.mp4", folder / "moved.mp4", PROVENANCE, "1" + "0" * 15)
    return SimpleNamespace(path=folder / "moved.mp4", registry=registry, stripped=folder / "free.mp4")


def test_stripped_of_its_manifest_a_marked_clip_is_recovered(moved_mark):
    verdict = verify(moved_mark.stripped, registry=moved_mark.registry, thorough=False)
    assert verdict.verdict is VerdictKind.RECOVERED


@pytest.mark.parametrize("brand", [b"isom", b"M4A ", b"heic", b"avif", b"xxxx"])
def test_a_brand_cannot_hide_the_pixels(moved_mark, tmp_path, brand):
    """The brand is not signed: a video that calls itself sound or a picture is looked at all the same."""
    data = moved_mark.path.read_bytes()
    (tmp_path / "clip.mp4").write_bytes(data[:8] + brand + data[12:])
    verdict = verify(tmp_path / "clip.mp4", registry=moved_mark.registry, thorough=False)
    assert verdict.watermark.present
    assert verdict.verdict is VerdictKind.ALTERED


# Formats


def video(path, codec, sound=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 128
        stream.pix_fmt = "yuv420p"
        voice = _sound(container, sound) if sound else None
        for number in range(10):
            picture = np.full((128, 128, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if voice is not None:
            _speak(container, voice)


def sound(path, codec):
    with av.open(str(path), "w") as container:
        _speak(container, _sound(container, codec))


def _sound(container, codec):
    return container.add_stream(codec, rate=16_000, layout="mono")


def _speak(container, stream):
    samples = (8000 * np.sin(np.arange(16_000) / 10)).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = 16_000
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=16_000)
    for part in resampler.resample(frame):
        container.mux(stream.encode(part))
    container.mux(stream.encode())


def picture(path):
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8))


MAKERS = {
    "clip.mp4": lambda path: video(path, "libx264", "aac"),
    "clip.mov": lambda path: video(path, "libx264", "aac"),
    "clip.avi": lambda path: video(path, "mpeg4"),
    "sound.m4a": lambda path: sound(path, "aac"),
    "sound.wav": lambda path: sound(path, "pcm_s16le"),
    "picture.jpg": picture,
    "picture.png": picture,
    "picture.webp": picture,
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_format_is_signed_read_and_told_from_a_changed_one(tmp_path, name):
    plain, path = tmp_path / f"plain-{name}", tmp_path / name
    MAKERS[name](plain)
    sign(plain, path, PROVENANCE, PAYLOAD)
    assert verify(plain, thorough=False).verdict is VerdictKind.NONE
    verdict = verify(path, thorough=False)
    assert verdict.verdict is VerdictKind.INTACT
    assert (verdict.c2pa.state, verdict.c2pa.codes) == ("Trusted", ())
    assert verdict.c2pa.digital_source_type.endswith("trainedAlgorithmicMedia")
    assert formats.has_store(path)
    assert not formats.has_store(plain)
    data = path.read_bytes()
    content = data.rindex(b"mdat") + 40 if b"mdat" in data else len(data) - 100
    if name.endswith((".wav", ".avi", ".webp")):  # the manifest is the last chunk of a RIFF file
        content = data.index(b"C2PA") - 40
    path.write_bytes(flip(data, content))
    assert not examine(path).fits
    assert verify(path, manifest_only=True).verdict is VerdictKind.ALTERED


@pytest.mark.parametrize("name", ["clip.mkv", "clip.webm"])
def test_matroska_holds_no_manifest(tmp_path, name):
    video(tmp_path / name, "libvpx" if name.endswith("webm") else "libx264")
    verdict = verify(tmp_path / name, thorough=False)
    assert (verdict.verdict, verdict.c2pa.state) == (VerdictKind.NONE, "none")
    with pytest.raises(UsageError, match=r"write an \.mp4"):
        sign(tmp_path / name, tmp_path / f"signed-{name}", PROVENANCE, PAYLOAD)
    shutil.copy(tmp_path / name, tmp_path / "renamed.mp4")
    assert verify(tmp_path / "renamed.mp4", manifest_only=True).c2pa.state == "none"
