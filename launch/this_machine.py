"""What a request comes to on this machine, as every command resolves it."""

import dataclasses

from attn_agents.utils import machine
from configs import errors, resolution, schema, validation


@dataclasses.dataclass(frozen=True)
class ThisMachine:
  """What configs are fitted to.

  Attributes:
    devices: of JAX, at least one.
    host: cores and memory.
    missing: libraries of the Launchpad runtime that are not installed.
  """

  devices: machine.Devices
  host: machine.Machine
  missing: list[str]

  def resolve(
    self, request: resolution.Request, num_hosts: int = 1
  ) -> schema.Config:
    """The whole config.

    Args:
      request: whose names are known (`resolution.check_names`), which needs no
        look at the machine.
      num_hosts: learner hosts; see `resolution.resolve`.

    Raises:
      ConfigError: a value is wrong, or this machine cannot hold the run.
    """
    config = resolution.resolve(
      request,
      self.devices.platform,
      self.devices.count,
      self.host.cores,
      self.missing,
      num_hosts,
    )
    validation.validate_memory(config, self.host.memory_bytes)
    return config


def probe() -> ThisMachine:
  """Looks at this machine, for which JAX may be asked in a child process.

  Raises:
    ConfigError: JAX has no device here.
  """
  devices = machine.probe_devices()
  if devices.reason:
    raise errors.ConfigError(f'no JAX device: {devices.reason}')
  return ThisMachine(devices, machine.describe(), machine.missing_libraries())
