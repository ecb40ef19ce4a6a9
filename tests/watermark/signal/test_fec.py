"""The error-correcting code, against a shift register written out by hand."""

import binascii

import numpy as np

from tellmark.types import U8, Kind
from tellmark.watermark.signal.fec import CODE_BITS, decode, encode
from tellmark.watermark.signal.payload import PREFIX, Payload


def _payload(seed: int) -> U8:
    return Payload(Kind.SYNTHETIC, int(np.random.default_rng(seed).integers(1 << 56))).bits()


def _reference_encode(payload: U8) -> list[int]:
    crc = binascii.crc_hqx(np.packbits(payload).tobytes(), 0xFFFF)
    message = [*payload.tolist(), *(crc >> shift & 1 for shift in range(15, -1, -1))]
    register, coded = [0, *message[:-13:-1]], []  # newest first: the encoder starts in the state in which it will end
    for bit in message:
        register = [bit, *register[1:]]
        for generator in (0o12261, 0o14115, 0o12561, 0o13113):
            taps = f"{generator:013b}"
            coded.append(sum(r for r, tap in zip(register, taps, strict=True) if tap == "1") % 2)
        register = [0, *register[:-1]]
    return coded


def test_encoder_is_the_textbook_shift_register() -> None:
    for seed in range(5):
        payload = _payload(seed)
        assert encode(payload).tolist() == _reference_encode(payload)


def test_codes_of_different_payloads_are_far_apart() -> None:
    codes = np.stack([encode(_payload(seed)) for seed in range(300)]).astype(int)
    distance = (codes[:, None] != codes[None]).sum(axis=2)
    assert distance[np.triu_indices(300, 1)].min() > CODE_BITS * 0.3


def test_one_bit_changes_many() -> None:
    payload = _payload(1)
    for bit in range(8, 64):
        other = payload.copy()
        other[bit] ^= 1
        assert (encode(payload) != encode(other)).sum() > 40


def test_decodes_through_noise() -> None:
    payload = _payload(7)
    clean = 2.0 * encode(payload) - 1.0
    noise = np.random.default_rng(0).normal(0, 1.1, (20, CODE_BITS))
    raw_errors = np.mean((clean + noise) * clean < 0)
    assert raw_errors > 0.1  # the channel is bad: one coded bit of six is wrong
    for reception in (clean + noise).astype(np.float32):
        reading = decode(reception)
        assert reading.payload is not None
        assert np.array_equal(reading.payload, payload)
        assert np.array_equal(reading.code, encode(payload))
        assert reading.z == float(reading.z) > 9


def test_noise_alone_does_not_pass_the_checksum() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (100, CODE_BITS)).astype(np.float32)
    readings = [decode(reception) for reception in noise]
    assert all(reading.payload is None for reading in readings)
    assert all(np.array_equal(decode(2.0 * r.code.astype(np.float32) - 1).code, r.code) for r in readings[:5])
    assert max(reading.z for reading in readings) < 10.5  # what blindly chosen codes reach


def test_what_every_payload_starts_with_is_known() -> None:
    """A reception that says nothing of the first bits, or lies about them, still reads."""
    payload = _payload(3)
    soft = (2.0 * encode(payload) - 1.0).astype(np.float32)
    soft[: 4 * (len(PREFIX) - 1)] *= -1
    reading = decode(soft)
    assert reading.payload is not None
    assert np.array_equal(reading.payload, payload)


def test_scale_of_soft_values_does_not_matter() -> None:
    payload = _payload(3)
    soft = (2.0 * encode(payload) - 1.0).astype(np.float32)
    for scale in (1e-3, 1e3):
        reading = decode(soft * np.float32(scale))
        assert reading.payload is not None
        assert np.array_equal(reading.payload, payload)
