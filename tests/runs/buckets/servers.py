"""Local servers of the protocols of buckets, and what clients need of them."""

import contextlib
import logging
import socket
from collections.abc import Iterator

BUCKET = 'bucket'


def free_port() -> int:
  with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    return probe.getsockname()[1]


@contextlib.contextmanager
def s3() -> Iterator[dict[str, str]]:
  """A server of S3; the environment of its clients."""
  import boto3
  from moto import server

  # It tells of every request.
  logging.getLogger('werkzeug').setLevel(logging.ERROR)
  running = server.ThreadedMotoServer('127.0.0.1', free_port(), verbose=False)
  running.start()
  host, port = running.get_host_and_port()
  environment = {
    'AWS_ENDPOINT_URL': f'http://{host}:{port}',
    'AWS_ACCESS_KEY_ID': 'testing',
    'AWS_SECRET_ACCESS_KEY': 'testing',
    'AWS_DEFAULT_REGION': 'us-east-1',
    'AWS_EC2_METADATA_DISABLED': 'true',
  }
  try:
    boto3.client(
      's3',
      endpoint_url=environment['AWS_ENDPOINT_URL'],
      aws_access_key_id='testing',
      aws_secret_access_key='testing',
      region_name='us-east-1',
    ).create_bucket(Bucket=BUCKET)
    yield environment
  finally:
    running.stop()


@contextlib.contextmanager
def gs() -> Iterator[dict[str, str]]:
  """A server of Google Cloud Storage; the environment of its clients."""
  from gcp_storage_emulator import server

  port = free_port()
  running = server.create_server(
    '127.0.0.1', port, in_memory=True, default_bucket=BUCKET
  )
  running.start()
  try:
    yield {
      'STORAGE_EMULATOR_HOST': f'http://127.0.0.1:{port}',
      # Nobody asks a machine of Google's for credentials.
      'NO_GCE_CHECK': 'true',
    }
  finally:
    running.stop()


SERVERS = {'s3': s3, 'gs': gs}
