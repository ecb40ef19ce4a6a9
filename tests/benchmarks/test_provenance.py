from tellmark.benchmarks import provenance


def test_every_file_is_found_intact_and_what_is_slow_is_measured():
    rows = {row["what"]: row for row in provenance.run(files=20, jobs=2)}
    assert 0.4 < rows["read the manifest"]["file_mb"] < 2
    assert rows["verify_many, manifest only, 1 processes"]["files"] == 20
    assert all(row["seconds"] > 0 for row in rows.values())
