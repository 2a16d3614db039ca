"""When a mirror copies, waits and ends, with a bucket in memory."""

import types as stdlib_types

import pytest

from attn_agents.distributed import lifecycle, mirroring
from attn_agents.runs.buckets import addresses, mirror, stores


class _Bucket:
  """Says how each copy goes; the last one goes as the one before."""

  def __init__(self, *copies):
    self.copies, self.pushed = list(copies), []
    self.committed = None

  def push(self, everything):
    self.pushed.append(everything)
    said = self.copies.pop(0) if len(self.copies) > 1 else self.copies[0]
    if isinstance(said, Exception):
      raise said
    self.committed = said


class _Stop:
  """Asked to stop from the `when`-th wait on."""

  def __init__(self, when):
    self._when, self.waits = when, []
    self.event = self

  def __call__(self):
    return len(self.waits) >= self._when

  def wait(self, seconds):
    self.waits.append(seconds)


@pytest.fixture(name='run')
def _run(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)

  def run(bucket, when, others=(), parents=(7,), over=False):
    stop, others, parents = _Stop(when), list(others), list(parents)
    directory = mirroring.run_directory.RunDirectory
    config = stdlib_types.SimpleNamespace(
      runtime=stdlib_types.SimpleNamespace(checkpoints_kept=3)
    )
    monkeypatch.setattr(directory, 'config', lambda self: config)
    for module, name, value in (
      (mirroring.stopping, 'leave_to_parent', lambda: None),
      (lifecycle, 'die_with_parent', lambda: None),
      (lifecycle, 'StopSignal', lambda: stop),
      (lifecycle, 'log_to_file', lambda logdir, name: None),
      (mirroring.os, 'read', lambda descriptor, size: b'go'),
      (
        mirroring.os, 'getppid',
        lambda: parents.pop(0) if len(parents) > 1 else parents[0],
      ),
      (stores, 'connect', lambda address: 'store'),
      (mirror, 'Mirror', lambda run, store, kept: bucket),
      (mirroring, '_others', lambda run: bool(others and others.pop(0))),
      (mirroring.time, 'sleep', stop.waits.append),
      (
        mirroring.patience, 'Patience',
        lambda seconds: stdlib_types.SimpleNamespace(is_over=lambda: over),
      ),
    ):  # fmt: skip
      monkeypatch.setattr(module, name, value)
    address = addresses.parse('--logdir', 'gs://bucket/run')
    code = mirroring._mirror(address)
    (status,) = lifecycle.read_statuses(address.directory)
    return code, (status.state, status.detail), stop.waits

  return run


def test_it_copies_until_all_have_ended_and_all_is_there(run):
  bucket = _Bucket(None, 40, 50)
  # Asked to stop at the second wait; the learner saves for one look more.
  code, said, waits = run(bucket, 2, others=[True])
  assert (code, said) == (0, ('done', 'checkpoint 50 is in gs://bucket/run'))
  assert waits == [1.0, 1.0, 0.1]
  # What is written during the last copy but one may not be in it.
  assert bucket.pushed == [False, False, False, True]


def test_without_a_checkpoint_it_says_so(run):
  code, said, _ = run(_Bucket(None), 0)
  assert (code, said) == (0, ('done', 'no checkpoint is in gs://bucket/run'))


def test_a_bucket_that_fails_is_tried_again_and_sooner_at_the_end(run, capsys):
  trouble = stores.BucketError('no network')
  bucket = _Bucket(trouble, trouble, trouble, 40)
  code, said, waits = run(bucket, 2)
  assert (code, said[0]) == (0, 'done')
  assert waits == [15.0, 15.0, 2.0]
  assert capsys.readouterr().out == 'it waits: no network\n' * 3


def test_a_run_that_another_machine_has_taken_over_is_left(run):
  code, said, _ = run(_Bucket(mirror.TakenOverError('by node7')), 9)
  assert (code, said) == (1, ('failed', 'by node7'))


@pytest.mark.parametrize(
  ('parents', 'over', 'code'), [((7, 1), True, 1), ((7, 1), False, 0),
                                ((7, 7), True, 0)],
)  # fmt: skip
def test_without_a_parent_it_does_not_wait_for_ever(run, parents, over, code):
  trouble = OSError('no network')
  bucket = _Bucket(trouble, trouble, 40)
  found, said, _ = run(bucket, 0, parents=parents, over=over)
  assert found == code
  if code:
    assert said == ('failed', 'it waits: no network')
  else:
    assert said[0] == 'done'


def test_a_parent_that_ends_before_it_says_go_leaves_nothing(
  run, tmp_path, monkeypatch
):
  monkeypatch.setattr(mirroring.os, 'read', lambda descriptor, size: b'')
  monkeypatch.setattr(mirroring.stopping, 'leave_to_parent', lambda: None)
  monkeypatch.setattr(lifecycle, 'die_with_parent', lambda: None)
  monkeypatch.setattr(lifecycle, 'StopSignal', lambda: None)
  address = addresses.parse('--logdir', 'gs://bucket/run')
  assert mirroring._mirror(address) == 1
  assert not list(tmp_path.iterdir())
