"""Finding faces: a tracker behind an interface, the matte of a person, aligned crops.

The first tracker is MediaPipe 0.10.21, the last release whose wheel holds its models: 478 points, 4 ms a
512 x 512 frame on one core. It misses faces below about a fifth of the frame; those are looked for once more with its
full-range detector and tracked in a crop.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, Self

import cv2
import numpy as np

from tellmark.errors import FaceError
from tellmark.landmarks import FACE_OVAL, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from tellmark.types import F32, U8

MIN_FACE_PX = 64  # a smaller face has too few pixels to animate or to judge
_AROUND, _SHOWN = 2.2, 384  # of a face, its sizes; px
_CLEARLY = 0.1
_LOOK = 12  # frames from one look for other faces to the next
RIVAL = 0.6  # a second face of at least this share of the largest one's area makes a still ambiguous; the mesh reads
# small faces beside large ones too large: of half the size, .19 to .51 of the area was read on six actors


@dataclass(frozen=True, slots=True)
class Face:
    """One face in a picture."""

    landmarks: F32  # (478, 3) px: x right, y down, z away from the camera

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) px around the face oval."""
        oval = self.landmarks[list(FACE_OVAL), :2]
        (x0, y0), (x1, y1) = oval.min(0), oval.max(0)
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def size(self) -> float:
        """Longer side of the box, px."""
        x0, y0, x1, y1 = self.box
        return max(x1 - x0, y1 - y0)


class FaceTracker(Protocol):
    """Frames of one video in order, or unrelated stills, in; faces out, the largest first."""

    def track(self, rgb: U8) -> list[Face]:
        """Faces of an (height, width, 3) RGB frame; an empty list where there is none."""
        ...

    def close(self) -> None:
        """Free the models."""
        ...


class MediapipeTracker:
    """:class:`FaceTracker` on MediaPipe. ``static`` treats every frame as a still: slower, independent of the order.

    A mesh that may find several faces looks for more of them in every frame, which doubles its cost. One face is
    therefore followed by a mesh for one, and others are looked for twice a second (at 25 frames); while there are
    any, the mesh for several follows them all.
    """

    def __init__(self, max_faces: int = 1, *, static: bool = False) -> None:
        self._meshes: dict[int, Any] = {}
        self._static = static
        self._chatty = True
        self._max_faces = max_faces
        self._far: _FarFaces | None = None
        self._finder: Any = None
        self._square = _Square()
        self._faces_at_once = max_faces if static else 1
        self._looked = -_LOOK  # the frame in which others were looked for
        self._frame = 0
        self._mesh(self._faces_at_once)

    def track(self, rgb: U8) -> list[Face]:
        """See :class:`FaceTracker`."""
        square = self._square.of(rgb)
        if self._max_faces > 1 and not self._static and self._frame - self._looked >= _LOOK:
            self._faces_at_once = self._max_faces if self._count(square) > 1 else 1
            self._looked = self._frame
        self._frame += 1
        mesh = self._mesh(self._faces_at_once)
        with _quiet() if self._chatty else nullcontext():  # the native library speaks up on its first face
            faces = _faces(mesh, square)
        self._chatty = self._chatty and not faces
        if not faces:
            self._looked = -_LOOK  # whoever comes next may not come alone
            if min(rgb.shape[:2]) >= 2 * MIN_FACE_PX:
                self._far = self._far or _FarFaces()
                faces = self._far.find(rgb, self._max_faces)
        return sorted(faces, key=lambda face: -face.size)

    def _count(self, square: U8) -> int:
        """Faces in a square frame, as the detector of the mesh for several finds them."""
        if self._finder is None:
            with _quiet():
                self._finder = _mediapipe().face_detection.FaceDetection(
                    model_selection=0, min_detection_confidence=0.5
                )
                return len(self._finder.process(square).detections or ())
        return len(self._finder.process(square).detections or ())

    def _mesh(self, faces: int) -> Any:
        if faces not in self._meshes:
            with _quiet():
                self._meshes[faces] = _mediapipe().face_mesh.FaceMesh(
                    static_image_mode=self._static,
                    max_num_faces=faces,
                    refine_landmarks=True,
                    min_detection_confidence=0.5,
                )
                # The models start in threads: wait for them in silence.
                self._meshes[faces].process(np.zeros((64, 64, 3), np.uint8))
        return self._meshes[faces]

    def close(self) -> None:
        """See :class:`FaceTracker`."""
        for part in (*self._meshes.values(), self._finder, self._far):
            if part is not None:
                part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _FarFaces:
    """Small faces: MediaPipe's full-range detector, then the mesh in a crop around each."""

    def __init__(self) -> None:
        solutions = _mediapipe()
        with _quiet():
            self._detector = solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.5)
            self._mesh = solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
            self._mesh.process(np.zeros((64, 64, 3), np.uint8))

    def find(self, rgb: U8, max_faces: int) -> list[Face]:
        height, width = rgb.shape[:2]
        boxes = []
        for detection in self._detector.process(_read_only(rgb)).detections or ():
            box = detection.location_data.relative_bounding_box
            boxes.append((box.xmin * width, box.ymin * height, box.width * width, box.height * height))
        faces = []
        for x, y, w, h in sorted(boxes, key=lambda box: -box[2])[:max_faces]:
            centre_x, centre_y, half = x + w / 2, y + h / 2, max(w, h)
            x0, y0 = max(0, int(centre_x - half)), max(0, int(centre_y - half))
            crop = rgb[y0 : int(centre_y + half), x0 : int(centre_x + half)]
            offset = np.array([x0, y0, 0], np.float32)
            faces += [Face(face.landmarks + offset) for face in _faces(self._mesh, _Square().of(crop))]
        return faces

    def close(self) -> None:
        self._detector.close()
        self._mesh.close()


