"""`python -m attn_agents.population.turn --root=... --member=...`.

Ends a member's generation: it decides, if it has not, and its run gets the
outcome, as a checkpoint that the run goes on from. A process of its own, since
it needs JAX. Killed at any point, it can be run again.
"""

import argparse
import dataclasses
import pathlib
import sys
import time
from collections.abc import Mapping

import numpy as np

from attn_agents import experiment
from attn_agents.learning import train_state
from attn_agents.population import decisions, members
from attn_agents.population import history as history_lib
from attn_agents.runs import checkpoints, run_directory, snapshots
from attn_agents.utils import output
from configs import errors


def take(root: pathlib.Path, member: int) -> decisions.Entry | None:
  """Ends a member's generation, if it has come to its end.

  Args:
    root: of the population.
    member: whose run does not run at this moment.

  Returns:
    What was decided, None if the generation goes on.

  Raises:
    ConfigError: another process uses its run; or files are damaged.
    StorageError: something cannot be written.
  """
  history = history_lib.History(root)
  population = history.population()
  run = members.run_of(root, member)
  run.lock()
  entry = members.pending(root, history.record(), member)
  if entry is None:
    with history.lock():
      record = history.record()
      generation = record.generation(member)
      frames, step = _progress(run)
      end = population.end_of(generation)
      if frames < end or end >= population.max_frames:
        return None
      members.donate(root, member, generation)
      entry = decisions.decide(
        population,
        record,
        member,
        frames,
        step,
        members.fitness_of(run, population.game),
        time.time(),
      )
      history.append(entry)
  _apply(root, entry)
  with history.lock():
    members.discard_donors(root, history.record(), population.size)
  return entry


def _progress(run: run_directory.RunDirectory) -> tuple[int, int]:
  """Emulator frames and learner step of a run's newest checkpoint."""
  checkpointer = checkpoints.Checkpointer(run.checkpoints)
  try:
    step = checkpointer.newest()
    return (
      (0, 0) if step is None else (checkpointer.counters(step).frames, step)
    )
  finally:
    checkpointer.close()


def _apply(root: pathlib.Path, entry: decisions.Entry) -> None:
  """Writes the checkpoint that a member goes on from."""
  run = members.run_of(root, entry.member)
  config = run.config()
  template = experiment.Experiment(config).state_spec()
  run.remove_unfinished()
  # Whatever saves removes older ones.
  kept = config.runtime.checkpoints_kept
  checkpointer = checkpoints.Checkpointer(run.checkpoints, kept)
  try:
    own = checkpointer.restore(template)
    source = own
    if entry.parent is not None and entry.parent_generation is not None:
      place = members.donor_directory(
        root, entry.parent, entry.parent_generation
      )
      donor = checkpoints.Checkpointer(place)
      try:
        source = donor.restore(template)
      finally:
        donor.close()
    checkpointer.save(adopted(own, source, entry.hyperparameters))
  finally:
    checkpointer.close()


def adopted(
  own: snapshots.Snapshot,
  source: snapshots.Snapshot,
  hyperparameters: Mapping[str, float],
) -> snapshots.Snapshot:
  """What a member goes on from.

  Weights, optimiser and the last returns, which are of these weights, are the
  source's. What was trained is the member's own. Checkpoints are named by
  learner step, so that the exchange counts as one.

  Args:
    own: the member's newest checkpoint.
    source: that of the member it copies, or `own`.
    hyperparameters: to train with, by name.
  """
  step = own.counters.learner_steps + 1
  state = source.state._replace(
    hyperparams=train_state.Hyperparameters(
      **{name: np.float32(x) for name, x in hyperparameters.items()}
    ),
    agent_steps=own.state.agent_steps,
    learner_steps=np.int32(step),
  )
  return dataclasses.replace(
    source,
    state=state,
    counters=dataclasses.replace(own.counters, learner_steps=step),
  )


def main() -> int:
  """Takes the turn; says what was decided, in one line."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--root', type=pathlib.Path, required=True)
  parser.add_argument('--member', type=int, required=True)
  args = parser.parse_args()
  try:
    entry = take(args.root, args.member)
  except errors.ConfigError as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  if entry is not None:
    output.say(described(entry))
  return 0


def described(entry: decisions.Entry) -> str:
  """A decision in one line."""
  name = members.name_of(entry.member)
  line = f'{name}: generation {entry.generation}, fitness {entry.fitness:.3g}'
  if entry.parent is not None:
    line += f', copies {members.name_of(entry.parent)}'
  elif entry.compared_with is not None:
    line += f', keeps its own before {members.name_of(entry.compared_with)}'
  for hyperparameter, factor in entry.factors.items():
    line += f', {hyperparameter} x {factor:.3g}'
  return line


if __name__ == '__main__':
  sys.exit(main())
