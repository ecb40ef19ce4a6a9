"""Writes the authenticity-gap report from result records."""

from tellmark.reports.report import build_report
from tellmark.reports.results import measure

__all__ = ["build_report", "measure"]
