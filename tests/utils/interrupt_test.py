"""A Ctrl-C that C code swallows is raised again."""

import contextlib
import signal

import pytest

from attn_agents.utils import interrupt


@pytest.fixture(autouse=True)
def _restore():
  # A shell's background jobs, of which this may be one, ignore it.
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


def test_nothing_is_raised_unasked():
  heard = interrupt.Interrupt()
  heard.listen()
  heard.check()


def test_a_swallowed_one_is_raised_by_the_next_check():
  heard = interrupt.Interrupt()
  heard.listen()
  with contextlib.suppress(KeyboardInterrupt):
    signal.raise_signal(signal.SIGINT)
  with pytest.raises(KeyboardInterrupt):
    heard.check()


def test_it_is_raised_at_once():
  heard = interrupt.Interrupt()
  heard.listen()
  with pytest.raises(KeyboardInterrupt):
    signal.raise_signal(signal.SIGINT)


def test_a_background_job_goes_on():
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  heard = interrupt.Interrupt()
  heard.listen()
  signal.raise_signal(signal.SIGINT)
  heard.check()
