"""Synchronous batches: one unroll of every actor, all of one version."""

from collections.abc import Iterable, Iterator, Sequence

from attn_agents import types


def group(
  reads: Iterable[Sequence[types.Trajectory]], num_actors: int
) -> Iterator[list[types.Trajectory]]:
  """Groups trajectories by the version of the parameters that made them.

  In a run without faults this only orders them. An actor that was started again
  may send a second unroll of the same version, or one of a version that the
  learner has passed; both are dropped.

  Args:
    reads: trajectories in order of arrival, in lists of any length.
    num_actors: unrolls in a batch.

  Yields:
    `num_actors` trajectories of one version, sorted by `actor_id`, so that a
    batch does not depend on their order of arrival.
  """
  done = -1
  arrived: dict[int, types.Trajectory] = {}
  for trajectory in (item for read in reads for item in read):
    version = int(trajectory.report.params_version)
    if version <= done:
      continue
    arrived.setdefault(int(trajectory.report.actor_id), trajectory)
    if len(arrived) == num_actors:
      done = version
      yield [arrived[actor_id] for actor_id in sorted(arrived)]
      arrived = {}
