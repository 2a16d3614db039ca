"""What is raised at numbers of which nothing good can come."""


class NotFiniteError(RuntimeError):
  """A state or parameters hold infinities or NaN.

  No run goes on from them, and no actor plays by them.
  """
