from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_predictions import of_answers

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from edgecls.training.evaluation.mcnemar import agreement, mcnemar


def models(both, only_first, only_second, neither):
    first = ["a"] * (both + only_first) + ["b"] * (only_second + neither)
    second = ["a"] * both + ["b"] * only_first + ["a"] * only_second + ["b"] * neither
    return [of_answers(["a"] * len(first), answers, labels=["a", "b"]) for answers in (first, second)]


def test_the_table_and_the_exact_test():
    """5 against 12: twice the lower tail of a fair coin thrown 17 times."""
    found = mcnemar(*models(100, 5, 12, 8))
    assert found.as_dict() == {
        "both_right": 100,
        "only_first": 5,
        "only_second": 12,
        "neither": 8,
        "p_value": pytest.approx(2 * sum(comb(17, k) for k in range(6)) / 2**17),
    }
    assert found.p_value == pytest.approx(0.143, abs=1e-3)


def test_models_that_are_never_right_alone():
    assert mcnemar(*models(7, 0, 0, 3)).p_value == 1
    assert mcnemar(*models(7, 4, 4, 3)).p_value == 1


@given(*[st.integers(0, 40)] * 3, st.integers(1, 40))
def test_which_is_called_first_does_not_matter(both, only_first, only_second, neither):
    first, second = models(both, only_first, only_second, neither)
    there, back = mcnemar(first, second), mcnemar(second, first)
    assert there.p_value == pytest.approx(back.p_value)
    assert (there.only_first, there.only_second) == (back.only_second, back.only_first)
    assert 0 < there.p_value <= 1


def test_agreement_is_by_name():
    first, second = models(3, 1, 1, 5)
    assert agreement(first, second) == 0.8
    reordered = of_answers(["a"] * 10, second.answers, labels=["b", "a"])
    assert agreement(first, reordered) == 0.8
    assert mcnemar(first, reordered) == mcnemar(first, second)


def test_different_images():
    with pytest.raises(ValueError, match="different images"):
        mcnemar(of_answers(["a"], ["a"]), of_answers(["a", "a"], ["a", "a"]))