def find_face(rgb: U8) -> Face:
    """The one face of a still.

    A second face counts only from ``RIVAL`` of the first one's area on. Raises :class:`FaceError` for no face, for
    two or more such faces, and for a face smaller than ``MIN_FACE_PX``.
    """
    with MediapipeTracker(max_faces=4, static=True) as tracker:
        faces = tracker.track(rgb)
    if not faces:
        raise FaceError("no face was found; give an upright picture with one face that looks towards the camera")
    if len(faces) > 1 and (faces[1].size / faces[0].size) ** 2 >= RIVAL:
        raise FaceError(f"{len(faces)} faces of similar size were found; crop the picture to one of them")
    if faces[0].size < MIN_FACE_PX:
        raise FaceError(
            f"the face is only {faces[0].size:.0f} px; give a picture with a face of {MIN_FACE_PX} px or more"
        )
    return faces[0]


def stands_on_its_head(rgb: U8, face: Face) -> bool:
    """Whether the face of a still is upside down: the mesh fits an upright one into it and does not say so.

    What is around it is shown to both of MediaPipe's detectors as it is and turned by 180 degrees; whichever way has
    the larger scores is up. Of 134 upright portraits and frames of films the sum was larger by .16 at least; turned, of
    the 106 in which the mesh found a face it was less by .18 in all but one, of a bald head.
    """
    x0, y0, x1, y1 = face.box
    half = max(1, round(_AROUND * face.size / 2))
    left, top = round((x0 + x1) / 2) - half, round((y0 + y1) / 2) - half
    matrix = np.array(
        [[_SHOWN / 2 / half, 0, -left * _SHOWN / 2 / half], [0, _SHOWN / 2 / half, -top * _SHOWN / 2 / half]]
    )
    upright = cv2.warpAffine(
        rgb, matrix, (_SHOWN, _SHOWN), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.uint8)
    scores = {0: 0.0, 180: 0.0}
    with _quiet():
        for model in (0, 1):
            with _mediapipe().face_detection.FaceDetection(
                model_selection=model, min_detection_confidence=0.1
            ) as detector:
                for turn, shown in ((0, upright), (180, np.ascontiguousarray(upright[::-1, ::-1]))):
                    found = detector.process(shown).detections or ()
                    scores[turn] += max((one.score[0] for one in found), default=0.0)
    return scores[180] - scores[0] > _CLEARLY


