"""The error-correcting code, against a shift register written out by hand."""

import binascii

import numpy as np

from tellmark.types import U8
from tellmark.watermark.fec import CODE_BITS, decode, encode


def _random_payload(seed: int) -> U8:
    return np.random.default_rng(seed).integers(0, 2, 64, dtype=np.uint8)


def _reference_encode(payload: U8) -> list[int]:
    crc = binascii.crc32(np.packbits(payload).tobytes())
    message = [*payload.tolist(), *(crc >> shift & 1 for shift in range(31, -1, -1)), *[0] * 8]
    register, coded = [0] * 9, []
    for bit in message:
        register = [bit, *register[:-1]]  # newest first
        for generator in ("100110011", "101011101", "111011011", "111100101"):  # 463, 535, 733, 745 octal
            coded.append(sum(r for r, tap in zip(register, generator, strict=True) if tap == "1") % 2)
    return coded


def test_encoder_is_the_textbook_shift_register() -> None:
    for seed in range(5):
        payload = _random_payload(seed)
        assert encode(payload).tolist() == _reference_encode(payload)


def test_free_distance_is_24() -> None:
    """The lightest path that leaves the zero state and returns weighs 24 (Larsen 1973): a shortest-path search."""
    taps = [int(g, 8) for g in ("463", "535", "733", "745")]

    def weight(register: int) -> int:
        return sum((register & tap).bit_count() % 2 for tap in taps)

    best = {0x100 >> 1: weight(0x100)}
    frontier, found = dict(best), 1000
    while frontier:
        following: dict[int, int] = {}
        for state, so_far in frontier.items():
            for bit in (0, 1):
                register = bit << 8 | state
                after, total = register >> 1, so_far + weight(register)
                if after == 0:
                    found = min(found, total)
                elif total < min(best.get(after, 1000), found):
                    best[after] = following[after] = total
        frontier = following
    assert found == 24


def test_a_batch_decodes_through_noise() -> None:
    payload = _random_payload(7)
    clean = 2.0 * encode(payload) - 1.0
    noise = np.random.default_rng(0).normal(0, 1.0, (20, CODE_BITS))
    raw_errors = np.mean((clean + noise) * clean < 0)
    assert raw_errors > 0.1  # the channel is bad: one coded bit of six is wrong
    read = decode((clean + noise).astype(np.float32))
    assert all(bits is not None and np.array_equal(bits, payload) for bits in read)


def test_noise_alone_never_passes_the_checksum() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (300, CODE_BITS)).astype(np.float32)
    assert decode(noise) == [None] * 300


def test_scale_of_soft_values_does_not_matter() -> None:
    payload = _random_payload(3)
    soft = (2.0 * encode(payload) - 1.0).astype(np.float32)[None]
    for scale in (1e-3, 1e3):
        (bits,) = decode(soft * np.float32(scale))
        assert bits is not None
        assert np.array_equal(bits, payload)
