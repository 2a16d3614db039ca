"""What is said of a visitor."""

import socket

from attn_agents.distributed.relay import learner_end


def test_a_visitor_is_named_by_its_address_while_it_has_one():
  with socket.create_server(('127.0.0.1', 0)) as server:
    caller = socket.create_connection(server.getsockname(), 5)
    visitor, _ = server.accept()
    with caller, visitor:
      assert learner_end._host(visitor) == '127.0.0.1'
  assert learner_end._host(visitor) == 'a host that is gone'
