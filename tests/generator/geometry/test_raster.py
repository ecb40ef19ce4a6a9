import cv2
import numpy as np

from tellmark.generator.geometry.raster import mix, over, over_moved, raster


def slow_raster(vertices: np.ndarray, sources: np.ndarray, triangles: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3): texture x, y and depth by testing every pixel against every triangle; NaN where none is."""
    result = np.full((size, size, 3), np.nan)
    ys, xs = np.mgrid[:size, :size].astype(float)
    for triangle in triangles:
        corners = vertices[triangle].astype(float)
        matrix = np.vstack([corners[:, :2].T, np.ones(3)])
        if abs(np.linalg.det(matrix)) < 1e-4:
            continue
        weights = np.linalg.solve(matrix, np.stack([xs.ravel(), ys.ravel(), np.ones(size * size)]))
        values = np.column_stack([sources[triangle], corners[:, 2]]).T @ weights
        z = values[2].reshape(size, size)
        inside = (weights.min(0) >= 0).reshape(size, size)
        nearer = inside & ~(result[..., 2] <= z)
        result[nearer] = values.T.reshape(size, size, 3)[nearer]
    return result


def draw(vertices: np.ndarray, sources: np.ndarray, triangles: np.ndarray, size: int) -> np.ndarray:
    map_x, map_y = np.full((2, size, size), np.nan, np.float32)
    depth = np.full((size, size), np.inf, np.float32)
    raster(vertices.astype(np.float32), sources.astype(np.float32), triangles.astype(np.int32), map_x, map_y, depth)
    return np.dstack([map_x, map_y, np.where(np.isinf(depth), np.nan, depth)])


def test_raster_agrees_with_the_slow_reference() -> None:
    rng = np.random.default_rng(1)
    vertices = np.column_stack([rng.uniform(-10, 74, (60, 2)), rng.uniform(0, 100, 60)])
    sources = rng.uniform(0, 500, (60, 2))
    triangles = rng.integers(0, 60, (40, 3))
    fast, slow = draw(vertices, sources, triangles, 64), slow_raster(vertices, sources, triangles, 64)
    both = ~np.isnan(fast[..., 0]) & ~np.isnan(slow[..., 0])
    # Triangles overlap by a hundred-thousandth of their size, so a pixel on an edge may belong to a neighbour.
    assert (np.isnan(fast[..., 0]) != np.isnan(slow[..., 0])).sum() <= 2
    differ = np.abs(fast - slow)[both].max(1) > 0.05
    assert both.sum() > 2000
    assert differ.sum() <= 2


def test_shared_edges_leave_no_gap() -> None:
    rng = np.random.default_rng(2)
    grid = np.stack(np.meshgrid(np.linspace(-2, 66, 9), np.linspace(-2, 66, 9)), -1).reshape(-1, 2)
    vertices = np.column_stack([grid + rng.uniform(-2, 2, grid.shape), np.zeros(81)])
    corners = [row * 9 + column for row in range(8) for column in range(8)]
    triangles = np.array([t for c in corners for t in ((c, c + 1, c + 10), (c, c + 10, c + 9))])
    fast = draw(vertices, vertices[:, :2], triangles, 60)
    ys, xs = np.mgrid[:60, :60]
    np.testing.assert_allclose(fast[..., 0], xs, atol=1e-3)
    np.testing.assert_allclose(fast[..., 1], ys, atol=1e-3)


def test_nearer_hides_farther_whatever_the_order() -> None:
    square = np.array([[0, 0], [40, 0], [40, 40], [0, 40]], float)
    vertices = np.concatenate([np.column_stack([square, np.full(4, 5.0)]), np.column_stack([square, np.full(4, 1.0)])])
    sources = np.concatenate([np.zeros((4, 2)), np.full((4, 2), 9.0)])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    for order in (triangles, triangles[::-1]):
        assert (draw(vertices, sources, order, 32)[..., 0] == 9).all()


def test_over_is_exact() -> None:
    rng = np.random.default_rng(3)
    alpha = rng.integers(0, 256, (40, 50))
    colour = rng.integers(0, 256, (40, 50, 3)) * alpha[..., None] // 255
    layer = np.dstack([colour, alpha]).astype(np.uint8)
    background = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    out = np.zeros_like(background)
    over(layer, background, out)
    expected = colour + np.rint((255 - alpha[..., None]) * background.astype(float) / 255)
    np.testing.assert_array_equal(out, np.minimum(expected, 255).astype(np.uint8))


def test_mix_blends_and_saturates() -> None:
    region = np.full((2, 3, 3), 100, np.uint8)
    colour = np.full((2, 3, 3), 200, np.float32)
    colour[1] = 999
    mix(region, colour, np.array([[0, 0.5, 1], [0, 0.5, 1]], np.float32))
    assert region[0, :, 0].tolist() == [100, 150, 200]
    assert region[1, :, 0].tolist() == [100, 255, 255]


def test_a_moved_background_is_the_one_that_opencv_moves() -> None:
    rng = np.random.default_rng(4)
    alpha = rng.choice([0, 90, 255], (40, 50))
    colour = rng.integers(0, 256, (40, 50, 3)) * alpha[..., None] // 255
    layer = np.dstack([colour, alpha]).astype(np.uint8)
    background = cv2.GaussianBlur(rng.integers(0, 256, (40, 50, 3)).astype(np.uint8), (0, 0), 1.5)
    place = np.array([[1.02, 0.05, -3.3], [-0.05, 1.02, 4.7]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(background, place, (50, 40), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    expected, out = np.zeros_like(background), np.zeros_like(background)
    over(layer, moved, expected)
    over_moved(layer, background, place, out)
    # OpenCV rounds places to a 32nd of a pixel.
    assert np.abs(out.astype(int) - expected).max() <= 3
