import signal

import pytest

from attn_agents.utils import stopping


@pytest.mark.parametrize(
  ('code', 'stopped'),
  [
    (75, True), (130, True), (143, True), (129, True), (138, True),
    (-signal.SIGTERM, True), (-signal.SIGINT, True), (-signal.SIGHUP, True),
    (0, False), (1, False), (2, False), (-signal.SIGKILL, False), (137, False),
    (-signal.SIGSEGV, False),
  ],
)  # fmt: skip
def test_a_stop_is_told_from_a_failure(code, stopped):
  assert stopping.ended_by_request(code) == stopped


@pytest.mark.usefixtures('restored_handlers')
@pytest.mark.parametrize('number', [signal.SIGHUP, signal.SIGUSR1])
def test_what_is_ignored_at_the_start_stays_ignored(number):
  signal.signal(number, signal.SIG_IGN)
  heard = stopping.Requests()
  heard.listen()
  signal.raise_signal(number)
  assert heard.first == 0
  signal.raise_signal(signal.SIGTERM)
  signal.raise_signal(signal.SIGINT)
  assert heard.first == signal.SIGTERM
