import io
import zipfile

import pytest

from labelloop.sandbox.server import media
from labelloop_tests.sandbox.server.world import Api, encoded


@pytest.fixture
def task(make_task) -> int:
    return make_task()


@pytest.fixture
def job(api: Api, task: int) -> dict:
    """The job of frames 2 and 3."""
    return api.get(f"/api/jobs?task_id={task}").json()["results"][1]


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_chunk_of_a_task_holds_the_originals_by_their_place_in_it(api: Api, task: int) -> None:
    reply = api.get(f"/api/tasks/{task}/data?type=chunk&quality=original&number=0")
    assert _members(reply.content) == {f"{n:06d}.jpg": encoded(red=n * 20) for n in range(5)}
    assert reply.headers["X-Updated-Date"]
    small = api.get(f"/api/tasks/{task}/data?type=chunk&quality=compressed&number=0").content
    assert list(_members(small)) == [f"{n:06d}.jpeg" for n in range(5)]


@pytest.mark.parametrize("name", ["index", "number"])
def test_a_chunk_of_a_job_counts_inside_the_job(api: Api, job: dict, name: str) -> None:
    content = api.get(f"/api/jobs/{job['id']}/data?type=chunk&quality=original&{name}=0").content
    assert _members(content) == {"000000.jpg": encoded(red=40), "000001.jpg": encoded(red=60)}


def test_frames_of_a_job_are_numbered_as_in_the_task(api: Api, job: dict) -> None:
    path = f"/api/jobs/{job['id']}/data?type=frame&quality=original"
    assert api.get(f"{path}&number=2").content == encoded(red=40)
    refused = api.get(f"{path}&number=0")
    assert (refused.status_code, refused.json()) == (400, "Incorrect requested frame number: 0")


def test_a_frame_beyond_the_last_is_refused_with_the_size_in_the_range(api: Api, task: int) -> None:
    refused = api.get(f"/api/tasks/{task}/data?type=frame&quality=original&number=999")
    expected = "Invalid frame '999'. The frame number should be in the [0, 5] range"
    assert (refused.status_code, refused.json()) == (400, expected)


@pytest.mark.parametrize("query", ["", "type=film&number=0", "type=frame", "type=frame&number=0&quality=best"])
def test_a_question_for_nothing_sensible_is_refused(api: Api, task: int, query: str) -> None:
    assert api.get(f"/api/tasks/{task}/data?{query}").status_code == 400


def test_the_meta_of_a_job_is_its_part(api: Api, job: dict) -> None:
    meta = api.get(f"/api/jobs/{job['id']}/data/meta").json()
    assert (meta["start_frame"], meta["stop_frame"], meta["size"]) == (2, 3, 2)
    assert [frame["name"] for frame in meta["frames"]] == ["2.jpg", "3.jpg"]


def test_deleted_frames_are_marked_and_still_served(api: Api, task: int, job: dict) -> None:
    path = f"/api/tasks/{task}/data/meta"
    meta = api.call("PATCH", path, json={"deleted_frames": [3, 0, 77]}).json()
    assert (meta["deleted_frames"], meta["size"], len(meta["frames"])) == ([0, 3], 5, 5)
    assert api.get(f"/api/tasks/{task}/data?type=frame&quality=original&number=3").content == encoded(red=60)
    assert api.call("PATCH", f"/api/jobs/{job['id']}/data/meta", json={"deleted_frames": [2]}).json()[
        "deleted_frames"
    ] == [2]
    assert api.get(path).json()["deleted_frames"] == [0, 2]
    assert api.call("PATCH", path, json={"deleted_frames": []}).json()["deleted_frames"] == []


@pytest.mark.parametrize(("size", "expected"), [((640, 480), 72), ((2400, 1800), 17), ((9000, 9000), 2)])
def test_large_pictures_come_in_smaller_chunks(size: tuple[int, int], expected: int) -> None:
    assert media.chunk_size(*size) == expected


def test_the_size_of_a_tasks_chunks_is_in_its_answer(api: Api, task: int) -> None:
    assert api.get(f"/api/tasks/{task}").json()["data_chunk_size"] == 72
