"""What one server grants: to one file, and to all of them together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults suit a machine with a few cores and a few gigabytes of memory."""

    max_bytes: int = 500_000_000  # of one file
    workers: int = 1  # verifications at once
    waiting: int = 64  # uploads under way and files in the queue, beside those being verified
    memory_bytes: int = 4 << 30  # address space of one verification
    cpu_s: int = 900  # processor time of one verification
    wall_s: float = 900.0  # time of one verification, from its start
    stall_s: float = 30.0  # longest pause within an upload
    upload_s: float = 3600.0  # longest upload
    keep_s: float = 600.0  # how long an answer can be fetched

    @property
    def stored_bytes(self) -> int:
        """Room for all uploads together."""
        return 8 * self.max_bytes
