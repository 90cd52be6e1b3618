import pytest

from labelloop.sandbox.amending import amendment

CAT, DOG = 1, 2
BOX, NEAR, MOVED, FAR = (10, 10, 50, 40), (11, 10, 50, 40), (20, 10, 60, 40), (200, 200, 240, 230)


def there(number, label=CAT, points=BOX, **more):
    base = {"id": number, "type": "rectangle", "frame": 0, "label_id": label, "points": list(points), "rotation": 0.0}
    return {**base, "source": "auto", "attributes": [{"spec_id": 7, "value": "0.9"}], **more}


def wanted(label=CAT, points=BOX, frame=0):
    return {"type": "rectangle", "frame": frame, "label_id": label, "points": list(points)}


def ids(shapes):
    return [shape["id"] for shape in shapes]


@pytest.mark.parametrize(
    ("drawn", "answers", "created", "updated", "deleted"),
    [
        ([there(1)], [wanted()], 0, [], []),
        ([there(1, points=NEAR)], [wanted()], 0, [], []),
        ([there(1, points=MOVED)], [wanted()], 0, [1], []),
        ([there(1, DOG)], [wanted()], 0, [1], []),
        ([there(1, points=FAR)], [wanted()], 1, [], [1]),
        ([there(1)], [], 0, [], [1]),
        ([], [wanted()], 1, [], []),
        ([there(1, rotation=30.0)], [wanted()], 1, [], [1]),
        ([there(1, type="polygon", points=(0, 0, 9, 0, 9, 9))], [wanted()], 1, [], [1]),
        ([there(1, frame=1)], [wanted()], 1, [], [1]),
        ([there(1, DOG), there(2)], [wanted(), wanted(DOG)], 0, [], []),
        ([there(1), there(2, points=NEAR)], [wanted()], 0, [], [2]),
        ([there(1, DOG), there(2, points=MOVED)], [wanted()], 0, [2], [1]),
    ],
    ids=[
        "right", "right by and large", "beside it", "another class", "far off", "nothing there", "missing", "turned",
        "a polygon", "on another image", "two in one place", "drawn twice", "the right class goes first",
    ],
)  # fmt: skip
def test_annotators_keep_what_is_right_and_mend_the_rest(drawn, answers, created, updated, deleted):
    found = amendment(drawn, answers)
    assert (len(found.create), ids(found.update), ids(found.delete)) == (created, updated, deleted)


def test_a_corrected_box_says_so_as_in_the_editor_of_cvat():
    (moved,) = amendment([there(1, points=MOVED)], [wanted()]).update
    assert (moved["points"], moved["source"]) == (list(BOX), "semi-auto")
    assert moved["attributes"] == [{"spec_id": 7, "value": "0.9"}]
    (renamed,) = amendment([there(1, DOG)], [wanted()]).update
    assert (renamed["label_id"], renamed["attributes"]) == (CAT, [])  # those of the other class mean nothing here
    (by_hand,) = amendment([there(1, DOG, source="manual")], [wanted()]).update
    assert by_hand["source"] == "manual"
