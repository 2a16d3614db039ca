"""How a role's process begins and ends, without one."""

import pytest

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import base, learner


class _LeftError(Exception):
  """In place of the end of the process."""


class _Role(base.Role):
  name = 'evaluator'

  def __init__(self, place, error=None, log='', shared=''):
    super().__init__(place, 3)
    self.log_name, self.shared_log = log, shared
    self._error, self.seen = error, []

  def work(self, status, stop):
    self.seen.append(next(lifecycle.read_statuses(self.place.logdir)).state)
    assert not stop()
    if self._error is not None:
      raise self._error
    status.set('stopped')


@pytest.mark.parametrize(
  ('error', 'code', 'state', 'detail'),
  [
    (None, 0, 'stopped', ''),
    (KeyError('x'), 1, 'failed', "KeyError: 'x'"),
    (SystemExit(3), 1, 'failed', 'SystemExit: 3'),
  ],
)
@pytest.mark.parametrize(
  ('log', 'shared', 'named'),
  [('', '', 'evaluator-3'), ('actor', '', 'actor-3'), ('', 'all', 'all')],
)
def test_a_role_leaves_a_final_status_and_a_code(
  tmp_path, monkeypatch, capsys, error, code, state, detail, log, shared, named
):
  done = []

  def leave(code):
    done.append(code)
    raise _LeftError

  monkeypatch.setattr(base.os, '_exit', leave)
  monkeypatch.setattr(lifecycle, 'die_with_parent', lambda: done.append('tied'))
  monkeypatch.setattr(
    lifecycle, 'log_to_file', lambda logdir, name: done.append((logdir, name))
  )
  monkeypatch.setattr(lifecycle, 'StopSignal', lambda: lambda: False)
  place = topology.Topology(str(tmp_path), '', '', (0,), 1)
  role = _Role(place, error, log, shared)
  with pytest.raises(_LeftError):
    role.run()
  assert done == ['tied', (str(tmp_path), named), code]
  assert role.seen == ['starting']
  (status,) = lifecycle.read_statuses(tmp_path)
  assert (status.name, status.state) == ('evaluator-3', state)
  assert (status.detail, status.shared_log) == (detail, shared)
  # The log says where it went wrong.
  assert ('Traceback' in capsys.readouterr().err) == (error is not None)


def test_what_there_is_once_is_the_first(tmp_path):
  place = topology.Topology(str(tmp_path), '', '', (0,), 1)
  assert learner.LearnerRole(place).index == 0
