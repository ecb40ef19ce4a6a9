import numpy as np

from tellmark.generator.mesh.layers import shown


def test_triangles_over_nothing_are_left_out_and_no_others() -> None:
    person = np.zeros((64, 64, 4), np.uint8)
    person[20:30, 20:30, 3] = 255
    within, far, around = [(22, 22), (28, 22), (22, 28)], [(50, 50), (60, 50), (50, 60)], [(0, 0), (63, 0), (0, 63)]
    sources = np.array([*within, *far, *around, (31.5, 20), (40, 20), (40, 30)], np.float32)
    triangles = np.arange(12, dtype=np.int32).reshape(4, 3)
    # The last one lies beside the person, within reach of its interpolation.
    np.testing.assert_array_equal(shown(person, sources, triangles), triangles[[0, 2, 3]])
