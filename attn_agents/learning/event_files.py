"""TensorBoard's event files, written without a thread of their own.

The thread of tensorboardX's `SummaryWriter` ends where it finds no room, and
then whoever adds the eleventh event waits for ever.
"""

import os
import pathlib
import socket
import struct
import time
from collections.abc import Mapping

from attn_agents.utils import left_out, whole_files

# With what it finds of clouds' storage, which a run does not use through it, it
# takes five times as long.
with left_out.modules('boto3', 'google.cloud.storage'):
  from tensorboardX import record_writer
  from tensorboardX.proto import event_pb2, summary_pb2

_VERSION = 'brain.Event:2'


class EventFile(whole_files.PatientFile):
  """One event file of scalars; events without room wait for the next."""

  def __init__(self, directory: pathlib.Path | str, purge_step: int):
    """Makes the file.

    Args:
      directory: of the event files of a run; made if it does not exist.
      purge_step: TensorBoard hides this and later steps of earlier files.
    """
    os.makedirs(directory, exist_ok=True)
    name = f'events.out.tfevents.{int(time.time())}.{socket.gethostname()}'
    super().__init__(pathlib.Path(directory) / name)
    self._append(event_pb2.Event(file_version=_VERSION))
    self._append(
      event_pb2.Event(
        step=purge_step,
        session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START),
      )
    )

  def add(self, step: int, scalars: Mapping[str, float]) -> None:
    """Adds an event of some scalars.

    Raises:
      OSError: see `whole_files.PatientFile.append`.
    """
    values = [
      summary_pb2.Summary.Value(tag=name, simple_value=value)
      for name, value in scalars.items()
    ]
    summary = summary_pb2.Summary(value=values)
    self._append(event_pb2.Event(step=step, summary=summary))

  def _append(self, event: event_pb2.Event) -> None:
    event.wall_time = time.time()
    data = event.SerializeToString()
    length = struct.pack('<Q', len(data))
    self.append(length + _checksum(length) + data + _checksum(data))


def _checksum(data: bytes) -> bytes:
  return struct.pack('<I', record_writer.masked_crc32c(data))
