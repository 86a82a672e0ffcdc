"""What a reader is shown of a file that came with a message."""

from tests.support.archiver.record_rows import MESSAGE, RECEIVED, SENT, row, shown

MEDIUM = {"id": "900", "mimeType": "image/jpeg", "sha256": "x", "filename": "lantaarn.jpg"}
CAME = {
    "state": "available",
    "reason": "",
    "mimeType": "image/jpeg",
    "size": 7,
    "sha256": "aa",
    "scanned": True,
}


def test_a_file_is_on_its_way_until_the_record_says_what_became_of_it() -> None:
    link = f"/v1/media/{MESSAGE}"
    [before] = shown(RECEIVED | {"medium": MEDIUM})["media"]
    assert before == {
        "id": str(MESSAGE),
        "link": link,
        "mimeType": "image/jpeg",
        "filename": "lantaarn.jpg",
        "state": "waiting",
        "reason": "",
        "size": None,
        "sha256": None,
        "scanned": False,
    }
    [there] = shown(RECEIVED | {"medium": MEDIUM}, row("media", CAME, 3))["media"]
    assert there == before | {"state": "available", "size": 7, "sha256": "aa", "scanned": True}
    found = CAME | {"state": "quarantined", "reason": "media_malware: x"}
    both = row("media", CAME, 3), row("media", found, 9)
    [last] = shown(RECEIVED | {"medium": MEDIUM}, *both)["media"]
    assert (last["state"], last["reason"]) == ("quarantined", "media_malware: x")


def test_a_message_of_ours_has_no_file_of_a_citizen() -> None:
    assert shown(SENT | {"media": str(MESSAGE)})["media"] == []
