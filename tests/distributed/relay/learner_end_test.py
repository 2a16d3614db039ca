"""What is said of a visitor, and what becomes of one too many."""

import socket

import pytest

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import learner_end, serving


def test_a_visitor_is_named_by_its_address_while_it_has_one():
  with socket.create_server(('127.0.0.1', 0)) as server:
    caller = socket.create_connection(server.getsockname(), 5)
    visitor, _ = server.accept()
    with caller, visitor:
      assert learner_end._host(visitor) == '127.0.0.1'
  assert learner_end._host(visitor) == 'a host that is gone'


def test_a_visitor_for_whom_there_is_no_room_sees_an_error(tmp_path, capfd):
  end = learner_end.LearnerEnd(
    run_key.make_or_load(tmp_path), {}, serving.Limits(connections=0)
  )
  with (
    socket.create_server(('127.0.0.1', 0)) as server,
    socket.create_connection(server.getsockname(), 5) as caller,
  ):
    visitor, _ = server.accept()
    end.serve(visitor)
    # Not the end of a stream, which would be empty.
    with pytest.raises(ConnectionResetError):
      caller.recv(1)
  assert capfd.readouterr().out.endswith(' refused: 0 connections already\n')
