from tellmark.benchmarks import provenance


def test_checking_a_manifest_takes_milliseconds():
    rows = {row["what"]: row for row in provenance.run(files=20, jobs=2)}
    assert rows["read the manifest"]["seconds"] < 0.05
    assert 0.4 < rows["read the manifest"]["file_mb"] < 2
    assert rows["verify_many, manifest only, 1 processes"]["files_a_minute"] > 1000
