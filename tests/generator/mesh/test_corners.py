import cv2
import numpy as np

from tellmark.generator.geometry.basis import LOWER_LIP
from tellmark.generator.geometry.fine import doubled
from tellmark.generator.mesh.corners import Corners
from tellmark.generator.mesh.layers import PAD
from tellmark.generator.mesh.mesh import build_mesh
from tellmark.generator.types import Portrait
from tellmark.types import F32, U8


def _painted(someone_else: Portrait) -> tuple[U8, F32]:
    """The portrait with a dark line that goes on beyond the corner of the mouth, and (2,) px on that line."""
    image = someone_else.image.copy()
    corner = someone_else.landmarks[61, :2]
    out = corner + np.array([-6, 0], np.float32)
    cv2.line(image, np.rint(corner).astype(int).tolist(), np.rint(out).astype(int).tolist(), (20, 10, 10), 2)
    return image, (corner + out) / 2


def test_the_line_beyond_a_corner_goes_when_lips_part_and_comes_back(someone_else: Portrait) -> None:
    image, at = _painted(someone_else)
    mesh = build_mesh(someone_else.landmarks)
    layer = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    layer = cv2.copyMakeBorder(layer, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT)
    rest, fine = layer.copy(), doubled(layer)
    x, y = np.rint(at).astype(int) + PAD
    corners = Corners(layer, someone_else.landmarks, PAD)
    still = mesh.rest[:478]
    corners.lift(still, 1.0, layer, fine)
    np.testing.assert_array_equal(layer, rest)
    open_wide = still.copy()
    open_wide[[14, 87, 317], 1] += 30
    open_wide[:, 0] = 256 + 0.6 * (open_wide[:, 0] - 256)
    corners.lift(open_wide, 1.0, layer, fine)
    beside = rest[y - 8, x, :3].astype(float).mean()
    assert layer[y, x, :3].mean() > 0.6 * beside > 2 * rest[y, x, :3].mean()
    np.testing.assert_array_equal(fine[::2, ::2], layer)
    # Only there, and on the edge of the lower lip: what is far from both corners and from that edge is as it was.
    changed = np.argwhere((layer != rest).any(2))
    ends = someone_else.landmarks[[61, 291, *LOWER_LIP[3]], :2] + PAD
    away = np.linalg.norm(changed[:, None, ::-1] - ends[None], axis=2).min(1)
    assert away.max() < 12 * mesh.px_per_mm
    corners.lift(still, 1.0, layer, fine)
    np.testing.assert_array_equal(layer, rest)
    np.testing.assert_array_equal(fine, doubled(rest))


def test_the_lower_lip_loses_its_dark_rim_and_the_upper_one_gains_no_light_one(someone_else: Portrait) -> None:
    mesh = build_mesh(someone_else.landmarks)
    image = someone_else.image.copy()
    seam = someone_else.landmarks[list(LOWER_LIP[3]), :2]
    cv2.polylines(image, [np.rint(seam * 16).astype(np.int32)], False, (30, 15, 15), 4, cv2.LINE_8, 4)
    layer = cv2.copyMakeBorder(
        np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]), PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT
    )
    rest = layer.copy()
    corners = Corners(layer, someone_else.landmarks, PAD)
    open_wide = mesh.rest[:478].copy()
    open_wide[[14, 87, 317], 1] += 30
    corners.lift(open_wide, 1.0, layer, doubled(layer))
    x, y = np.rint(seam[5]).astype(int) + PAD
    lifted = layer[:, x, :3].mean(1) - rest[:, x, :3].mean(1)
    assert lifted[y + 1] > 20
    assert lifted[y - 6 : y - 1].max() <= 1


def test_a_fold_beside_the_mouth_goes_with_the_smile_and_a_hair_does_not(someone_else: Portrait) -> None:
    mesh = build_mesh(someone_else.landmarks)
    scale, corner = mesh.px_per_mm, someone_else.landmarks[61, :2]
    open_wide = mesh.rest[:478].copy()
    open_wide[[14, 87, 317], 1] += 30
    open_wide[:, 0] = 256 + 0.6 * (open_wide[:, 0] - 256)
    lifted = []
    for darkness in (0.8, 0.2):
        image = np.full((512, 512, 3), 160, np.uint8)
        x = corner[0] - 6 * scale
        ends = [(x, corner[1] - 10 * scale), (x, corner[1] + 10 * scale)]
        shade = (160 * darkness,) * 3
        cv2.line(image, *(np.rint(end).astype(int).tolist() for end in ends), shade, 2)
        layer = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
        layer = cv2.copyMakeBorder(layer, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT)
        rest = layer.copy()
        Corners(layer, someone_else.landmarks, PAD).lift(open_wide, 1.0, layer, doubled(layer))
        column, row = np.rint((x, corner[1] - 8 * scale)).astype(int) + PAD
        gone = layer[row, column - 2 : column + 3, 0].astype(float) - rest[row, column - 2 : column + 3, 0]
        lifted.append(gone.max() / (160 * (1 - darkness)))
    assert lifted[0] > 0.3
    assert lifted[1] < lifted[0] / 2
