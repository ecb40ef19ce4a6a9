import dataclasses
import json
import shutil
import sqlite3
import time
from types import SimpleNamespace

import av
import numpy as np
import pytest

from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import InputError, UsageError
from tellmark.media import VideoReader, i420_to_rgb, rgb_to_i420
from tellmark.pictures import write_image
from tellmark.types import C2paEvidence, Kind, RegistryEvidence, VerdictKind
from tellmark.watermark import verify as module
from tellmark.watermark.content.fingerprint import Fingerprint
from tellmark.watermark.credentials import Ingredient, Provenance, sign
from tellmark.watermark.detect import MarkReading
from tellmark.watermark.embed import Embedder
from tellmark.watermark.explain import explain
from tellmark.watermark.manifests import ManifestReading
from tellmark.watermark.mark import mark_video
from tellmark.watermark.registry import Registry
from tellmark.watermark.signal import block
from tellmark.watermark.signal.payload import Payload
from tellmark.watermark.verify import judge, verify
from tellmark.watermark.writer import ClipWriter

SIZE, FRAMES = 256, 100


@pytest.fixture(scope="module")
def clip(tmp_path_factory, pictures):
    """A marked, signed, registered clip of four seconds, and its registry."""
    folder = tmp_path_factory.mktemp("clip")
    provenance = Provenance(Kind.SYNTHETIC, "clip.mp4", ingredients=(Ingredient("face", "a", "image/png", "0"),))
    registry = folder / "registry.sqlite"
    with ClipWriter(
        folder / "clip.mp4", width=SIZE, height=SIZE, fps=25.0, provenance=provenance, registry=registry
    ) as writer:
        for rgb in pictures(6, FRAMES, SIZE):
            writer.write(rgb)
    return SimpleNamespace(path=writer.result.path, payload=writer.result.payload, registry=registry)


def remuxed(source, target):
    """What ``ffmpeg -c copy`` does."""
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        for packet in reading.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                writing.mux(packet)
    return target


def encoded(frames, target, crf=23):
    with VideoWriter(target, width=SIZE, height=SIZE, fps=25, encoding=Encoding(crf=crf)) as writer:
        for i420 in frames:
            writer.write(i420)
    return target


def decoded(path):
    with VideoReader(path) as reader:
        return [frame.i420() for frame in reader]


def other_content(pictures, payload: str):
    """Another clip's pictures under this payload: a mark that was moved."""
    embedder = Embedder(Payload.from_hex(payload), width=SIZE, height=SIZE)
    return [embedder.embed(rgb_to_i420(rgb)) for rgb in pictures(7, FRAMES, SIZE)]


def registry_says(verdict):
    return verdict.registry.found, verdict.registry.manifest_valid, verdict.registry.fingerprint_match


def test_intact(clip):
    verdict = verify(clip.path, registry=clip.registry)
    assert verdict.verdict is VerdictKind.INTACT
    assert registry_says(verdict) == (True, True, True)
    assert verdict.watermark.payload == clip.payload
    assert verdict.watermark.kind == "synthetic"
    assert "unchanged since it was signed" in explain(verdict)
    assert "synthetic" in explain(verdict)
    text = json.dumps(verdict.to_json())
    assert json.loads(text)["schema"] == "tellmark.verdict/1"


def test_recovered_after_a_remux(clip, tmp_path):
    verdict = verify(remuxed(clip.path, tmp_path / "remuxed.mp4"), registry=clip.registry)
    assert verdict.verdict is VerdictKind.RECOVERED
    assert verdict.c2pa.state == "none"
    assert registry_says(verdict) == (True, True, True)
    assert "stripped" in explain(verdict)
    assert verdict.registry.signer.startswith("tellmark development signer")
    assert verdict.registry.trust == "trusted"
    assert f"by a signer you trust ({verdict.registry.signer})" in explain(verdict)


