import base64
import io
import zipfile

import pytest
from PIL import Image

from labelloop_tests.sandbox.server.world import Api, encoded

NAMES = ["B.jpg", "a.jpg", "img10.jpg", "img2.jpg"]


def test_the_default_order_is_lexicographical_and_not_that_of_the_upload(api: Api) -> None:
    task_id = api.new_task()
    assert api.upload(task_id, {name: encoded() for name in reversed(NAMES)})["status"] == "finished"
    assert api.names(task_id) == NAMES


@pytest.mark.parametrize(("options", "expected"), [
    ({"sorting_method": "predefined", "upload_file_order": ["img10.jpg", "img2.jpg", "B.jpg", "a.jpg"]},
     ["img10.jpg", "img2.jpg", "B.jpg", "a.jpg"]),
    ({"sorting_method": "predefined"}, NAMES),
    ({"sorting_method": "natural"}, ["B.jpg", "a.jpg", "img2.jpg", "img10.jpg"]),
    ({"frame_filter": "step=2"}, ["B.jpg", "img10.jpg"]),
    ({"start_frame": 1, "stop_frame": 2}, ["a.jpg", "img10.jpg"]),
])  # fmt: skip
def test_the_order_is_the_one_that_was_asked_for(api: Api, options: dict, expected: list[str]) -> None:
    task_id = api.new_task()
    assert api.upload(task_id, {name: encoded() for name in NAMES}, **options)["status"] == "finished"
    assert api.names(task_id) == expected


def test_with_a_step_the_numbers_of_the_source_are_in_meta_and_frames_count_from_zero(api: Api) -> None:
    task_id = api.new_task()
    api.upload(task_id, {f"{n}.jpg": encoded(red=n * 20) for n in range(8)}, start_frame=1, frame_filter="step=2")
    meta = api.get(f"/api/tasks/{task_id}/data/meta").json()
    assert (meta["start_frame"], meta["stop_frame"], meta["size"]) == (1, 7, 4)
    frame = api.get(f"/api/tasks/{task_id}/data?type=frame&quality=original&number=1").content
    assert frame == encoded(red=60)


def test_one_bad_picture_fails_the_whole_task_for_good(api: Api) -> None:
    task_id = api.new_task()
    cut = encoded(size=(400, 300))[:-900]
    failed = api.upload(task_id, {"ok.jpg": encoded(), "bad.jpg": b"\xff\xd8\xff\xe0broken", "cut.jpg": cut})
    assert (failed["status"], failed["message"]) == ("failed", "OSError: Truncated File Read\n")
    task = api.get(f"/api/tasks/{task_id}").json()
    assert (task["size"], task["jobs"]["count"]) == (0, 0)
    assert api.get(f"/api/tasks/{task_id}/annotations").json()["shapes"] == []
    assert api.upload(task_id, {"another.jpg": encoded()})["status"] == "failed"


def test_a_picture_that_ends_early_is_bad(api: Api) -> None:
    failed = api.upload(api.new_task(), {"cut.jpg": encoded(size=(400, 300))[:-900]})
    assert failed["status"] == "failed"
    assert "truncated" in failed["message"]


def test_a_failed_creation_is_remembered_for_a_year_and_a_finished_one_for_minutes(api: Api) -> None:
    finished = api.upload(api.new_task(), {"a.jpg": encoded()})
    failed = api.upload(api.new_task(), {"a.jpg": b"no"})
    assert int(failed["expiry_date"][:4]) == int(failed["finished_date"][:4]) + 1
    assert finished["expiry_date"][:10] <= max(finished["finished_date"][:10], failed["finished_date"][:10])


def test_other_files_are_passed_over_and_alone_they_fail(api: Api) -> None:
    task_id = api.new_task()
    api.upload(task_id, {"a.jpg": encoded(), "notes.txt": b"hello"})
    assert api.names(task_id) == ["a.jpg"]
    failed = api.upload(api.new_task(), {"notes.txt": b"hello"})
    assert failed["message"] == "ValueError: No media data found\n"


