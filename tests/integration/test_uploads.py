"""Uploads over HTTP: what is taken, what is refused, and that it is the same as collecting."""

import gzip
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from backports import zstd

from builders import (
    ManualTime,
    claude_path,
    claude_prompt,
    claude_session,
    claude_turn,
    codex_session,
    grow,
    home_of,
    put,
    session_id,
)
from conftest import MakeApp
from laptops import ApiServer
from precedent import plugins
from precedent.app import App
from precedent.archive.receiving import Address, Upload
from precedent.errors import Exhausted
from precedent.settings import load

S = session_id("uploaded")
KEY = "ghp_" + "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ApiServer]]:
    found: dict[str, ApiServer] = {}
    yield found
    for each in found.values():
        each.stop()


NUMBERS = count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, servers: dict[str, ApiServer]
) -> ApiServer:
    """A process that the tests of a database share, each with persons of its own."""
    kind = request.param
    if kind not in servers:
        data = tmp_path_factory.mktemp(kind) / "data"
        url = f"sqlite:///{data / 'precedent.db'}"
        servers[kind] = ApiServer(data, url if kind == "sqlite" else request.getfixturevalue("postgres_url")()).start()
    servers[kind].share(f"-{next(NUMBERS)}")
    return servers[kind]


sqlite_only = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


