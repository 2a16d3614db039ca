"""How a run ended, from the final statuses of its processes.

Launchpad's own exit codes cannot be relied on: it may kill itself together with
its workers.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

from attn_agents.distributed import lifecycle
from attn_agents.utils import disk, stopping

# The run ends when one of these dies; an actor alone does not end it.
_ESSENTIAL = ('reverb', 'relay', 'learner', 'actor_supervisor', 'evaluator')


@dataclasses.dataclass(frozen=True)
class Ending:
  """How a run ended.

  Attributes:
    code: exit code for the shell.
    cause: one line for the user.
  """

  code: int
  cause: str


def diagnose(
  statuses: Sequence[lifecycle.Status],
  *,
  launcher_code: int,
  stop_signal: int,
  missing: str,
  has_checkpoint: bool,
  stuck: str = '',
) -> Ending:
  """Says how a run ended.

  Args:
    statuses: every process's final status.
    launcher_code: exit code of the launching process, negative for a signal.
    stop_signal: the first that asked it to stop, or 0.
    missing: a process that was found dead while nobody had asked to stop.
    has_checkpoint: whether the run has any checkpoint.
    stuck: what stood still until it was killed, as a lost host does, so that
      the run is to be continued.
  """
  learner = next((s for s in statuses if s.role == 'learner'), None)
  saved = _saved(learner, has_checkpoint)
  if learner is not None and learner.extra.get('warning'):
    saved = f'{saved}; {learner.extra["warning"]}'
  failed = _failed(statuses)
  if learner is not None and learner.state == 'done' and not missing:
    return Ending(0, f'done; {saved}')
  if stuck:
    return Ending(stopping.TO_BE_CONTINUED, f'stopped: {stuck}; {saved}')
  if stop_signal and not missing and not _any_fatal(failed):
    if has_checkpoint and _lost_nothing(learner):
      code = (
        stopping.TO_BE_CONTINUED if stopping.is_by_machine(stop_signal) else 0
      )
      return Ending(code, f'stopped; {saved}')
    return Ending(128 + stop_signal, f'stopped before it could save; {saved}')
  if missing:
    return Ending(1, f'failed: {missing}; {saved}')
  if why := _interrupted(learner):
    return Ending(stopping.TO_BE_CONTINUED, f'stopped: {why}; {saved}')
  if failed:
    first = min(failed, key=lambda s: s.time)
    name = _log_name(first)
    log = first.shared_log or name
    cause = f'{name}: {first.detail} (logs/{log}.log)'
  elif lost := first_dead(statuses):
    cause = lost
  elif launcher_code:
    exit_ = lifecycle.describe_exit(launcher_code)
    cause = f'the launcher {exit_} (logs/launcher.log)'
  else:
    cause = 'the program ended by itself'
  return Ending(1, f'failed: {cause}; {saved}')


def _interrupted(learner: lifecycle.Status | None) -> str:
  """What of another host's ended the run, which nobody asked to stop here."""
  if learner is None or learner.state != 'stopped':
    return ''
  return str(learner.extra.get('interrupted', ''))


def before_start(stop_signal: int, *, has_checkpoint: bool) -> Ending:
  """How a run ends that is stopped before its program starts."""
  return diagnose(
    (),
    launcher_code=0,
    stop_signal=stop_signal,
    missing='',
    has_checkpoint=has_checkpoint,
  )


def _lost_nothing(learner: lifecycle.Status | None) -> bool:
  """Whether all that was learned is in a checkpoint."""
  return learner is None or learner.state in ('starting', 'stopped')


def with_disk(ending: Ending, logdir: pathlib.Path | str) -> Ending:
  """An ending with what is wrong with the disk, unless the run has saved.

  A process that cannot write does not say why it ended, either.

  Args:
    ending: from `diagnose`.
    logdir: of the run.
  """
  if ending.code in (0, stopping.TO_BE_CONTINUED):
    return ending
  trouble = disk.trouble(logdir)
  if not trouble or disk.StorageError.__name__ in ending.cause:
    return ending
  return dataclasses.replace(ending, cause=f'{ending.cause}; {trouble}')


def is_over(statuses: Sequence[lifecycle.Status]) -> bool:
  """Whether the program has nothing left to do, well or badly."""
  actors = [s for s in statuses if s.role == 'actor_supervisor']
  return (
    (bool(actors) and all(s.state == 'failed' for s in actors))
    or any(s.role == 'learner' and s.state in lifecycle.ENDED for s in statuses)
    or _any_fatal(_failed(statuses))
  )


def first_dead(statuses: Sequence[lifecycle.Status]) -> str:
  """The first process that is gone without a final status, or ''."""
  for status in statuses:
    if (
      status.role in _ESSENTIAL
      and status.state not in lifecycle.ENDED
      and status.pid != lifecycle.UNKNOWN_PID
      and not lifecycle.is_alive(status.pid)
    ):
      if status.shared_log:
        return (
          f'the process (pid {status.pid}) was killed or crashed '
          f'(logs/{status.shared_log}.log)'
        )
      name = _log_name(status)
      what = 'its supervisor' if name != status.name else 'it'
      return (
        f'{name}: {what} (pid {status.pid}) was killed or crashed '
        f'(logs/{name}.log)'
      )
  return ''


def _failed(statuses: Sequence[lifecycle.Status]) -> list[lifecycle.Status]:
  return [s for s in statuses if s.state == 'failed' and s.role in _ESSENTIAL]


def _any_fatal(failed: Sequence[lifecycle.Status]) -> bool:
  """Whether more than actors failed; the others go on without those."""
  return any(s.role != 'actor_supervisor' for s in failed)


def _log_name(status: lifecycle.Status) -> str:
  """An actor and its supervisor write to one log."""
  return status.name.replace('_supervisor', '')


def _saved(learner: lifecycle.Status | None, has_checkpoint: bool) -> str:
  if learner is not None and 'saved' in learner.extra:
    return f'checkpoint saved at {learner.extra["saved"]:,} frames'
  if has_checkpoint:
    return 'the last checkpoint stands'
  return 'there is no checkpoint yet'