def test_only_base_names_survive_and_odd_ones_are_kept_as_they_are(api: Api) -> None:
    task_id = api.new_task()
    odd = ["sp ace ünï.jpg", "&#?'%.jpg", "<b>x.jpg", "a..jpg"]
    api.upload(task_id, {"sub/dir/x.jpg": encoded(), **{name: encoded() for name in odd}})
    assert sorted(api.names(task_id)) == sorted([*odd, "x.jpg"])


def test_two_files_of_one_base_name_are_a_500_and_nothing_is_kept(api: Api) -> None:
    task_id = api.new_task()
    assert api.send(task_id, [("d1/x.jpg", encoded()), ("d2/x.jpg", encoded())]).status_code == 500
    assert api.finish(task_id)["message"] == "ValueError: No media data found\n"


def test_sending_a_file_again_is_a_500_and_the_first_copy_stays(api: Api) -> None:
    task_id = api.new_task()
    assert api.send(task_id, {"x.jpg": encoded(red=1)}).status_code == 200
    assert api.send(task_id, {"x.jpg": encoded(red=200)}).status_code == 500
    assert api.finish(task_id)["status"] == "finished"
    assert api.get(f"/api/tasks/{task_id}/data?type=frame&quality=original&number=0").content == encoded(red=1)


def test_a_second_upload_is_refused(api: Api) -> None:
    task_id = api.new_task()
    api.upload(task_id, {"x.jpg": encoded()})
    for step in ("Upload-Start", "Upload-Multiple", "Upload-Finish"):
        refused = api.call("POST", f"/api/tasks/{task_id}/data", headers={step: ""}, json={"image_quality": 70})
        assert (refused.status_code, refused.json()) == (400, "Adding more data is not supported")


def test_everything_in_one_form_works_as_older_clients_send_it(api: Api) -> None:
    task_id = api.new_task(segment_size=1)
    files = [(f"client_files[{n}]", (name, encoded(), "text/plain")) for n, name in enumerate(["b.jpg", "a.jpg"])]
    data = {"image_quality": 75, "sorting_method": "predefined"}
    rq_id = api.call("POST", f"/api/tasks/{task_id}/data", files=files, data=data).json()["rq_id"]
    assert api.wait(rq_id)["status"] == "finished"
    assert api.names(task_id) == ["b.jpg", "a.jpg"]


def test_folders_survive_inside_a_zip(api: Api) -> None:
    task_id = api.new_task()
    assert api.upload(task_id, {"pictures.zip": _zip("k1/x.jpg", "k2/x.jpg", "k1/notes.txt")})["status"] == "finished"
    assert api.names(task_id) == ["k1/x.jpg", "k2/x.jpg"]


@pytest.mark.parametrize("member", ["../../evil.jpg", "/etc/evil.jpg"])
def test_a_zip_that_climbs_out_of_itself_is_refused(api: Api, member: str) -> None:
    assert api.upload(api.new_task(), {"pictures.zip": _zip(member)})["status"] == "failed"


def test_tus_goes_on_where_it_stopped(api: Api) -> None:
    task_id, content = api.new_task(), encoded()
    reply = _tus(api, task_id, "y.jpg", len(content))
    path = reply.headers["Location"].removeprefix(api.url)
    assert (reply.status_code, reply.headers["Upload-Filename"]) == (201, "y.jpg")
    assert _piece(api, path, 0, content[:100]) == (204, "100")
    assert api.call("HEAD", path).headers["Upload-Offset"] == "100"
    assert _piece(api, path, 50, content[50:]) == (409, None)
    assert _piece(api, path, 100, content[100:]) == (204, str(len(content)))
    again = _tus(api, task_id, "y.jpg", len(content))
    assert (again.status_code, again.json()) == (409, "File with same name already exists")
    assert api.finish(task_id)["status"] == "finished"
    assert api.get(f"/api/tasks/{task_id}/data?type=frame&quality=original&number=0").content == content


@pytest.mark.parametrize("name", ["../evil.jpg", "/etc/evil.jpg", "a\r\nSet-Cookie: x.jpg"])
def test_a_tus_name_that_climbs_out_or_breaks_a_header_is_refused(api: Api, name: str) -> None:
    refused = _tus(api, api.new_task(), name, 5)
    assert (refused.status_code, refused.text) == (400, f'"File name {name} is not allowed"')


