"""The kinds of fault that a run survives; everything else is a programming error and stops the job."""


class PairFault(Exception):
    """The data of one checkpoint or task is unusable; its rows become ``failed`` with this reason."""


class PassingFault(PairFault):
    """As a :class:`PairFault`, by what may be gone at another time: a network that is down. The next run tries again."""


class NotApplicable(Exception):
    """A measure is not defined for a pair (say LEEP without a head); the row becomes ``not_applicable``."""
