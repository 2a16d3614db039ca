"""A run's own key: who has a half of it belongs to the run.

A run makes a certificate authority of its own, signs two certificates with it
and forgets it, so that no third can ever be made. Learner hosts hold the one,
actor hosts the other: an actor host's key cannot pose as a learner host. Each
is one file with all that its holder needs: private key, certificate, authority.

No certificate expires. A key ends with the files that hold it.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import os
import pathlib
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

from attn_agents.runs import run_directory
from configs import errors

if TYPE_CHECKING:
  from cryptography import x509
  from cryptography.hazmat.primitives.asymmetric import ec

LEARNER, ACTOR = 'learner', 'actor'
_ROLES = (LEARNER, ACTOR)

# Far more than three blocks of PEM.
_MOST_BYTES = 65_536
_BEGIN = '-----BEGIN CERTIFICATE-----'
# RFC 5280 has this for certificates that have no end.
_NO_END = datetime.datetime(9999, 12, 31, 23, 59, 59)
# Clocks of hosts differ.
_BEGINNING = datetime.datetime(2000, 1, 1)


@dataclasses.dataclass(frozen=True)
class RunKey:
  """One half of a run's key, checked.

  Attributes:
    path: of its file, for `ssl.SSLContext.load_cert_chain`.
    role: 'learner' or 'actor', whom it is for.
    authority: the run's certificate authority, as PEM.
    run: the first digits of that certificate's SHA-256: the two halves of a
      run's key show the same.
  """

  path: str
  role: str
  authority: str
  run: str


def paths(logdir: pathlib.Path | str) -> dict[str, pathlib.Path]:
  """Where a run's key lies, by role."""
  folder = pathlib.Path(logdir).absolute() / run_directory.KEYS
  return {role: folder / f'{role}.pem' for role in _ROLES}


def make_or_load(logdir: pathlib.Path | str) -> RunKey:
  """The learner host's half of a run's key, made at the first call.

  Both halves appear in one step. Of several hosts that share the directory and
  start at once, one makes the key, and all load it.

  Args:
    logdir: the run's directory; made if it does not exist.

  Raises:
    ConfigError: what is there is no key of a learner host; see `load`.
  """
  path = paths(logdir)[LEARNER]
  if not path.parent.is_dir():
    _make(path.parent)
  return load(path, LEARNER, f"the run's key {path}")


def load(path: pathlib.Path | str, role: str, name: str = '') -> RunKey:
  """Reads and checks one half of a run's key.

  Args:
    path: of its file.
    role: 'learner' or 'actor'.
    name: what an error calls it, by default '--key=PATH'.

  Raises:
    ConfigError: it is missing, open to others, damaged, or for another role.
  """
  name = name or f'--key={path}'
  text = _read(pathlib.Path(path), role, name)
  try:
    authority, found = _parse(text)
  except (ValueError, TypeError, IndexError) as error:
    detail = ' '.join(str(error).split())[:80] or type(error).__name__
    raise errors.ConfigError(
      f'{name} is damaged ({detail}); expected the whole of {role}.pem: '
      'copy it again'
    ) from None
  if found != role:
    right = pathlib.Path(path).with_name(f'{role}.pem')
    raise errors.ConfigError(
      f'{name} is the key of {found} hosts; expected that of {role} hosts, '
      f'{right.name} beside it'
    )
  return RunKey(str(path), role, authority, fingerprint(authority))


def fingerprint(authority: str) -> str:
  """What a run's key is called in messages, from its authority's PEM."""
  import ssl

  der = ssl.PEM_cert_to_DER_cert(authority)
  return hashlib.sha256(der).hexdigest()[:12]


def _read(path: pathlib.Path, role: str, name: str) -> str:
  try:
    # A named pipe would otherwise be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
      _require_private(os.fstat(descriptor), path, name)
      data = os.read(descriptor, _MOST_BYTES)
    finally:
      os.close(descriptor)
  except FileNotFoundError:
    raise errors.ConfigError(
      f'{name}: there is no such file; expected {role}.pem, which '
      'launch/run_key.py --logdir=RUN makes on a learner host where RUN has no '
      'keys yet'
    ) from None
  except OSError as error:
    raise errors.ConfigError(
      f'{name} cannot be read ({error.strerror}); expected the file of a key'
    ) from None
  # What is no text fails as what is no key does.
  return data.decode('ascii', 'replace')


