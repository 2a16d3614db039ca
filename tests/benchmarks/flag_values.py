"""Flags of benchmarks, set for the length of a test."""

from absl import flags


def set_flags(monkeypatch, **values) -> None:
  """Gives flags values, as a command line would; all others their defaults."""
  flags.FLAGS.mark_as_parsed()
  for name, value in values.items():
    monkeypatch.setattr(flags.FLAGS[name], 'value', value)
