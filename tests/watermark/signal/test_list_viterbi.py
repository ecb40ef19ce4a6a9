"""The list decoder: reads what the single best path misses, in the order of likelihood, and nothing out of noise."""

import numpy as np

from tellmark.types import U8, Kind
from tellmark.watermark.signal.fec import CODE_BITS, decode, encode
from tellmark.watermark.signal.list_viterbi import decode_listed
from tellmark.watermark.signal.payload import Payload


def _payload(seed: int) -> U8:
    return Payload(Kind.CONTROL, int(np.random.default_rng(seed).integers(1 << 56))).bits()


def test_reads_more_than_the_single_best_path() -> None:
    random = np.random.default_rng(0)
    single = listed = 0
    for seed in range(6):
        bits = _payload(seed)
        sent = 2.0 * encode(bits) - 1
        soft = (11.0 / np.sqrt(CODE_BITS) * sent + random.normal(size=CODE_BITS)).astype(np.float32)
        first, found = decode(soft), decode_listed(soft, 8.5)
        single += first.payload is not None and np.array_equal(first.payload, bits)
        if found is not None:
            assert found.payload is not None
            assert np.array_equal(encode(found.payload), found.code)
            assert found.z >= 8.5
            assert found.z >= soft @ sent / np.sqrt(soft @ soft) - 1e-3  # never a less likely one than what was sent
            listed += np.array_equal(found.payload, bits)
    assert listed > single


def test_agrees_with_the_single_best_path_where_that_one_reads() -> None:
    bits = _payload(9)
    soft = (2.0 * encode(bits) - 1 + np.random.default_rng(1).normal(0, 0.8, CODE_BITS)).astype(np.float32)
    found = decode_listed(soft, 9.0)
    assert found is not None
    assert np.array_equal(found.code, decode(soft).code)


def test_too_faint_a_reception_gives_nothing() -> None:
    soft = np.random.default_rng(2).normal(size=CODE_BITS).astype(np.float32)
    assert decode_listed(soft, 11.0) is None
