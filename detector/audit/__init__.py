"""The shortcut audit: twelve controls that say whether a detector's result is about the forgery.

``run.audit`` measures them on a dataset, with a model or with models trained on the dataset itself; ``record.Audit``
holds the rows. What they mean is in ``docs/audit.md``.
"""