def test_what_cannot_be_read_is_compared_with_what_the_registry_knows(clip, tmp_path, monkeypatch):
    """As a mark too weak for its code is: nothing is decoded here."""
    monkeypatch.setattr(block, "_reading", lambda soft, listed: (None, 1.0))
    path = encoded(decoded(clip.path), tmp_path / "again.mp4", 26)
    verdict = verify(path, registry=clip.registry, thorough=False)
    assert verdict.verdict is VerdictKind.RECOVERED
    assert (verdict.watermark.payload, verdict.watermark.matched) == (clip.payload, True)
    assert verdict.watermark.p_value < 1e-9
    assert "too weak to be read by itself" in explain(verdict)
    stranger = verify(path, registry=tmp_path / "empty.sqlite", thorough=False)
    assert (stranger.watermark.payload, stranger.watermark.matched) == (None, False)
    assert not (tmp_path / "empty.sqlite").exists()


def test_an_unmarked_video_matches_nothing_that_is_known(clip, pictures, tmp_path):
    path = encoded([rgb_to_i420(rgb) for rgb in pictures(6, FRAMES, SIZE)], tmp_path / "plain.mp4")
    verdict = verify(path, registry=clip.registry, thorough=False)
    assert verdict.verdict is VerdictKind.NONE
    assert verdict.watermark.p_value > 1e-3


def test_recovered_says_who_signed_and_whether_he_is_trusted(clip, authority, tmp_path):
    path = remuxed(clip.path, tmp_path / "remuxed.mp4")
    verdict = verify(path, registry=clip.registry, trust=authority("Stranger").anchors(tmp_path), thorough=False)
    assert (verdict.verdict, verdict.registry.trust) == (VerdictKind.RECOVERED, "untrusted")
    assert "not among those you trust" in explain(verdict)


def test_the_row_of_a_trusted_signer_counts_before_that_of_a_stranger(clip, authority, tmp_path, monkeypatch):
    """Whoever can write the registry may add a row of his own: it must not hide who really signed."""
    shutil.copy(clip.registry, tmp_path / "registry.sqlite")
    stripped = remuxed(clip.path, tmp_path / "remuxed.mp4")
    authority("Thief").use(monkeypatch)
    with Registry(tmp_path / "registry.sqlite") as registry:
        (row,) = registry.find(clip.payload)
        facts = {"fingerprint_sha256": Fingerprint.from_bytes(row.fingerprint).sha256}
        store = sign(stripped, tmp_path / "x.mp4", Provenance(Kind.SYNTHETIC, "x"), clip.payload, facts)
        registry.add(dataclasses.replace(row, manifest=store))
    verdict = verify(stripped, registry=tmp_path / "registry.sqlite", thorough=False)
    assert verdict.registry.signer.startswith("tellmark development signer")
    assert verdict.registry.trust == "trusted"


def test_recovered_from_matroska(clip, tmp_path):
    assert verify(remuxed(clip.path, tmp_path / "clip.mkv"), registry=clip.registry).verdict is VerdictKind.RECOVERED


_QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, SIZE << 16, 0, 0x40000000)  # clockwise; ISO 14496-12, tkhd