def test_a_tus_name_with_a_folder_fails_at_the_first_piece_as_in_cvat(api: Api) -> None:
    reply = _tus(api, api.new_task(), "k1/x.jpg", 5)
    assert reply.status_code == 201
    assert _piece(api, reply.headers["Location"].removeprefix(api.url), 0, b"12345")[0] == 500


def test_a_tus_name_in_any_script_is_kept(api: Api) -> None:
    task_id, content = api.new_task(), encoded()
    path = _tus(api, task_id, "ünï 図.jpg", len(content)).headers["Location"].removeprefix(api.url)
    assert _piece(api, path, 0, content)[0] == 204
    assert api.finish(task_id)["status"] == "finished"
    assert api.names(task_id) == ["ünï 図.jpg"]


@pytest.mark.parametrize(("segment_size", "ranges"), [
    (2, [(0, 1), (2, 3), (4, 4)]), (0, [(0, 4)]), (99, [(0, 4)]), (5, [(0, 4)]),
])  # fmt: skip
def test_a_task_is_cut_into_jobs(api: Api, segment_size: int, ranges: list[tuple[int, int]]) -> None:
    task_id = api.new_task(segment_size=segment_size)
    api.upload(task_id, {f"{n}.jpg": encoded() for n in range(5)})
    jobs = api.get(f"/api/jobs?task_id={task_id}").json()["results"]
    assert [(job["start_frame"], job["stop_frame"]) for job in reversed(jobs)] == ranges
    assert api.get(f"/api/tasks/{task_id}").json()["segment_size"] == min(segment_size or 5, 5)


@pytest.mark.parametrize(("name", "content", "kind"), [
    ("a.jpg", encoded("JPEG"), "image/jpeg"), ("a.png", encoded("PNG"), "image/png"),
    ("a.webp", encoded("WEBP"), "image/x-webp"), ("a.bmp", encoded("BMP"), "image/bmp"),
    ("a.gif", encoded("GIF"), "image/gif"),
])  # fmt: skip
def test_an_original_frame_is_served_byte_for_byte(api: Api, name: str, content: bytes, kind: str) -> None:
    task_id = api.new_task()
    api.upload(task_id, {name: content})
    reply = api.get(f"/api/tasks/{task_id}/data?type=frame&quality=original&number=0")
    assert reply.content == content
    assert reply.headers["Content-Type"] == kind
    smaller = api.get(f"/api/tasks/{task_id}/data?type=frame&quality=compressed&number=0")
    assert Image.open(io.BytesIO(smaller.content)).format == "JPEG"


def test_a_picture_on_its_side_is_turned_upright(api: Api) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    task_id = api.new_task()
    api.upload(task_id, {"side.jpg": encoded(size=(40, 20), exif=exif)})
    frame = api.get(f"/api/tasks/{task_id}/data/meta").json()["frames"][0]
    assert (frame["width"], frame["height"]) == (20, 40)
    served = Image.open(io.BytesIO(api.get(f"/api/tasks/{task_id}/data?type=frame&quality=original&number=0").content))
    assert (served.size, served.getexif().get(0x0112, 1)) == ((20, 40), 1)


@pytest.mark.parametrize("mode", ["L", "CMYK", "I;16", "RGBA", "P", "1"])
def test_every_kind_of_pixel_has_a_compressed_version(api: Api, mode: str) -> None:
    buffer, task_id = io.BytesIO(), api.new_task()
    Image.new(mode, (20, 10)).save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    api.upload(task_id, {f"a.{'tif' if mode == 'CMYK' else 'png'}": buffer.getvalue()})
    for path in ("data?type=frame&quality=compressed&number=0", "preview"):
        assert Image.open(io.BytesIO(api.get(f"/api/tasks/{task_id}/{path}").content)).size == (20, 10)


def _zip(*members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            archive.writestr(member, encoded())
    return buffer.getvalue()


def _tus(api: Api, task_id: int, name: str, length: int):
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(length), "Upload-Metadata": metadata}
    return api.call("POST", f"/api/tasks/{task_id}/data/", headers=headers)


def _piece(api: Api, path: str, offset: int, content: bytes) -> tuple[int, str | None]:
    headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    reply = api.call("PATCH", path, headers=headers, data=content)
    return reply.status_code, reply.headers.get("Upload-Offset")
