"""tellmark: labelled synthetic talking faces, provenance for any video, and a detector that measures the gap."""

__version__ = "0.1.0"
