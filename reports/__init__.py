"""Writes the authenticity-gap report from result records."""

from tellmark.reports.results import measure
from tellmark.reports.report import build_report

__all__ = ["build_report", "measure"]
