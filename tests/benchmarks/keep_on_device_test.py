"""What is timed on an accelerator is the path that runs take there."""

import jax
import numpy as np
import pytest

from attn_agents import experiment
from benchmarks import acting, data_hops, queues
from tests import in_process

_KINDS = [('cpu', np.ndarray), ('gpu', jax.Array)]


def _config():
  return in_process.catch_config(
    'learning.batch_size=4',
    'learning.num_minibatches=4',
    'runtime.envs_per_actor=2',
    'learning.unroll_length=3',
    agent='impala_shallow',
  )


def _observation(trajectory):
  return trajectory.unroll.timestep.observation


@pytest.mark.parametrize(('backend', 'kind'), _KINDS)
def test_unrolls_of_the_hops_stay_where_the_runs_do(monkeypatch, backend, kind):
  monkeypatch.setattr(jax, 'default_backend', lambda: backend)
  hops = data_hops.Hops(_config(), seconds=0.0)
  assert isinstance(_observation(hops._trajectory), kind)
  sent = []

  def make(keep_on_device, spec, capacity, items):
    both = queues._in_memory(spec, capacity, items)
    insert = both.writer.insert
    both.writer.insert = lambda x: sent.append(x) or insert(x)
    return both._replace(keep_on_device=keep_on_device)

  # As Reverb's, whose actors are processes of their own; then as in memory.
  for keep_on_device in (False, queues.keep_on_device()):
    sent.clear()
    for hop in (hops.queue, hops.whole):
      hop(lambda *args, keep=keep_on_device: make(keep, *args))()
    kinds = {isinstance(_observation(x), jax.Array) for x in sent}
    assert kinds == {keep_on_device}


@pytest.mark.parametrize(('backend', 'kind'), _KINDS)
def test_the_timed_actor_keeps_its_unrolls_there(monkeypatch, backend, kind):
  kept = []

  class Actor:
    def run_unroll(self):
      pass

  def make_actor(self, *args, keep_on_device=False):
    kept.append(keep_on_device)
    return Actor()

  monkeypatch.setattr(jax, 'default_backend', lambda: backend)
  monkeypatch.setattr(experiment.Experiment, 'make_actor', make_actor)
  acting.make_actor(_config(), seconds=0.0)
  assert kept == [kind is jax.Array]
