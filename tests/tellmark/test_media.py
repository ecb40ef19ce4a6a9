"""The reader and the writer against FFmpeg's own account of the files (through PyAV, which needs no binary)."""

import os
import socket
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tellmark.encoding import Encoding, VideoWriter
from tellmark.errors import MediaError
from tellmark.media import VideoReader, i420_to_rgb, load_audio, probe, read_audio, rgb_to_i420
from tellmark.pictures import read_image
from tellmark.types import U8


def tone(path: Path, seconds: float, rate: int = 44_100, channels: int = 1, hertz: float = 440.0) -> Path:
    samples = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate) * 0.5
    pcm = np.repeat((samples * 32767).astype("<i2")[:, None], channels, axis=1)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm.tobytes())
    return path


def picture(index: int, width: int = 96, height: int = 64) -> U8:
    """A smooth picture that differs from frame to frame, so that order and colour can be checked."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 / width, y * 255 / height, np.full_like(x, (index * 20) % 256)], -1)
    return rgb.astype(np.uint8)


def clip(path: Path, frames: int = 12, fps: float = 25, audio: Path | None = None, **encoding: float) -> Path:
    with VideoWriter(path, width=96, height=64, fps=fps, audio=audio, encoding=Encoding(crf=10, **encoding)) as writer:
        for index in range(frames):
            writer.write(rgb_to_i420(picture(index)))
    return path


def test_round_trip_keeps_order_and_colour(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")
    with VideoReader(path) as reader:
        frames = [(frame.time_s, frame.rgb(), frame.i420()) for frame in reader]
    assert [time for time, _, _ in frames] == pytest.approx([k / 25 for k in range(12)])
    for index, (_, rgb, i420) in enumerate(frames):
        assert np.abs(rgb.astype(int) - picture(index)).mean() < 4
        assert np.abs(i420_to_rgb(i420).astype(int) - rgb).mean() < 2


def test_writer_makes_what_it_says(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=50, audio=tone(tmp_path / "a.wav", 5.0, channels=2), keyframe_s=1.0)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.pix_fmt, video.codec_context.colorspace, video.codec_context.color_range) == ("yuv420p", 6, 1)
        assert audio.codec_context.layout.name == "stereo"
        keys = [packet.pts * packet.time_base for packet in container.demux(video) if packet.is_keyframe]
        assert keys[0] == 0
        assert max(np.diff([float(key) for key in keys])) <= 1.0
    info = probe(path)
    assert (info.width, info.height, info.fps, info.has_audio) == (96, 64, 25.0, True)
    assert info.duration_s == pytest.approx(2.0)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart


def test_sound_ends_with_the_video(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=50, audio=tone(tmp_path / "a.wav", 5.0))
    assert len(load_audio(path)) / 16_000 == pytest.approx(2.0, abs=0.04)


def test_constant_rate_shows_the_picture_on_screen(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=10, fps=10)
    with VideoReader(path, fps=25) as reader:
        blues = [round(float(frame.rgb()[..., 2].mean()) / 20) for frame in reader]
    assert blues == [k * 10 // 25 for k in range(25)]
    with VideoReader(path, fps=5) as reader:
        assert [round(float(frame.rgb()[..., 2].mean()) / 20) for frame in reader] == [0, 2, 4, 6, 8]


def test_rotated_video_comes_upright(tmp_path: Path) -> None:
    plain, turned = clip(tmp_path / "a.mp4", frames=2), tmp_path / "b.mp4"
    # The rotation lives in the track header's matrix (ISO 14496-12, tkhd): a quarter turn is (0, 1, -1, 0).
    data = bytearray(plain.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = b"".join(n.to_bytes(4, "big", signed=True) for n in _QUARTER_TURN)
    turned.write_bytes(data)
    with VideoReader(plain) as a, VideoReader(turned) as b:
        upright, rotated = next(iter(a)).rgb(), next(iter(b)).rgb()
    assert rotated.shape == (96, 64, 3)
    assert np.array_equal(rotated, np.rot90(upright, -1))  # that matrix asks for a quarter turn clockwise


_QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, 64 << 16, 0, 0x40000000)


def test_odd_sizes_lose_a_row_and_a_column(tmp_path: Path) -> None:
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 95, 63, "yuv444p"
        frame = av.VideoFrame.from_ndarray(picture(0, 95, 63), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with VideoReader(path) as reader:
        frame = next(iter(reader))
        assert frame.rgb().shape == (62, 94, 3)
        assert frame.i420().shape == (93, 94)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (96_000, 2)])
def test_audio_of_any_rate(tmp_path: Path, rate: int, channels: int) -> None:
    samples = load_audio(tone(tmp_path / "a.wav", 1.5, rate, channels))
    assert len(samples) / 16_000 == pytest.approx(1.5, abs=0.01)
    spectrum = np.abs(np.fft.rfft(samples[4000:20000]))
    assert np.fft.rfftfreq(16000, 1 / 16000)[spectrum.argmax()] == pytest.approx(440, abs=1)


def test_sound_that_changes_its_kind_on_the_way(tmp_path: Path) -> None:
    """As broadcasts do, and damaged files: the parts follow each other."""
    parts = []
    for number, (rate, layout) in enumerate([(44_100, "stereo"), (16_000, "mono"), (48_000, "stereo")]):
        with av.open(str(part := tmp_path / f"{number}.mp3"), "w") as target:
            stream = target.add_stream("mp3", rate=rate, layout=layout)
            tone = np.sin(np.arange(rate) * (2 * np.pi * 440 / rate), dtype=np.float32) / 2
            frame = av.AudioFrame.from_ndarray(
                np.stack([tone] * (1 + (layout == "stereo"))), format="fltp", layout=layout
            )
            frame.sample_rate = rate
            target.mux(stream.encode(frame) + stream.encode(None))
        parts.append(part.read_bytes())
    (tmp_path / "all.mp3").write_bytes(b"".join(parts))
    sound = np.concatenate(list(read_audio(tmp_path / "all.mp3")))
    assert len(sound) == pytest.approx(3 * 16_000, rel=0.1)
    for second in range(3):  # each a tone of the same pitch
        part = sound[second * 16_000 + 4_000 : second * 16_000 + 12_000]
        assert np.abs(np.fft.rfft(part)).argmax() * 2 == pytest.approx(440, abs=4)


def test_audio_chunks_join_to_the_whole(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", 2.3)
    chunks = list(read_audio(path, chunk_s=0.5))
    assert {len(chunk) for chunk in chunks[:-1]} == {8000}
    assert np.array_equal(np.concatenate(chunks), load_audio(path))


def test_reader_memory_does_not_grow(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=500)
    with VideoReader(path) as reader:
        assert sum(1 for _ in reader) == 500
        assert not hasattr(reader, "frames")


@pytest.mark.parametrize("reader", [probe, VideoReader, load_audio, read_image])
@pytest.mark.parametrize("name", ["bad.png", "bad.mp4", "bad.txt"])
@pytest.mark.parametrize(
    ("content", "says"), [(None, "not exist"), (b"", "empty"), (b"hello, world\n" * 50, "not a|no sound")]
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, reader: type, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=says) as caught:
        reader(path)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("read", [probe, VideoReader, load_audio, read_image])
def test_a_pipe_is_told_from_an_empty_file(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="a pipe or a device; save what comes out"):
        read(tmp_path / "pipe.mp4")


def test_truncated_video_is_an_error_and_damage_is_not(tmp_path: Path) -> None:
    data = clip(tmp_path / "a.mp4", frames=40).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[:600])
    with pytest.raises(MediaError), VideoReader(tmp_path / "cut.mp4") as reader:
        next(iter(reader))
    (tmp_path / "late.mp4").write_bytes(data[: len(data) * 3 // 4])  # the index is in front: most frames survive
    with VideoReader(tmp_path / "late.mp4") as reader:
        assert 10 <= sum(1 for _ in reader) < 40


def test_video_without_sound_and_sound_without_video(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no sound"):
        load_audio(clip(tmp_path / "a.mp4"))
    with pytest.raises(MediaError, match="no video"):
        VideoReader(tone(tmp_path / "a.wav", 0.5))


def test_a_codec_that_nobody_knows(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mp4", audio=tone(tmp_path / "a.wav", 0.5)).read_bytes()
    unseen = whole.replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzz")
    unheard = whole.replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz")
    path = tmp_path / "b.mp4"
    for content, film, sound in ((unseen, False, True), (unheard, True, False)):
        path.write_bytes(content)
        assert (probe(path).has_video, probe(path).has_audio) == (film, sound)
        with pytest.raises(MediaError, match="no video" if sound else "no sound"):
            VideoReader(path) if sound else next(read_audio(path))
    path.write_bytes(unseen.replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz"))
    with pytest.raises(MediaError, match="neither video nor sound"):
        probe(path)


def test_writer_refuses_wrong_frames(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        VideoWriter(tmp_path / "a.mp4", width=95, height=64, fps=25)
    with pytest.raises(ValueError, match="expected"), VideoWriter(tmp_path / "b.mp4", width=96, height=64, fps=25) as w:
        w.write(np.zeros((64, 96), np.uint8))


def test_a_cover_beside_sound_is_no_video(tmp_path: Path) -> None:
    """A recording with a cover would otherwise be marked as a clip of one frame."""
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w") as out:
        sound, cover = out.add_stream("mp3", rate=44_100), out.add_stream("png", rate=1)
        cover.width = cover.height = 64
        cover.pix_fmt = "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")):
            out.mux(packet)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 44_100
        resampler = av.AudioResampler("s16p", "mono", 44_100, frame_size=1152)
        for frame in [*resampler.resample(samples), *resampler.resample(None)]:
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert (probe(path).has_video, probe(path).has_audio) == (False, True)
    with pytest.raises(MediaError, match="holds no video"):
        VideoReader(path)


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
@pytest.mark.parametrize("late_s", [0.0, 0.5, -0.25])
def test_sound_begins_with_the_first_picture(tmp_path: Path, codec: str, late_s: float) -> None:
    """Tracks of one film may begin apart; frames and sound are read each from its start, and have to fit."""
    path, rate = tmp_path / "a.mov", 48_000
    with av.open(str(path), "w") as out:
        film, sound = out.add_stream("mpeg4", rate=25), out.add_stream(codec, rate=rate)
        film.width, film.height, sound.layout = 96, 64, "stereo"
        for index in range(75):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts = index + 25
            out.mux(film.encode(frame))
        samples = np.zeros((2, 2 * rate), np.float32)
        samples[:, rate:] = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        whole = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        whole.sample_rate = rate
        resampler = av.AudioResampler(sound.format.name, "stereo", rate, frame_size=1024)
        for number, piece in enumerate([*resampler.resample(whole), *resampler.resample(None)]):
            piece.pts = number * 1024 + round((1 + late_s) * rate)
            out.mux(sound.encode(piece))
        out.mux(film.encode())
        out.mux(sound.encode())
    heard = load_audio(path, rate)
    begins = np.flatnonzero(np.abs(heard) > 0.1)[0] / rate
    assert begins == pytest.approx(1 + late_s, abs=0.025)  # but for what the encoder needs to start
    with VideoWriter(tmp_path / "b.mp4", width=96, height=64, fps=25, audio=path) as writer:
        for index in range(75):
            writer.write(rgb_to_i420(picture(index)))
    again = load_audio(tmp_path / "b.mp4", rate)
    assert np.flatnonzero(np.abs(again) > 0.1)[0] / rate == pytest.approx(1 + late_s, abs=0.03)


def test_a_cut_wav_is_found_behind_a_chunk_of_odd_size(tmp_path: Path) -> None:
    """Chunks are padded to even sizes; the padding is not counted."""
    whole = tone(tmp_path / "a.wav", 1.0).read_bytes()
    note = b"LIST" + (5).to_bytes(4, "little") + b"INFO!" + b"\0"
    path = tmp_path / "b.wav"
    path.write_bytes(whole[:36] + note + whole[36:])
    assert len(load_audio(path, 44_100)) == 44_100
    path.write_bytes((whole[:36] + note + whole[36:])[:20_000])
    with pytest.raises(MediaError, match="cut short"):
        load_audio(path)


def test_a_playlist_reaches_nobody(tmp_path: Path) -> None:
    """FFmpeg would fetch what it names before we know what kind of file it is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        playlist = tmp_path / "a.m3u8"
        playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:{port}/a.ts\n")
        with pytest.raises(MediaError):
            probe(playlist)
        with pytest.raises(TimeoutError):
            server.accept()
