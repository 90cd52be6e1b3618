import json
from pathlib import Path

import pytest

from labelloop.adapters.cvat.access import CvatAccess, access_from_environment, access_from_file
from labelloop.core.errors import ConfigError, CvatLoginError

FULL = {"CVAT_URL": "http://cvat:8080/", "CVAT_USERNAME": "ann", "CVAT_PASSWORD": "hunter2"}


def test_reads_its_own_variables_and_the_organization():
    access = access_from_environment({**FULL, "CVAT_ACCESS_TOKEN": "tok"}, "team")
    assert access == CvatAccess("http://cvat:8080", "tok", "ann", "hunter2", "team")


def test_falls_back_to_the_names_of_fiftyone():
    theirs = {f"FIFTYONE_{name}": value for name, value in FULL.items()}
    assert access_from_environment(theirs) == access_from_environment(FULL)
    assert access_from_environment({**theirs, "CVAT_URL": "https://other"}).url == "https://other"


def test_a_missing_address_names_the_variable():
    with pytest.raises(ConfigError, match="CVAT_URL"):
        access_from_environment({"CVAT_ACCESS_TOKEN": "tok"})


@pytest.mark.parametrize("gone", ["CVAT_USERNAME", "CVAT_PASSWORD"])
def test_missing_credentials_name_the_variables(gone: str):
    environ = {**FULL, gone: " "}
    with pytest.raises(CvatLoginError, match=r"CVAT_ACCESS_TOKEN.*CVAT_USERNAME.*CVAT_PASSWORD") as caught:
        access_from_environment(environ)
    assert "hunter2" not in str(caught.value)


def test_shows_no_secret():
    shown = repr(CvatAccess("http://cvat", "tok-secret", "ann", "hunter2"))
    assert shown == "CvatAccess(url='http://cvat', organization='')"


@pytest.mark.parametrize(
    "url",
    ["http://ann:hunter2@cvat", "ftp://cvat", "http://", "http://ann:hunter2@", "http://[::1", "http://a:hunter2@[x"],
)
def test_refuses_what_is_no_plain_address_without_repeating_a_password(url: str):
    with pytest.raises(ConfigError) as caught:
        CvatAccess(url)
    assert "hunter2" not in str(caught.value)


def test_an_address_without_scheme_is_https():
    assert CvatAccess("app.cvat.ai").url == "https://app.cvat.ai"


def test_reads_the_file_of_the_sandbox(tmp_path: Path):
    file = tmp_path / "credentials.json"
    content = {"url": "http://127.0.0.1:1", "username": "ann", "password": "hunter2", "token": "tok"}
    file.write_text(json.dumps(content))
    assert access_from_file(file) == CvatAccess("http://127.0.0.1:1", "tok", "ann", "hunter2")


@pytest.mark.parametrize("text", ["", "[]", '{"password": "hunter2"}', '"hunter2"', "{hunter2"])
def test_a_damaged_file_is_named_and_not_repeated(tmp_path: Path, text: str):
    file = tmp_path / "credentials.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"credentials\.json") as caught:
        access_from_file(file)
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_says_how_to_start_the_sandbox(tmp_path: Path):
    with pytest.raises(ConfigError, match="labelloop up"):
        access_from_file(tmp_path / "credentials.json")