@pytest.fixture
def client(server: ApiServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def path_of(native_id: str = S, *, agent: str = "claude-code") -> str:
    return f"/api/sessions/{agent}/{quote(native_id, safe='')}"


def post(client: httpx.Client, body: bytes, at: int = 0, *, to: str = "", **query: Any) -> httpx.Response:
    encoding = str(query.pop("encoding", ""))
    given = {"content-encoding": encoding} if encoding else {}
    return client.post(to or path_of(), params={"at": at, **query}, content=body, headers=given)


def taken(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    details: dict[str, Any] = answer.json()["error"]["details"]
    return details


# Growing ------------------------------------------------------------------------------------------------------------


def test_an_upload_is_archived_catalogued_and_pending_for_every_processor(
    server: ApiServer, client: httpx.Client
) -> None:
    body = claude_session(S, 3)
    answer = taken(post(client, body))
    assert (answer["offset"], answer["taken"], answer["redactions"]) == (len(body), len(body), 0)
    [row] = server.transcripts()
    assert (row["agent"], row["native_id"]) == ("claude-code", S)
    assert server.archived() == {f"ada/{S}.jsonl": body}
    pending = server.rows(
        f"SELECT processor_name FROM session_processor_state WHERE status = 'pending' AND transcript_id = {row['id']}"
    )
    names = {plugin.name for plugin in plugins.installed(plugins.PROCESSORS)}
    assert {each["processor_name"] for each in pending} == names


def test_an_append_continues_where_the_server_says(server: ApiServer, client: httpx.Client) -> None:
    first, second = claude_session(S, 2), claude_session(S, 400, first=2)
    state = taken(post(client, first))["state"]
    asked = taken(client.get(path_of()))
    assert (asked["offset"], asked["state"]) == (len(first), state)
    answer = taken(post(client, second, len(first), state=state))
    assert answer["offset"] == len(first + second) and answer["taken"] == len(second)
    [row] = server.transcripts()
    assert server.content(row) == first + second
    block = (first + second)[len(first + second) // 65536 * 65536 :]
    assert answer["digest"] == hashlib.blake2b(block, digest_size=8).hexdigest()


def test_an_unknown_session_stands_at_its_beginning(client: httpx.Client) -> None:
    assert taken(client.get(path_of())) == {"offset": 0, "digest": "", "state": "", "at_digest": ""}


def test_the_digest_before_any_place_tells_whether_a_shorter_copy_is_the_same(client: httpx.Client) -> None:
    body = claude_session(S, 100)
    taken(post(client, body))
    place = 70_000
    answer = taken(client.get(path_of(), params={"at": place}))
    assert answer["at_digest"] == hashlib.blake2b(body[65536:place], digest_size=8).hexdigest()
    assert taken(client.get(path_of(), params={"at": len(body) + 1}))["at_digest"] == ""


def test_a_torn_last_line_waits_and_the_answer_says_how_much_was_taken(server: ApiServer, client: httpx.Client) -> None:
    whole, torn = claude_session(S, 1), claude_turn(S, 1)
    answer = taken(post(client, whole + torn[:40]))
    assert (answer["offset"], answer["taken"]) == (len(whole), len(whole))
    only_torn = taken(post(client, torn[:40], len(whole)))
    assert (only_torn["offset"], only_torn["taken"]) == (len(whole), 0)
    taken(post(client, torn, len(whole)))
    assert server.archived() == {f"ada/{S}.jsonl": whole + torn}


def test_a_part_that_starts_elsewhere_is_a_conflict_that_tells_all_that_is_needed(client: httpx.Client) -> None:
    body = claude_session(S, 1)
    now = taken(post(client, body))
    for at, state in ((0, None), (len(body) - 1, None), (len(body) + 1, None), (len(body), "0-1-beef")):
        given: dict[str, Any] = {"state": state} if state else {}
        told = refused(post(client, body, at, **given), 409, "conflict")
        assert told == {name: now[name] for name in ("offset", "digest", "state")}


def test_a_repeated_part_is_not_taken_twice(server: ApiServer, client: httpx.Client) -> None:
    body = claude_session(S, 1)
    taken(post(client, body, state=""))
    refused(post(client, body, state=""), 409, "conflict")
    assert server.archived() == {f"ada/{S}.jsonl": body}


def test_of_two_uploads_of_the_same_place_one_wins_whole(server: ApiServer) -> None:
    bodies = [b"".join(claude_turn(S, each) for each in range(one, one + 40)) for one in range(0, 8 * 40, 40)]

    def send(body: bytes) -> int:
        with server.client() as client:
            return post(client, body).status_code

    with ThreadPoolExecutor(len(bodies)) as threads:
        statuses = list(threads.map(send, bodies))
    assert sorted(statuses) == [200] + [409] * (len(bodies) - 1)
    assert server.archived() == {f"ada/{S}.jsonl": bodies[statuses.index(200)]}


# Replacing ----------------------------------------------------------------------------------------------------------


def test_a_rewritten_source_is_a_new_generation_of_the_expected_state(server: ApiServer, client: httpx.Client) -> None:
    old, new = claude_session(S, 3), claude_session(S, 1) + claude_turn(S, 9)
    state = taken(post(client, old))["state"]
    refused(post(client, new, replace=1, state="0-7-beef"), 409, "conflict")
    refused(post(client, new, replace=1), 400, "bad_input")
    refused(post(client, new, 7, replace=1, state=state), 400, "bad_input")
    taken(post(client, new, replace=1, state=state))
    [row] = server.transcripts()
    assert row["generation"] == 1 and server.content(row) == new
    assert server.objects() == [f"ada/{S}~g1.jsonl"], "the old one is gone"


def test_two_devices_with_different_sessions_of_one_id_keep_both(server: ApiServer, client: httpx.Client) -> None:
    one, two = claude_session(S, 2), claude_session(S, 2, first=7)
    state = taken(post(client, one, device="one"))["state"]
    taken(post(client, two, device="two", replace=1, state=state))
    assert sorted(server.archived().values()) == sorted([one, two])
    for device, body in (("one", one), ("two", two)):
        now = taken(client.get(path_of(), params={"device": device}))
        assert now["offset"] == len(body)
        taken(post(client, claude_turn(S, 20), len(body), device=device, state=now["state"]))
    assert len(server.transcripts()) == 2


# Redaction and privacy ----------------------------------------------------------------------------------------------


def test_a_secret_that_the_client_let_through_is_scrubbed_and_growing_goes_on(
    server: ApiServer, client: httpx.Client
) -> None:
    first = claude_prompt(f"the key is {KEY}", session=S) + claude_session(S, 1)
    answer = taken(post(client, first))
    assert (answer["offset"], answer["redactions"], answer["digest"]) == (len(first), 1, "")
    more = claude_session(S, 500, first=1)
    again = taken(post(client, more, len(first), state=answer["state"]))
    assert again["offset"] == len(first + more)
    [row] = server.transcripts()
    content = server.content(row)
    assert KEY.encode() not in content and content.endswith(more) and b"[REDACTED:" in content
    assert row["redactions"] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_folder_that_the_server_keeps_private_is_refused_and_withdrawn(tmp_path: Path, database_url: str) -> None:
    server = ApiServer(tmp_path / "data", database_url).start(PRECEDENT_PRIVATE_FOLDERS='["/srv/payroll", "C:/Pay"]')
    try:
        with server.client() as client:
            refused(post(client, claude_session(S, 1, cwd="/srv/payroll/june")), 403, "private")
            refused(post(client, claude_session(S, 1, cwd="C:\\Pay\\june")), 403, "private")
            first = claude_session(S, 1)
            taken(post(client, first))
            refused(post(client, claude_turn(S, 3, cwd="/srv/payroll"), len(first)), 403, "private")
            assert server.transcripts() == [] and server.objects() == []
    finally:
        server.stop()


def test_a_person_may_withdraw_their_own(server: ApiServer, client: httpx.Client) -> None:
    taken(post(client, claude_session(S, 1)))
    assert taken(client.delete(path_of())) == {"withdrawn": True}
    assert taken(client.delete(path_of())) == {"withdrawn": False}
    assert server.transcripts() == [] and server.objects() == []
    taken(post(client, claude_session(S, 1)))


@sqlite_only
def test_a_deleted_session_is_gone_and_not_taken_again(server: ApiServer, client: httpx.Client) -> None:
    taken(post(client, claude_session(S, 1)))
    app = App(load(data_dir=server.data, database_url=server.database))
    [row] = server.transcripts()
    app.erase_session(row["session_file"], by="test")
    app.close()
    for answer in (post(client, claude_session(S, 1)), client.get(path_of()), client.delete(path_of())):
        refused(answer, 410, "gone")
    assert server.objects() == []


# Whose --------------------------------------------------------------------------------------------------------------


def test_the_owner_is_the_caller_and_no_other_persons_session_is_touched(server: ApiServer) -> None:
    mine, theirs = claude_session(S, 1), claude_session(S, 2)
    with server.client() as ada, server.client("member-bob") as bob:
        taken(post(ada, mine))
        assert taken(bob.get(path_of()))["offset"] == 0
        taken(post(bob, theirs))
        assert taken(bob.delete(path_of())) == {"withdrawn": True}
    assert server.archived() == {f"ada/{S}.jsonl": mine}


def test_no_proof_a_wrong_one_or_one_without_the_scope_uploads_nothing(server: ApiServer) -> None:
    for token, status, code in (("revoked-ada", 401, "unauthenticated"), ("reader-ada", 403, "forbidden")):
        with server.client(token) as client:
            refused(post(client, claude_session(S, 1)), status, code)
            refused(client.get(path_of()), status, code)
            refused(client.delete(path_of()), status, code)
    assert httpx.post(f"{server.url}{path_of()}?at=0", content=b"{}\n").status_code == 401
    assert server.objects() == []


HOSTILE = (
    "..", ".", "../../etc/passwd", "..\\..\\x", "/etc/passwd", "%2e%2e", "%2e%2e%2f", "a/b", "a\0b", "x" * 300,
    "é" * 200, "\u202egnp.exe", "con", "NUL.jsonl", "-rf", "~root", ".hidden", " ", "a\nb", "x;rm", "A", "a",
)  # fmt: skip


def test_no_name_leads_outside_the_archive_and_none_meets_another(server: ApiServer, client: httpx.Client) -> None:
    body = claude_session(S, 1)
    accepted = 0
    for number, name in enumerate(HOSTILE):
        raw = quote(name, safe="").replace(".", "%2E")
        answer = client.post(f"/api/sessions/claude-code/{raw}?at=0", content=body)
        assert answer.status_code in {200, 404, 405}, (name, answer.text)
        accepted += answer.status_code == 200
        query: dict[str, Any] = {"agent_id": name, "parent_id": name, "device": name[:100]}
        if len(name) <= 512:
            taken(post(client, body, to=path_of(f"sub-{number}"), **query))
    assert accepted >= 12
    root = server.data / "sessions"
    ours = root / f"ada{server.people}"
    assert len(server.objects()) == len(server.transcripts()) == accepted + len(HOSTILE)
    outside = {path for path in server.data.parent.rglob("*") if path.is_file() and not path.is_relative_to(root)}
    assert all(path.name.startswith("precedent.db") for path in outside), outside
    assert all(len(path.name.encode()) <= 255 and path.parent.parent == root for path in ours.rglob("*.jsonl"))
    refused(post(client, body, to=path_of("x" * 513)), 422, "invalid")


def test_two_agents_with_one_id_are_two_transcripts(server: ApiServer, client: httpx.Client) -> None:
    one, two = claude_session(S, 1), codex_session(S, 1)
    taken(post(client, one))
    taken(post(client, two, to=path_of(agent="codex")))
    assert sorted(server.archived().values()) == sorted([one, two])
    assert taken(client.get(path_of(agent="codex")))["offset"] == len(two)


# Bodies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "zstd"])
@sqlite_only
def test_a_body_may_be_compressed(encoding: str, server: ApiServer, client: httpx.Client) -> None:
    body = claude_session(S, 30)
    packed = gzip.compress(body) if encoding == "gzip" else zstd.compress(body) if encoding == "zstd" else body
    answer = taken(post(client, packed, encoding=encoding))
    assert answer["taken"] == len(body)
    assert server.archived() == {f"ada/{S}.jsonl": body}


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@sqlite_only
def test_a_bomb_is_stopped_and_leaves_nothing(encoding: str, server: ApiServer, client: httpx.Client) -> None:
    pack = gzip.compress if encoding == "gzip" else zstd.compress
    bomb = pack(claude_session(S, 1) + b" " * (64 << 20))
    refused(post(client, bomb, encoding=encoding), 413, "too_large")
    assert server.objects() == []


@sqlite_only
def test_a_damaged_or_cut_body_or_another_encoding_is_refused(server: ApiServer, client: httpx.Client) -> None:
    packed = gzip.compress(claude_session(S, 30))
    refused(post(client, packed[:-20], encoding="gzip"), 400, "bad_input")
    refused(post(client, b"no gzip at all", encoding="gzip"), 400, "bad_input")
    refused(post(client, b"", encoding="zstd"), 400, "bad_input")
    refused(post(client, packed, encoding="br"), 415, "unsupported_media_type")
    assert server.objects() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_body_beyond_the_limit_is_refused_whether_it_says_so_or_not(tmp_path: Path, database_url: str) -> None:
    server = ApiServer(tmp_path / "data", database_url).start(PRECEDENT_UPLOAD_MAX_MB="1")
    try:
        with server.client() as client:
            large = claude_session(S, 1500)
            assert len(large) > 1 << 20
            refused(post(client, large), 413, "too_large")
            pieces = (large[each : each + 65536] for each in range(0, len(large), 65536))
            answer = client.post(path_of(), params={"at": 0}, content=pieces)  # without a length
            refused(answer, 413, "too_large")
            refused(post(client, zstd.compress(large), encoding="zstd"), 413, "too_large")
    finally:
        server.stop()


@sqlite_only
def test_content_must_be_that_of_the_named_agent(server: ApiServer, client: httpx.Client) -> None:
    refused(post(client, codex_session(S, 1)), 415, "unsupported_media_type")
    refused(post(client, b"just some text\n"), 415, "unsupported_media_type")
    refused(post(client, b'{"a": 1}\n'), 415, "unsupported_media_type")
    refused(post(client, claude_session(S, 1), to=path_of(agent="nobody")), 404, "not_found")
    assert taken(post(client, b""))["taken"] == 0
    assert taken(post(client, b'{"type":"us'))["taken"] == 0
    assert server.objects() == []


# Quotas -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_beyond_a_days_quota_the_answer_says_when_to_come_again(tmp_path: Path, database_url: str) -> None:
    server = ApiServer(tmp_path / "data", database_url).start(PRECEDENT_UPLOADS_PER_DAY="3")
    try:
        with server.client() as ada, server.client("member-bob") as bob:
            for each in range(3):
                taken(post(ada, claude_session(S, 1), to=path_of(f"s{each}")))
            answer = post(ada, claude_session(S, 1), to=path_of("s3"))
            refused(answer, 429, "exhausted")
            assert 1 <= int(answer.headers["retry-after"]) <= 86400
            taken(post(bob, claude_session(S, 1)))
    finally:
        server.stop()


def test_bytes_count_by_utc_day_and_a_new_day_starts_anew(
    make_app: MakeApp, manual_time: ManualTime, tmp_path: Path
) -> None:
    app = make_app(upload_mb_per_day=1)
    with app.store.write() as tx:
        from precedent.archive import people

        ada = people.ensure(tx, "ada", now=app.clock.now())
    body = claude_session(S, 300)
    assert 512 << 10 < len(body) < 1 << 20
    (tmp_path / "body").write_bytes(body)

    def send(name: str) -> None:
        with (tmp_path / "body").open("rb") as file:
            app.receiver.receive(ada, Upload(Address("claude-code", name), 0, None, False, file.fileno()))

    send("one")
    with pytest.raises(Exhausted) as caught:
        send("two")
    assert 0 < caught.value.retry_after_s <= 86400
    manual_time.advance(caught.value.retry_after_s)
    send("two")
    with app.store.read() as tx:
        from precedent.store.schema import upload_day

        days = tx.execute(upload_day.select().order_by(upload_day.c.day)).all()
    assert [(day.bytes, day.uploads) for day in days] == [(len(body), 1)] * 2


# One transcript by both ways ----------------------------------------------------------------------------------------


def secretive(turns: int) -> bytes:
    return claude_prompt(f"the key is {KEY}", session=S) + claude_session(S, turns)


@pytest.mark.parametrize("content", [claude_session(S, 2), secretive(2)], ids=["plain", "with a secret"])
def test_a_collected_transcript_goes_on_by_upload_and_the_other_way_round(
    content: bytes, make_app: MakeApp, tmp_path: Path
) -> None:
    from precedent.archive import people
    from precedent.archive.redact import redact

    app = make_app()
    home = home_of(tmp_path)
    path = put(claude_path(home.path, S), content)
    app.collect([home])
    with app.store.write() as tx:
        ada = people.ensure(tx, "ada", now=app.clock.now())
    address = Address("claude-code", S, device="one")
    clean = redact(content).data
    stands = app.receiver.standing(ada, address)
    assert (stands.offset, stands.digest) == (len(clean), hashlib.blake2b(clean, digest_size=8).hexdigest())
    more = claude_turn(S, 5)
    (tmp_path / "body").write_bytes(more)
    with (tmp_path / "body").open("rb") as file:
        app.receiver.receive(ada, Upload(address, stands.offset, stands.state, False, file.fileno()))
    grow(path, more)
    grow(path, claude_turn(S, 6))
    assert app.collect([home]).files_copied == 1
    with app.store.read() as tx:
        from precedent.store.schema import transcript

        [row] = tx.execute(transcript.select()).mappings()
    whole = redact(path.read_bytes()).data
    assert app.archive.read(row["object_key"], start=0, end=row["length"]) == whole
    assert app.receiver.standing(ada, address).offset == len(whole)
    app.run_processor("usage")
    with app.store.read() as tx:
        from precedent.store.schema import usage_request

        assert len(tx.execute(usage_request.select()).all()) == 8


def test_a_collection_waits_for_an_upload_of_the_same_person_and_not_for_others(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app()
    ada, bob = home_of(tmp_path, "ada"), home_of(tmp_path, "bob")
    for home in (ada, bob):
        put(claude_path(home.path, S), claude_session(S, 1))
    app.collect([bob])
    with app.store.write() as tx:
        from precedent.archive import people

        person = people.ensure(tx, "ada", now=app.clock.now())
    with ThreadPoolExecutor(1) as threads:
        with app.archive.alone(str(person)):
            assert app.collect([bob]).users_processed == 1
            collecting = threads.submit(app.collect, [ada])
            with pytest.raises(TimeoutError):
                collecting.result(0.3)
        assert collecting.result(30).files_copied == 1