def matte(rgb: U8) -> F32:
    """How much of each pixel is person: (height, width) in [0, 1], edges refined along the picture's own."""
    solutions = _mediapipe()
    with _quiet(), solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as model:
        coarse = model.process(rgb).segmentation_mask.astype(np.float32)
    radius = max(2, min(rgb.shape[:2]) // 64)
    # Guided filter (He et al. 2010): the mask's edges move to the picture's.
    fine: F32 = cv2.ximgproc.guidedFilter(rgb.astype(np.float32) / 255, coarse, radius, 1e-4)
    return np.clip((fine - 0.2) / 0.6, 0, 1)


def align(rgb: U8, landmarks: F32, size: int = 256, scale: float = 1.3) -> tuple[U8, F32]:
    """Crop ``size`` x ``size`` px with eyes and mouth in fixed places, and :func:`alignment`.

    Sampled linearly whatever the scale: a way that changes with it makes frames of one face differ in sharpness.
    """
    matrix = alignment(landmarks, size, scale)
    crop = cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crop.astype(np.uint8, copy=False), matrix


def alignment(landmarks: F32, size: int = 256, scale: float = 1.3) -> F32:
    """The (2, 3) similarity that maps points of the picture into the crop; its side is ``scale`` face heights."""
    eyes = [landmarks[list(group), :2].mean(0) for group in (RIGHT_EYE, LEFT_EYE)]
    mouth = landmarks[list(LIPS_OUTER), :2].mean(0)
    unit = size / scale
    centre = size / 2
    goal = np.array(
        [
            [centre - 0.23 * unit, centre - 0.16 * unit],
            [centre + 0.23 * unit, centre - 0.16 * unit],
            [centre, centre + 0.22 * unit],
        ],
        np.float32,
    )
    return _similarity(np.array([*eyes, mouth], np.float32), goal)


def _similarity(source: F32, goal: F32) -> F32:
    """Least-squares similarity (Umeyama 1991) between (n, 2) point sets, as a (2, 3) matrix."""
    mean_source, mean_goal = source.mean(0), goal.mean(0)
    a, b = (source - mean_source).astype(np.float64), (goal - mean_goal).astype(np.float64)
    z = (a[:, 0] + 1j * a[:, 1]).conj() @ (b[:, 0] + 1j * b[:, 1]) / (a**2).sum()
    linear = np.array([[z.real, -z.imag], [z.imag, z.real]])
    return np.column_stack([linear, mean_goal - linear @ mean_source]).astype(np.float32)


def _faces(mesh: Any, square: U8) -> list[Face]:
    found = mesh.process(square).multi_face_landmarks or ()
    side = np.float32(len(square))
    return [Face(np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * side) for face in found]


class _Square:
    """Frames with black below or to the right: the models project back correctly from square pictures only.

    Frames of one size lie in one picture, one after the other.
    """

    def __init__(self) -> None:
        self._picture = np.zeros((0, 0, 3), np.uint8)
        self._shape: tuple[int, ...] = ()

    def of(self, rgb: U8) -> U8:
        """(side, side, 3), read-only, until the next call."""
        height, width = rgb.shape[:2]
        if height == width:
            return _read_only(rgb)
        if rgb.shape != self._shape:
            side = max(height, width)
            self._shape, self._picture = rgb.shape, np.zeros((side, side, 3), np.uint8)
        self._picture[:height, :width] = rgb
        return _read_only(self._picture)


def _read_only(rgb: U8) -> U8:
    """``rgb`` that cannot be written to: MediaPipe reads it where it is, and would copy it first otherwise."""
    shown = np.ascontiguousarray(rgb).view()
    shown.flags.writeable = False
    return shown


def _mediapipe() -> ModuleType:
    os.environ.setdefault("GLOG_minloglevel", "3")
    # protobuf 4 deprecates a call that mediapipe 0.10.21 still makes on every frame.
    warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype", category=UserWarning)
    with warnings.catch_warnings(), _quiet(), _without_plots():
        warnings.simplefilter("ignore", DeprecationWarning)
        import mediapipe
    solutions: ModuleType = mediapipe.solutions
    return solutions


@contextmanager
def _without_plots() -> Iterator[None]:
    """Hide Matplotlib from MediaPipe, whose drawing module imports it: a third of a second that nobody here needs."""
    names = () if "mediapipe" in sys.modules else ("matplotlib", "matplotlib.pyplot")
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in hidden})
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold the native libraries' start-up chatter back from stderr, which belongs to our own messages."""
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
