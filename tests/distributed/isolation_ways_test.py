"""Which way to isolation is taken, with stand-ins for the system."""

import errno

import pytest

from attn_agents.distributed import isolation
from tests.distributed import open_files


@pytest.mark.parametrize(
  ('names', 'up', 'confined'),
  [
    (['lo'], ['lo'], True), (['lo'], [], True),
    (['lo', 'eth0'], ['lo', 'eth0'], False),
    # It may come up during the run.
    (['lo', 'eth0'], ['lo'], False),
    # Of the kernel's own, which nothing passes while it is down.
    (['lo', 'sit0'], ['lo'], True), (['lo', 'sit0'], ['lo', 'sit0'], False),
  ],
)  # fmt: skip
def test_a_confined_process_sees_nothing_but_loopback(
  monkeypatch, names, up, confined
):
  monkeypatch.setattr(
    isolation.socket, 'if_nameindex', lambda: list(enumerate(names))
  )
  # Beside IFF_UP, 1, there are others, as IFF_MULTICAST.
  monkeypatch.setattr(isolation, '_flags', lambda name: 0x1000 + (name in up))
  assert isolation.is_confined() is confined


def test_elsewhere_there_are_no_namespaces(monkeypatch):
  monkeypatch.setattr(isolation.sys, 'platform', 'darwin')
  assert isolation.confine_to_loopback() == isolation.Isolation(
    False, 'darwin has no network namespaces'
  )


def test_who_is_confined_stays_where_it_is(monkeypatch):
  monkeypatch.setattr(isolation, 'is_confined', lambda: True)
  monkeypatch.setattr(isolation, '_is_up', lambda name: name == 'lo')
  assert isolation.confine_to_loopback() == isolation.Isolation(
    True, 'loopback is the only interface'
  )


_WAYS = ('network namespace', 'user and network namespaces')


@pytest.mark.parametrize(
  ('refusals', 'confined', 'detail', 'entered'),
  [
    (('', ''), True, _WAYS[0], [0x40000000]),
    (('no', ''), True, _WAYS[1], [0x50000000]),
    (('no', 'nor'), False, f'{_WAYS[0]}: no; {_WAYS[1]}: nor', []),
  ],
)
def test_the_way_that_needs_least_is_taken(
  monkeypatch, refusals, confined, detail, entered
):
  did, left = [], list(refusals)
  monkeypatch.setattr(isolation, 'is_confined', lambda: False)
  monkeypatch.setattr(isolation.os, 'listdir', lambda path: ['1'])
  monkeypatch.setattr(isolation, '_try_in_child', lambda flags: left.pop(0))
  monkeypatch.setattr(isolation, '_enter', did.append)
  assert isolation.confine_to_loopback() == isolation.Isolation(
    confined, detail
  )
  assert did == entered


def test_a_namespace_that_cannot_be_entered_is_left_closed():
  # Into its own user namespace no process may move; some may not move at all.
  path = '/proc/self/ns/user'
  with open_files.none_left():
    with pytest.raises(OSError, match=r'setns refused: ') as caught:
      isolation._set_namespace(path)
    assert caught.value.errno in (errno.EINVAL, errno.EPERM)
    assert caught.value.filename == path