def told_to_turn(path):
    """As phones and galleries do it: a matrix in the track's header."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in _QUARTER_TURN)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_film_that_players_turn_is_read_as_shown_and_as_stored(clip, tmp_path, suffix):
    later = verify(told_to_turn(remuxed(clip.path, tmp_path / f"later{suffix}")), registry=clip.registry)
    assert later.verdict is VerdictKind.RECOVERED
    assert later.watermark.turned
    assert "it was marked before" in explain(later)
    lying = []  # as a phone stores what it filmed upright
    for i420 in decoded(clip.path):
        planes = (i420[:SIZE], *i420[SIZE:].reshape(2, SIZE // 2, SIZE // 2))
        lying.append(np.concatenate([np.rot90(plane).reshape(-1, SIZE) for plane in planes]))
    phone = verify(told_to_turn(encoded(lying, tmp_path / f"phone{suffix}", crf=18)), registry=clip.registry)
    assert phone.verdict is VerdictKind.RECOVERED
    assert not phone.watermark.turned


@pytest.mark.parametrize(("turns", "mirrored", "negative"), [(1, False, False), (3, True, False), (0, False, True)])
def test_a_film_whose_pixels_were_turned_is_still_recovered(clip, tmp_path, turns, mirrored, negative):
    changed = []
    for i420 in decoded(clip.path):
        rgb = np.rot90(i420_to_rgb(i420), turns)
        rgb = rgb[:, ::-1] if mirrored else rgb
        changed.append(rgb_to_i420(np.ascontiguousarray(255 - rgb if negative else rgb)))
    found = verify(encoded(changed, tmp_path / "changed.mp4", crf=20), registry=clip.registry)
    assert found.verdict is VerdictKind.RECOVERED
    assert not found.watermark.turned


def test_of_several_video_tracks_the_first_is_judged_and_that_is_said(clip, plain_clip, tmp_path):
    both = tmp_path / "both.mp4"
    with av.open(str(both), "w") as writing:
        sources = [av.open(str(path)) for path in (clip.path, plain_clip)]
        copies = [writing.add_stream_from_template(source.streams.video[0]) for source in sources]
        for source, copy in zip(sources, copies, strict=True):
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = copy
                    writing.mux(packet)
            source.close()
    verdict = verify(both, registry=clip.registry)
    assert verdict.verdict is VerdictKind.RECOVERED
    assert verdict.watermark.video_tracks == 2
    assert "Of its 2 video tracks only the first was searched" in explain(verdict)
    with pytest.raises(UsageError, match=r"the first of 2 video tracks .* carries a mark, and the others may not"):
        mark_video(both, tmp_path / "out.mp4", kind=Kind.SYNTHETIC, registry=clip.registry)


def test_no_chance_is_zero(clip):
    mark = verify(clip.path, registry=clip.registry).watermark
    assert mark.video_tracks == 1
    assert 0 < mark.p_value < 1e-20
    assert all(0 < p < 1e-20 for _, _, p in mark.segments)


def test_recovered_after_crf_23(clip, tmp_path):
    path = encoded(decoded(clip.path), tmp_path / "encoded.mp4", crf=23)
    assert verify(path, registry=f"sqlite:///{clip.registry}").verdict is VerdictKind.RECOVERED


def test_watermarked_where_the_registry_knows_nothing(clip, tmp_path):
    verdict = verify(remuxed(clip.path, tmp_path / "remuxed.mp4"), registry=tmp_path / "empty.sqlite")
    assert verdict.verdict is VerdictKind.WATERMARKED
    assert verdict.registry == RegistryEvidence()
    assert "no manifest for it is in the registry" in explain(verdict)
    assert not (tmp_path / "empty.sqlite").exists()


def test_altered_by_flipped_bytes(clip, tmp_path):
    data = bytearray(clip.path.read_bytes())
    start = data.index(b"mdat") + 2000
    for offset in range(start, start + 2000, 400):
        data[offset] ^= 0xFF
    (tmp_path / "flipped.mp4").write_bytes(data)
    verdict = verify(tmp_path / "flipped.mp4", registry=clip.registry)
    assert verdict.verdict is VerdictKind.ALTERED
    assert verdict.c2pa.codes == ("assertion.bmffHash.mismatch",)
    assert verdict.c2pa.trust == "trusted"
    assert "altered after signing" in explain(verdict)


def test_altered_by_a_broken_store(clip, tmp_path):
    data = bytearray(clip.path.read_bytes())
    data[data.index(b"jumd") + 1] ^= 0xFF
    (tmp_path / "broken.mp4").write_bytes(data)
    verdict = verify(tmp_path / "broken.mp4", registry=clip.registry)
    assert (verdict.verdict, verdict.c2pa.state) == (VerdictKind.ALTERED, "unreadable")
    assert "damaged" in explain(verdict)


def test_altered_when_a_mark_was_moved_to_other_content(clip, tmp_path, pictures):
    path = encoded(other_content(pictures, clip.payload), tmp_path / "moved.mp4")
    verdict = verify(path, registry=clip.registry)
    assert verdict.watermark.payload == clip.payload
    assert registry_says(verdict) == (True, True, False)
    assert verdict.verdict is VerdictKind.ALTERED
    assert "another clip" in explain(verdict)


def test_altered_when_a_moved_mark_is_signed_by_somebody(clip, tmp_path, pictures, authority, monkeypatch):
    """The thief signs what he made: manifest and mark agree, and the registry's fingerprint does not."""
    path = encoded(other_content(pictures, clip.payload), tmp_path / "moved.mp4")
    authority("Thief").use(monkeypatch)
    sign(path, tmp_path / "signed.mp4", Provenance(Kind.SYNTHETIC, "x"), clip.payload)
    verdict = verify(tmp_path / "signed.mp4", registry=clip.registry)
    assert (verdict.c2pa.state, verdict.c2pa.trust) == ("Valid", "untrusted")
    assert verdict.verdict is VerdictKind.ALTERED


