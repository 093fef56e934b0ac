"""What several unit tests share."""

import pytest


@pytest.fixture
def one_thread():
    """PyTorch on one thread: how its sums round depends on how many there are."""
    import torch  # slow to start, so only where a test asks for it

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
