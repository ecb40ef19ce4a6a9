"""The 64 bits of a mark."""

import pytest

from tellmark.types import Kind
from tellmark.watermark.signal.payload import ID_BITS, Payload


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("number", [0, 1, 0x123456789ABCDE, (1 << ID_BITS) - 1])
def test_hex_and_bits_lead_back(kind: Kind, number: int) -> None:
    payload = Payload(kind, number)
    assert Payload.from_hex(payload.hex()) == payload
    assert Payload.from_bits(payload.bits()) == payload


def test_layout_is_version_kind_id() -> None:
    assert Payload(Kind.SYNTHETIC, 0xABC).hex() == "11000000000000abc"[0:2] + "00000000000abc"
    assert Payload(Kind.CONTROL, 0, version=3).hex() == "3200000000000000"
    assert Payload(Kind.SYNTHETIC, 1).bits().tolist()[:8] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_new_payloads_differ() -> None:
    assert len({Payload.new(Kind.SYNTHETIC) for _ in range(100)}) == 100


@pytest.mark.parametrize("digits", ["", "12", "1f00000000000000", "1000000000000000", "x" * 16, "1" * 17])
def test_what_is_no_payload_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match=r"payload|invalid literal"):
        Payload.from_hex(digits)


@pytest.mark.parametrize(("number", "version"), [(-1, 1), (1 << ID_BITS, 1), (0, 16), (0, -1)])
def test_fields_must_fit_their_bits(number: int, version: int) -> None:
    with pytest.raises(ValueError, match="payload"):
        Payload(Kind.SYNTHETIC, number, version)
