"""Runs another watermark in an environment of its own, driven by ``tellmark.benchmarks.peers`` over its two pipes.

Started as a script by an interpreter that has the peer's package and not tellmark: nothing of ours is imported.

Each request is a line of JSON, {"do": "embed" | "detect", "shape": [count, height, width, 3], "bits": [..]}, and the
frames as raw bytes, RGB. The answer is a line of JSON and, for "embed", the marked frames. "detect" answers with soft
bits: the mean over the frames of what the peer's own decoder says of each bit before it is cut to 0 or 1.

Peers are called as their authors call them, with their default strengths. What is added: soft bits are averaged over
blocks and frames, and the ONNX models of rivaGan are run directly, because the package's glue needs torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class DwtDctSvd:
    """invisible-watermark, method dwtDctSvd."""

    def __init__(self, bits: list[int], count: int) -> None:
        module = _module("imwatermark", "dwtDctSvd.py")
        self._mark = module.EmbedDwtDctSvd(bits, wmLen=count)
        self._count = count

    def embed(self, bgr: Any) -> Any:
        return self._mark.encode(bgr)

    def detect(self, bgr: Any) -> Any:
        import cv2

        pywt = importlib.import_module("pywt")

        yuv = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV)
        rows, columns = (side // 4 * 4 for side in bgr.shape[:2])
        low, _ = pywt.dwt2(yuv[:rows, :columns, 1], "haar")  # as its decode(), up to the threshold
        scores = self._mark.decode_frame(low, 36, [[] for _ in range(self._count)])
        return np.array([np.mean(score) for score in scores])


class RivaGan:
    """invisible-watermark, method rivaGan: 32 bits, two small networks in the wheel."""

    def __init__(self, bits: list[int], count: int) -> None:
        onnxruntime = importlib.import_module("onnxruntime")
        assert count == 32, "rivaGan holds 32 bits"
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        folder = _folder("imwatermark")
        self._bits = np.array([bits], np.float32)
        self._models = {
            name: onnxruntime.InferenceSession(str(folder / f"rivagan_{name}.onnx"), settings)
            for name in ("encoder", "decoder")
        }

    def embed(self, bgr: Any) -> Any:
        (made,) = self._models["encoder"].run(None, {"frame": self._tensor(bgr), "data": self._bits})[:1]
        return ((np.clip(made[0, :, 0].transpose(1, 2, 0), -1, 1) + 1) * 127.5).astype(np.uint8)

    def detect(self, bgr: Any) -> Any:
        value = self._models["decoder"].run(None, {"frame": self._tensor(bgr)})[0][0]
        return np.clip(0.5 + (value - 0.52), 0, 1)  # its own threshold is .52

    @staticmethod
    def _tensor(bgr: Any) -> Any:
        return (bgr.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None, :, None]


class Blind:
    """blind-watermark with its default passwords; it is told how many bits there are, as its users are."""

    def __init__(self, bits: list[int], count: int) -> None:
        package = importlib.import_module("blind_watermark")
        package.bw_notes.close()
        self._make, self._bits, self._count = package.WaterMark, bits, count

    def embed(self, bgr: Any) -> Any:
        mark = self._make(password_img=1, password_wm=1)
        mark.read_img(img=bgr)
        mark.read_wm(np.array(self._bits, bool), mode="bit")
        return np.rint(mark.embed()).astype(np.uint8)

    def detect(self, bgr: Any) -> Any:
        mark = self._make(password_img=1, password_wm=1)
        mark.wm_size = self._count
        return mark.extract_decrypt(mark.bwm_core.extract(img=bgr, wm_shape=(self._count,)))


PEERS: dict[str, Callable[[list[int], int], Any]] = {
    "dwtDctSvd": DwtDctSvd,
    "rivaGan": RivaGan,
    "blind-watermark": Blind,
}


def _folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _module(package: str, file: str) -> Any:
    """One file of a package, without the rest of it, which would import torch."""
    spec = importlib.util.spec_from_file_location(file.removesuffix(".py"), _folder(package) / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def serve(name: str, reading: Any, writing: Any) -> None:
    """Answer requests until the pipe is closed."""
    import cv2

    cv2.setNumThreads(1)
    bits: list[int] | None = None
    peer: Any = None
    while line := reading.readline():
        request = json.loads(line)
        count, height, width, _ = request["shape"]
        if request["bits"] != bits:  # some load a network
            bits = request["bits"]
            peer = PEERS[name](bits, request["count"])
        total = np.zeros(request["count"])
        marked = []
        for _ in range(count):
            frame = np.frombuffer(reading.read(height * width * 3), np.uint8).reshape(height, width, 3)
            bgr = np.ascontiguousarray(frame[..., ::-1])
            if request["do"] == "embed":
                marked.append(np.ascontiguousarray(peer.embed(bgr)[..., ::-1]).tobytes())
            else:
                total += peer.detect(bgr)
        writing.write(json.dumps({"soft": (total / max(1, count)).tolist()}).encode() + b"\n")
        for data in marked:
            writing.write(data)
        writing.flush()


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever else is printed must not enter the answers
        serve(sys.argv[1], sys.stdin.buffer, answers)
