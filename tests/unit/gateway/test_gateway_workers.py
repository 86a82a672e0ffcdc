"""Workers: where each is to be asked how it does, and a port that cannot be shared."""

import socket

import pytest

from gateway.process_supervisor import must_be_free, operations_port


def test_each_worker_has_an_operations_port_of_its_own_and_the_first_the_known_one() -> None:
    assert [operations_port(9080, worker) for worker in range(3)] == [9080, 9180, 9280]
    assert operations_port(0, 3) == 0, "a free one"


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_somebody_listens_on_is_an_error(shared: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=shared) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            must_be_free("127.0.0.1", port)
    must_be_free("127.0.0.1", port)


def test_workers_cannot_share_a_free_port_of_each() -> None:
    with pytest.raises(OSError, match="share"):
        must_be_free("127.0.0.1", 0)
