"""Of payloads that are known the right one is found where decoding fails, and chance is told for what it is."""

from collections.abc import Sequence

import numpy as np
import pytest

from tellmark.types import F32, Kind
from tellmark.watermark.signal import known
from tellmark.watermark.signal.fec import CODE_BITS, decode, encode
from tellmark.watermark.signal.known import KnownPayloads
from tellmark.watermark.signal.payload import ID_BITS, Payload


def _payloads(count: int) -> list[str]:
    random = np.random.default_rng(4)
    return [Payload(Kind.SYNTHETIC, int(number)).hex() for number in random.integers(1 << ID_BITS, size=count)]


def _received(digits: str, z: float, seed: int) -> F32:
    """Noise, and the code of a payload, which correlates with both together by about ``z``."""
    noise = np.random.default_rng(seed).standard_normal(CODE_BITS)
    sent = 2.0 * encode(Payload.from_hex(digits).bits()) - 1.0
    received: F32 = (noise + z / np.sqrt(CODE_BITS) * sent).astype(np.float32)
    return received


def _asked(payloads: Sequence[str]) -> KnownPayloads:
    return KnownPayloads(lambda: payloads)


def test_codes_are_those_that_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reception without noise fits its own payload to the full; in pieces as well."""
    monkeypatch.setattr(known, "_TOGETHER", 64)
    payloads = _payloads(300)
    asked = _asked(payloads)
    for digits in payloads[::37]:
        fit = asked.likeliest((2.0 * encode(Payload.from_hex(digits).bits()) - 1.0).astype(np.float32)[None])
        assert fit.payload.hex() == digits
        assert fit.chance < 1e-80


def test_a_mark_too_weak_to_be_decoded_is_found_among_the_known() -> None:
    payloads = _payloads(5000)
    asked = _asked(payloads)
    read = found = 0
    for number, digits in enumerate(payloads[:12]):
        receptions = np.stack([_received(payloads[-1], 0.0, 50 + number), _received(digits, 8.3, number)])
        read += decode(receptions[1]).payload is not None
        fit = asked.likeliest(receptions)
        found += fit.payload.hex() == digits and fit.reception == 1 and fit.chance < 1e-5
    assert read <= 3
    assert found >= 10


def test_the_chance_is_how_often_noise_fits_so_well() -> None:
    """It is the expected number of such fits: of noise, .18 should have a best one of which it is below .2."""
    asked = _asked(_payloads(1000))
    random = np.random.default_rng(8)
    chances = [asked.likeliest(random.standard_normal((2, CODE_BITS)).astype(np.float32)).chance for _ in range(400)]
    below = np.mean(np.array(chances) < 0.2)
    assert 0.12 < below < 0.25


def test_what_is_no_payload_is_left_out_and_the_list_is_asked_for_once() -> None:
    calls = []

    def listed() -> list[str]:
        calls.append(1)
        return ["", "11", "z" * 16, "f1" + "0" * 14, "19" + "0" * 14, "1100000000000abc", "1100000000000abc"]

    asked = KnownPayloads(listed)
    assert not calls
    for _ in range(2):
        fit = asked.likeliest(_received("1100000000000abc", 20.0, 1)[None])
        assert fit.payload == Payload(Kind.SYNTHETIC, 0xABC)
    assert len(calls) == 1
    assert len(asked) == 1
    assert not _asked(["nonsense"])
    with pytest.raises(ValueError, match="no payload"):
        _asked([]).likeliest(_received("1100000000000abc", 20.0, 1)[None])