def test_altered_when_the_manifest_names_another_mark(clip, tmp_path):
    remuxed(clip.path, tmp_path / "remuxed.mp4")
    sign(tmp_path / "remuxed.mp4", tmp_path / "signed.mp4", Provenance(Kind.SYNTHETIC, "x"), "1" + "0" * 15)
    verdict = verify(tmp_path / "signed.mp4", registry=clip.registry)
    assert verdict.c2pa.state == "Trusted"
    assert verdict.verdict is VerdictKind.ALTERED
    assert "contradict" in explain(verdict)


def test_a_registry_row_that_was_tampered_with_recovers_nothing(clip, tmp_path, pictures):
    """Whoever can write the registry cannot make it vouch for other content: the fingerprint's hash is signed."""
    moved = encoded(other_content(pictures, clip.payload), tmp_path / "moved.mp4")
    _, theirs = module.read_pixels(moved)
    shutil.copy(clip.registry, tmp_path / "registry.sqlite")
    connection = sqlite3.connect(tmp_path / "registry.sqlite")
    with connection:
        connection.execute("UPDATE clips SET fingerprint = ?", (theirs.to_bytes(),))
    connection.close()
    verdict = verify(moved, registry=tmp_path / "registry.sqlite")
    assert registry_says(verdict) == (True, False, True)
    assert verdict.verdict is VerdictKind.WATERMARKED
    connection = sqlite3.connect(tmp_path / "registry.sqlite")
    with connection:
        connection.execute("UPDATE clips SET fingerprint = x'00'")
    connection.close()
    assert verify(moved, registry=tmp_path / "registry.sqlite").registry == RegistryEvidence(True, False)


def test_nothing_found_proves_nothing(plain_clip):
    verdict = verify(plain_clip, thorough=False)
    assert verdict.verdict is VerdictKind.NONE
    assert "proves nothing" in explain(verdict)


def test_untrusted_and_expired_are_intact_and_say_so(clip, authority, tmp_path, monkeypatch):
    agency = authority("Agency")
    agency.use(monkeypatch, agency.leaf(-1, 2.0 / 86_400))
    remuxed(clip.path, tmp_path / "remuxed.mp4")
    sign(tmp_path / "remuxed.mp4", tmp_path / "signed.mp4", Provenance(Kind.SYNTHETIC, "x"), clip.payload)
    anchors = agency.anchors(tmp_path)
    time.sleep(3)
    expired = verify(tmp_path / "signed.mp4", registry=clip.registry, trust=anchors)
    assert (expired.verdict, expired.c2pa.trust) == (VerdictKind.INTACT, "expired")
    assert "expired" in explain(expired)
    untrusted = verify(clip.path, registry=clip.registry, trust=anchors)
    assert (untrusted.verdict, untrusted.c2pa.trust) == (VerdictKind.INTACT, "untrusted")
    assert "not among those you trust" in explain(untrusted)
    revoked = dataclasses.replace(expired, c2pa=dataclasses.replace(expired.c2pa, trust="revoked"))
    assert "revoked" in explain(revoked)


def test_a_renamed_file_is_still_intact(clip, tmp_path):
    shutil.copy(clip.path, tmp_path / "download.bin")
    assert verify(tmp_path / "download.bin", registry=clip.registry).verdict is VerdictKind.INTACT


def test_pictures_and_sound(clip, tmp_path):
    with VideoReader(clip.path) as reader:
        rgb = next(iter(reader)).rgb()
    write_image(tmp_path / "frame.png", rgb)
    assert verify(tmp_path / "frame.png", registry=clip.registry).verdict in (VerdictKind.WATERMARKED, VerdictKind.NONE)
    sign(tmp_path / "frame.png", tmp_path / "signed.png", Provenance(Kind.SYNTHETIC, "x"), clip.payload)
    assert verify(tmp_path / "signed.png", registry=clip.registry).verdict is VerdictKind.INTACT
    with av.open(str(tmp_path / "tone.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
    assert verify(tmp_path / "tone.wav").verdict is VerdictKind.NONE


def test_a_film_in_ogg_is_no_sound(clip, tmp_path):
    path = tmp_path / "film.ogv"
    with VideoReader(clip.path) as reader, av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libvpx", rate=25, options={"b": "4M", "deadline": "realtime", "cpu-used": "8"})
        stream.width = stream.height = SIZE
        for frame in reader:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.i420(), format="yuv420p")))
        container.mux(stream.encode())
    found = verify(path, registry=clip.registry)
    assert found.watermark.payload == clip.payload
    assert found.watermark.video_tracks == 1


