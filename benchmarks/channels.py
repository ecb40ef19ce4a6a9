"""What the world does to a file on its way: remuxing, re-encoding, shrinking, cropping, trimming, tampering.

Each channel takes a file and writes another; none of them keeps the credentials, as no common tool does. They act on
marked clips only: a clip that comes out of here carries what is left of its mark.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import av
import cv2

from tellmark.encoding import Encoding, VideoWriter
from tellmark.media import VideoReader, rgb_to_i420


def remux(source: Path, out: Path) -> None:
    """Copy the streams into a new container, as ``ffmpeg -c copy`` does."""
    with av.open(str(source)) as inside, av.open(str(out), "w") as outside:
        streams = {stream: outside.add_stream_from_template(stream) for stream in inside.streams}
        for packet in inside.demux(list(streams)):
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                outside.mux(packet)


def reencode(
    source: Path,
    out: Path,
    *,
    crf: int = 23,
    scale: float = 1.0,
    crop: float = 0.0,
    skip_s: float = 0,
    seconds: float = math.inf,
) -> None:
    """Decode and encode anew.

    ``crop`` is the share of each dimension that is cut away, ``skip_s`` lost in front, ``seconds`` what is
    kept of the rest.
    """
    with VideoReader(source) as reader:
        width, height = reader.info.width, reader.info.height
        left, top = int(width * crop / 2), int(height * crop / 2)
        size = (round((width - 2 * left) * scale / 2) * 2, round((height - 2 * top) * scale / 2) * 2)
        # The sound would have to be cut as well where the start is lost; it plays no part there.
        audio = source if reader.info.has_audio and skip_s == 0 else None
        until = skip_s + seconds
        with VideoWriter(
            out, width=size[0], height=size[1], fps=reader.info.fps, audio=audio, encoding=Encoding(crf=crf)
        ) as writer:
            for frame in reader:
                if frame.time_s < skip_s:
                    continue
                if frame.time_s >= until:
                    break
                rgb = frame.rgb()[top : height - top, left : width - left]
                writer.write(rgb_to_i420(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)))


def tamper(source: Path, out: Path) -> None:
    """Flip one byte in the middle of the media data."""
    data = bytearray(source.read_bytes())
    middle = (data.index(b"mdat") + len(data)) // 2
    data[middle] ^= 0x20
    out.write_bytes(data)


CHANNELS: dict[str, Callable[[Path, Path], None]] = {
    "remux": remux,
    "H.264 CRF 23": reencode,
    "H.264 CRF 28": lambda source, out: reencode(source, out, crf=28),
    "half size": lambda source, out: reencode(source, out, scale=0.5),
    "crop 25 %": lambda source, out: reencode(source, out, crop=0.25),
    "byte flipped": tamper,
}
