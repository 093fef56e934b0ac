import pytest

from ckptrank.finetune.ground_truth import add_repeats, select_best

PAIR = {
    "checkpoint": "net",
    "task": "digits",
    "status": "ok",
    "reason": "",
    "device": "CPU",
    "precision": "float32",
}


def part(**rates):
    runs = [
        {
            "learning_rate": float(rate.removeprefix("r")),
            "seconds": 2.0,
            "accuracies": accuracies,
            "first_epoch_loss": 1.5,
        }
        for rate, accuracies in rates.items()
    ]
    return {**PAIR, "runs": runs}


def test_the_highest_accuracy_wins_over_all_jobs_of_the_sweep():
    best = select_best([part(r1={"10": 0.5, "20": 0.7}), part(r2={"10": 0.8, "20": 0.6})])
    assert (best["accuracy"], best["learning_rate"], best["steps"]) == (0.8, 2.0, 10)
    assert best["seconds"] == 4.0
    assert [s["accuracy"] for s in best["sweep"]] == [0.5, 0.7, 0.8, 0.6]
    assert {s["first_epoch_loss"] for s in best["sweep"]} == {1.5}


def test_validation_images_choose_and_test_images_judge_with_an_interval():
    run = {"learning_rate": 1.0, "seconds": 2.0, "first_epoch_loss": 1.5, "tested": 100}
    run |= {"accuracies": {"10": 0.97, "20": 0.9}, "validation": {"10": 0.8, "20": 0.85}}
    best = select_best([{**PAIR, "runs": [run]}])
    assert (best["steps"], best["accuracy"], best["validation_accuracy"]) == (20, 0.9, 0.85)
    assert best["accuracy_low"] == pytest.approx(0.8256, abs=1e-4)  # Wilson's, by hand
    assert best["accuracy_high"] == pytest.approx(0.9448, abs=1e-4)
    several = select_best([{**PAIR, "runs": [{**run, "tested": None}]}])
    assert "accuracy_low" not in several
    assert several["validation_accuracy"] == 0.85


def test_ties_go_to_fewer_steps_then_to_the_lower_rate():
    best = select_best([part(r3={"10": 0.7, "20": 0.7}, r2={"20": 0.7}, r1={"10": 0.7})])
    assert (best["learning_rate"], best["steps"]) == (1.0, 10)


def test_steps_are_compared_as_numbers():
    assert select_best([part(r1={"100": 0.7, "20": 0.7})])["steps"] == 20


def test_a_failed_part_fails_the_pair_with_its_reason():
    failed = {**PAIR, "status": "failed", "reason": "corrupt weights"}
    best = select_best([part(r1={"10": 0.5}), failed])
    assert (best["status"], best["reason"]) == ("failed", "corrupt weights")
    assert add_repeats(best, [], 0.0) == best


def test_noise_is_the_sample_deviation_of_best_and_repeats():
    pair = add_repeats(select_best([part(r1={"10": 0.5})]), [0.4, 0.6], 3.0)
    assert pair["noise_sd"] == pytest.approx(0.1)
    assert pair["accuracy"] == 0.5
    assert pair["seconds"] == 5.0


def test_without_repeats_the_noise_is_unknown_not_zero():
    assert add_repeats(select_best([part(r1={"10": 0.5})]), [], 0.0)["noise_sd"] is None
