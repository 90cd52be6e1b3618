import json
import socket

import pytest

from labelloop.adapters import ports
from labelloop.adapters.files.home import Home
from labelloop.core.errors import LabelloopError


@pytest.fixture
def home(tmp_path):
    return Home.of(tmp_path / "labelloop.yaml", environ={})


def listening(port):
    return socket.create_server(("127.0.0.1", port))


def test_a_port_is_chosen_once_and_stays_also_when_it_is_taken_for_a_while(home):
    port = ports.kept_port(home, "app")
    assert port in ports.PORTS
    with listening(port):
        assert ports.kept_port(home, "app") == port
    assert json.loads((home.root / "ports.json").read_text()) == {"app": port}


def test_servers_of_a_home_and_homes_of_a_machine_have_ports_of_their_own(home, tmp_path):
    other = Home.of(tmp_path / "second" / "labelloop.yaml", environ={})
    found = [ports.kept_port(one, name) for one in (home, other) for name in ("app", "webserver", "sandbox")]
    assert len(set(found)) == len(found)


def test_a_port_that_somebody_has_is_passed_over(home, monkeypatch):
    monkeypatch.setattr(ports, "PORTS", range(31_000, 31_040))
    taken = ports.kept_port(home, "app")
    (home.root / "ports.json").unlink()
    with listening(taken):
        assert not ports.is_free(taken)
        assert ports.kept_port(home, "app") != taken


def test_what_a_person_chose_stays(home):
    ports.kept_port(home, "app")
    ports.keep_port(home, "webserver", 3000)
    assert ports.kept_port(home, "webserver") == 3000


def test_a_damaged_record_is_refused_and_not_replaced_by_other_ports(home):
    ports.kept_port(home, "app")
    (home.root / "ports.json").write_text("{")
    with pytest.raises(LabelloopError, match=r"ports\.json cannot be read"):
        ports.kept_port(home, "app")
    assert (home.root / "ports.json").read_text() == "{"