def _require_private(
  facts: os.stat_result, path: pathlib.Path, name: str
) -> None:
  if not stat.S_ISREG(facts.st_mode):
    raise errors.ConfigError(f'{name}: expected a file')
  mode = stat.S_IMODE(facts.st_mode)
  if mode & 0o077:
    raise errors.ConfigError(
      f'{name} has mode {mode:04o}, which lets other users at it; expected '
      f'0600: chmod 600 {path}'
    )
  if facts.st_uid not in (0, os.geteuid()):
    raise errors.ConfigError(
      f'{name} belongs to user {facts.st_uid}; expected a file of user '
      f'{os.geteuid()}, who runs this'
    )


def _parse(text: str) -> tuple[str, str]:
  """The authority's PEM, and the role that the key is for.

  Raises:
    ValueError, TypeError, IndexError: it is not as `_make` leaves it.
  """
  from cryptography import exceptions, x509
  from cryptography.hazmat.primitives import serialization
  from cryptography.x509.oid import ExtendedKeyUsageOID

  head, first, second = text.split(_BEGIN)
  key = serialization.load_pem_private_key(head.encode(), None)
  own, authority = (
    x509.load_pem_x509_certificate((_BEGIN + part).encode())
    for part in (first, second)
  )
  if key.public_key() != own.public_key():
    raise ValueError('its key and its certificate are of different runs')
  try:
    own.verify_directly_issued_by(authority)
  except (exceptions.InvalidSignature, ValueError):
    raise ValueError(
      'its certificate and its authority are of different runs'
    ) from None
  usages = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
  role = LEARNER if ExtendedKeyUsageOID.SERVER_AUTH in usages else ACTOR
  return _BEGIN + second, role


def _make(folder: pathlib.Path) -> None:
  """Makes both halves in `folder`, which appears with both in it.

  Not by `whole_files`, whose name for what is unfinished is one for all, and
  which would replace the key of a host that was faster.
  """
  folder.parent.mkdir(parents=True, exist_ok=True)
  partial = pathlib.Path(
    tempfile.mkdtemp(prefix=f'{folder.name}.', dir=folder.parent)
  )
  try:
    for role, text in _issue().items():
      _write_private(partial / f'{role}.pem', text)
    # A folder with files in it is not replaced: another host's key stays.
    with contextlib.suppress(OSError):
      os.rename(partial, folder)
  finally:
    shutil.rmtree(partial, ignore_errors=True)


def _write_private(path: pathlib.Path, text: str) -> None:
  flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
  with open(os.open(path, flags, 0o600), 'w') as file:
    file.write(text)
    file.flush()
    os.fsync(file.fileno())


def _issue() -> dict[str, str]:
  """A new authority and what it signs: the text of each role's file."""
  from cryptography import x509
  from cryptography.hazmat.primitives import serialization
  from cryptography.hazmat.primitives.asymmetric import ec
  from cryptography.x509.oid import ExtendedKeyUsageOID

  curve = ec.SECP256R1()
  signer = ec.generate_private_key(curve)
  authority = _certificate('run', signer, 'run', signer, None)
  texts = {}
  usages = {
    LEARNER: ExtendedKeyUsageOID.SERVER_AUTH,
    ACTOR: ExtendedKeyUsageOID.CLIENT_AUTH,
  }
  for role, usage in usages.items():
    key = ec.generate_private_key(curve)
    own = _certificate(role, key, 'run', signer, x509.ExtendedKeyUsage([usage]))
    private = key.private_bytes(
      serialization.Encoding.PEM,
      serialization.PrivateFormat.PKCS8,
      serialization.NoEncryption(),
    )
    pem = serialization.Encoding.PEM
    parts = (private, own.public_bytes(pem), authority.public_bytes(pem))
    texts[role] = b''.join(parts).decode()
  return texts


def _certificate(
  name: str,
  key: 'ec.EllipticCurvePrivateKey',
  issuer: str,
  signer: 'ec.EllipticCurvePrivateKey',
  usage: 'x509.ExtendedKeyUsage | None',
) -> 'x509.Certificate':
  """An authority's certificate if there is no `usage`, else a holder's."""
  from cryptography import x509
  from cryptography.hazmat.primitives import hashes
  from cryptography.x509.oid import NameOID

  subject, signed_by = (
    x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f'attn_agents {x}')])
    for x in (name, issuer)
  )
  is_authority = usage is None
  builder = (
    x509.CertificateBuilder()
    .subject_name(subject)
    .issuer_name(signed_by)
    .public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(_BEGINNING)
    .not_valid_after(_NO_END)
    .add_extension(
      x509.BasicConstraints(is_authority, 0 if is_authority else None),
      critical=True,
    )
    .add_extension(
      x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    )
    .add_extension(
      x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
      critical=False,
    )
  )
  if usage is not None:
    builder = builder.add_extension(usage, critical=True)
  return builder.sign(signer, hashes.SHA256())
