import torch

from ckptrank.checkpoints.matching import describe_misfit, find_common_prefix, rename


def tensors(*keys, shape=(2,)):
    return {key: torch.zeros(shape) for key in keys}


def test_the_shortest_prefix_that_all_keys_share_and_that_fits():
    needed = {"a.weight", "b.weight"}
    assert find_common_prefix(["module.a.weight", "module.b.weight"], needed) == "module."
    assert find_common_prefix(["m.n.a.weight", "m.n.b.weight", "m.n.c"], needed) == "m.n."
    assert find_common_prefix(["module.a.weight", "b.weight"], needed) == ""
    assert find_common_prefix(["module.x.weight"], needed) == ""
    assert find_common_prefix([], needed) == ""


def test_a_network_of_which_nothing_is_needed_takes_no_prefix_off():
    assert find_common_prefix(["fc.weight"], set()) == ""


def test_nothing_alike_says_nothing():
    assert describe_misfit(tensors("a.weight", shape=(3,)), tensors("b.weight"), ()) == ""


def test_pairs_keep_the_order_of_the_files_and_wrong_counts_make_none():
    given = tensors("x.weight", "y.weight") | tensors("z.bias", shape=(5,))
    own = tensors("a.weight", "b.weight") | tensors("c.bias", "d.bias", shape=(5,))
    words = describe_misfit(given, own, ())
    assert "x.weight ~ a.weight, y.weight ~ b.weight" in words
    assert "z.bias" not in words
    assert "rename" not in words


def test_more_pairs_than_fit_are_counted():
    given, own = (
        tensors(*(f"x{n}.weight" for n in range(9))),
        tensors(*(f"y{n}.weight" for n in range(9))),
    )
    assert "x3.weight ~ y3.weight and 5 more" in describe_misfit(given, own, ())


def test_rules_are_applied_one_after_the_other():
    assert rename("a.b.weight", [("^a", "b"), (r"^b\.b", "c")]) == "c.weight"
