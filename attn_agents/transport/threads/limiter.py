"""Keeps samples and inserts at a ratio, whoever is faster."""


class RatioLimiter:
  """Says who has to wait; counts, but knows no threads.

  The rule of Reverb's `SampleToInsertRatio`, so that both runtimes learn at the
  same rate: with

      error = samples_per_insert * (inserts - min_size) - samples,

  inserts wait where they would take it above `tolerance`, and samples where
  they would take it below `-tolerance`. Until `min_size` items are there, no
  insert waits and every sample does.

  Attributes:
    inserts: so far.
    samples: so far.
  """

  def __init__(
    self, samples_per_insert: float, min_size: int, tolerance: float
  ):
    """Starts from nothing."""
    self._ratio = samples_per_insert
    self._min_size = min_size
    self._tolerance = tolerance
    self.inserts = 0
    self.samples = 0

  def may_insert(self, count: int) -> bool:
    """Whether `count` more items may come in."""
    if self.inserts + count <= self._min_size:
      return True
    error = self._error(self.inserts + count, self.samples)
    return error <= self._tolerance

  def may_sample(self, count: int) -> bool:
    """Whether `count` more samples may be taken."""
    if self.inserts < self._min_size:
      return False
    return self._error(self.inserts, self.samples + count) >= -self._tolerance

  def _error(self, inserts: int, samples: int) -> float:
    return self._ratio * (inserts - self._min_size) - samples
