"""Whether a learner host lets this host in, known before anything starts."""

import select
import ssl
import time

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import actor_end, addresses, ends, tls
from configs import errors

_AGAIN_SECONDS = 1.0
# For one try.
_TRY_SECONDS = 10.0


def require_accepted(
  learner_address: str,
  key: run_key.RunKey,
  seconds: float,
  flag: str = '--learner_address',
) -> str:
  """Returns once the learner host has accepted this host's key.

  Args:
    learner_address: 'host:port' of its end.
    key: of an actor host.
    seconds: to wait for a host that does not answer, since the two may start at
      the same time; a wrong answer is told at once.
    flag: that the address was given to, for the line of an error.

  Returns:
    See `ask`.

  Raises:
    ConfigError: it does not answer, or see `ask`.
  """
  end = time.monotonic() + seconds
  while True:
    try:
      return ask(learner_address, key, flag)
    except OSError as error:
      left = end - time.monotonic()
      if left <= 0:
        raise errors.ConfigError(
          f'{flag}={learner_address} does not answer '
          f'({error.strerror or error}) for {seconds:g} seconds; expected a '
          'learner host that runs with --listen of that address'
        ) from None
    time.sleep(min(_AGAIN_SECONDS, left))


def ask(
  learner_address: str, key: run_key.RunKey, flag: str = '--learner_address'
) -> str:
  """Asks once; returns if the learner host accepts this host's key.

  Args:
    learner_address: 'host:port' of its end.
    key: of an actor host.
    flag: that the address was given to, for the line of an error.

  Returns:
    What the learner host tells its actor hosts; '' if nothing.

  Raises:
    ConfigError: the answer is none of a learner host, it or this host is of
      another run, or the address is none.
    OSError: there is no answer.
  """
  addresses.parse(learner_address, flag)
  context, name = tls.context(key, [tls.CHECK]), f'{flag}={learner_address}'
  try:
    encrypted = actor_end.dial(learner_address, context, _TRY_SECONDS)
  except ssl.SSLCertVerificationError:
    raise errors.ConfigError(
      f'{name} is a host of another run: its certificate is not one of the run '
      f'of {key.path} ({key.run}); expected the key of the run that it trains'
    ) from None
  except ssl.SSLError as error:
    raise errors.ConfigError(
      f'{name} answers, but not as a learner host does ({error.reason}); '
      'expected the address that its --listen was given'
    ) from None
  with encrypted.socket:
    try:
      return _read_all(encrypted)
    except ssl.SSLError as error:
      raise errors.ConfigError(
        f'{name} refuses the key {key.path} of run {key.run} ({error.reason}); '
        'expected keys/actor.pem of the run that it trains'
      ) from None


def _read_all(encrypted: ends.Encrypted) -> str:
  """What a learner host sends to who may come in, up to its end."""
  buffer = memoryview(bytearray(ends.PIECE_BYTES))
  poll = select.poll()
  poll.register(encrypted.socket, select.POLLIN)
  end = time.monotonic() + _TRY_SECONDS
  text = b''
  while (size := encrypted.receive(buffer)) != 0:
    if size is not None:
      text += buffer[:size]
      continue
    left = end - time.monotonic()
    if left <= 0 or not poll.poll(1000 * left):
      raise TimeoutError('its answer did not come in time')
  return text.decode()