def test_what_cannot_be_read(clip, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        verify(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no media " * 100)
    with pytest.raises(InputError, match="not a video"):
        verify(tmp_path / "text.mp4")
    with pytest.raises(UsageError, match="--registry"):
        verify(clip.path, registry="ftp://example.org")
    with pytest.raises(UsageError, match="no PEM"):
        verify(clip.path, trust=clip.path)


def test_a_file_without_decodable_frames_still_gets_its_manifest_read(clip, tmp_path):
    data = bytearray(clip.path.read_bytes())
    data[data.index(b"moov") : data.index(b"moov") + 4] = b"mooo"
    (tmp_path / "headless.mp4").write_bytes(data)
    assert verify(tmp_path / "headless.mp4", registry=clip.registry).verdict is VerdictKind.ALTERED


def test_progress_counts_frames(clip):
    calls = []
    verify(clip.path, registry=clip.registry, progress=lambda *call: calls.append(call))
    assert calls[0] == (1, FRAMES)
    assert calls[-1] == (FRAMES, FRAMES)


def test_a_manifest_that_does_not_hold_is_explained_by_its_codes(clip, tmp_path):
    data = clip.path.read_bytes()
    payload = clip.payload.encode()
    assert data.count(payload) == 1  # in the soft binding
    (tmp_path / "edited.mp4").write_bytes(data.replace(payload, b"1" * 16))
    verdict = verify(tmp_path / "edited.mp4", registry=clip.registry)
    assert verdict.verdict is VerdictKind.ALTERED
    assert "does not hold (assertion.hashedURI.mismatch)" in explain(verdict)


MARK = MarkReading(True, 1e-20, Payload.from_hex("1" * 16))
UNREADABLE_MARK = MarkReading(True, 1e-20)
NOTHING = MarkReading(False, 1.0)
VALID = ManifestReading(C2paEvidence("Valid"), signed=True, fits=True)
NO_MANIFEST = ManifestReading(C2paEvidence())


@pytest.mark.parametrize(
    ("manifest", "mark", "registry", "expected"),
    [
        (VALID, NOTHING, RegistryEvidence(), "intact"),
        (VALID, MARK, RegistryEvidence(True, True, False), "intact"),  # another tool's manifest names no mark
        (dataclasses.replace(VALID, payload="1" * 16), MARK, RegistryEvidence(), "intact"),
        (dataclasses.replace(VALID, payload="1" * 16), MARK, RegistryEvidence(True, True, None), "intact"),
        (dataclasses.replace(VALID, payload="1" * 16), MARK, RegistryEvidence(True, True, False), "altered"),
        (dataclasses.replace(VALID, payload="2" * 16), MARK, RegistryEvidence(), "altered"),
        (dataclasses.replace(VALID, fits=False), MARK, RegistryEvidence(True, True, True), "altered"),
        (ManifestReading(C2paEvidence("unreadable")), NOTHING, RegistryEvidence(), "altered"),
        (NO_MANIFEST, MARK, RegistryEvidence(True, True, True), "recovered"),
        (NO_MANIFEST, MARK, RegistryEvidence(True, True, False), "altered"),
        (NO_MANIFEST, MARK, RegistryEvidence(True, True, None), "watermarked"),
        (NO_MANIFEST, MARK, RegistryEvidence(True, False, True), "watermarked"),
        (NO_MANIFEST, MARK, RegistryEvidence(), "watermarked"),
        (NO_MANIFEST, UNREADABLE_MARK, RegistryEvidence(), "watermarked"),
        (NO_MANIFEST, NOTHING, RegistryEvidence(), "none"),
    ],
)
def test_every_combination_of_evidence(manifest, mark, registry, expected):
    assert judge(manifest, mark, registry) == expected
