import traceback

import pytest
import urllib3
from cvat_sdk.api_client.exceptions import ApiException
from cvat_sdk.core.exceptions import CvatSdkException

from labelloop.adapters.cvat.refusals import CvatRefusedError, server_words, translate
from labelloop.core.errors import CvatError, CvatLoginError, CvatUnreachableError

URL = "http://cvat:8080"


def raised(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> CvatError:
    answer = urllib3.HTTPResponse(body=body, status=status, headers=headers)
    with pytest.raises(CvatError) as caught, translate(URL, "reading task 9"):
        raise ApiException(http_resp=answer)
    return caught.value


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"detail": "No Task matches the given query."}', "No Task matches the given query."),
        (b'{"shapes": [{"points": ["invalid length"]}]}', "points: invalid length"),
        (b'["label_id `9` is invalid", "and more"]', "label_id `9` is invalid; and more"),
        (b'"Adding more data is not supported"', "Adding more data is not supported"),
        (b"There is no request with specified id", "There is no request with specified id"),
        (b"\n<!doctype html><html><head>\n <title>Server Error (500)</title></head></html>", "Server Error (500)"),
        (b'{"non_field_errors": ["Unable to log in."]}', "Unable to log in."),
        (b"", ""),
        (b"\xff\xfe", "��"),
    ],
)
def test_finds_the_words_in_every_shape_of_error_body(body: bytes, words: str):
    assert server_words(body) == words


def test_long_words_are_cut():
    assert len(server_words("x" * 5000)) < 350


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410])
def test_a_refusal_names_the_work_and_keeps_the_words(status: int):
    error = raised(status, b'{"detail": "because"}')
    assert isinstance(error, CvatRefusedError)
    assert error.status == status
    assert "reading task 9" in str(error)
    assert "because" in str(error)


@pytest.mark.parametrize("status", [429, 500, 502, 504])
def test_what_may_pass_is_worth_trying_again(status: int):
    error = raised(status, b"<html><title>Bad Gateway</title></html>")
    assert isinstance(error, CvatUnreachableError)
    assert URL in str(error)
    assert "Bad Gateway" in str(error)


def test_unknown_credentials_name_the_variables():
    error = raised(401, b'{"detail": "Invalid token."}')
    assert isinstance(error, CvatLoginError)
    assert "CVAT_ACCESS_TOKEN" in str(error)


def test_a_redirect_says_where_to():
    error = raised(301, headers={"Location": "https://cvat.example"})
    assert "https://cvat.example" in str(error)
    assert "CVAT_URL" in str(error)


def test_no_header_of_an_answer_is_ever_shown():
    error = raised(500, headers={"Set-Cookie": "sessionid=s3cr3t"})
    assert "s3cr3t" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "Reset")), "reset"),
        (urllib3.exceptions.ReadTimeoutError(None, "", "Read timed out."), "time limit"),  # type: ignore[arg-type]
        (urllib3.exceptions.MaxRetryError(None, "/", OSError(113, "No route to host")), "no route to host"),
    ],
)
def test_a_network_error_says_which_server_and_why(error: Exception, words: str):
    with pytest.raises(CvatUnreachableError, match=URL) as caught, translate(URL, "reading task 9"):
        raise error
    assert words in str(caught.value)


def test_errors_of_the_sdk_itself_are_ours_too():
    with pytest.raises(CvatError, match=r"reading task 9.*odd"), translate(URL, "reading task 9"):
        raise CvatSdkException("odd")


def test_other_errors_pass_unchanged():
    with pytest.raises(ZeroDivisionError), translate(URL, "counting"):
        raise ZeroDivisionError
