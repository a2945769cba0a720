from types import SimpleNamespace

from edgecls.training.report import classes

MATRIX = SimpleNamespace(
    labels=["a", "b", "c", "d"],
    confusion_matrix=[[8, 2, 0, 0], [1, 9, 0, 0], [0, 0, 5, 0], [0, 3, 0, 1]],
)


def test_a_matrix_of_all_classes():
    found = classes.confusion(MATRIX)
    assert found.labels == ("a", "b", "c", "d")
    assert found.rows[0] == ((8, 0.8), (2, 0.2), (0, 0.0), (0, 0.0))
    assert found.others == (0, 0, 0, 0)
    assert found.left_out == 0


def test_a_smaller_matrix_keeps_the_most_confused_classes_and_loses_no_image():
    found = classes.confusion(MATRIX, 2)
    assert found.labels == ("a", "b")
    assert found.left_out == 2
    assert classes.confusion(MATRIX, 1).others == (1,)


def test_pairs_are_the_most_frequent_first():
    assert [(p.truth, p.answer, p.count, p.share) for p in classes.pairs(MATRIX, 2)] == [
        ("d", "b", 3, 0.75),
        ("a", "b", 2, 0.2),
    ]


def test_pairs_are_only_those_that_occur():
    assert len(classes.pairs(MATRIX)) == 3


def test_a_class_that_was_only_answered_has_no_share():
    found = classes.confusion(SimpleNamespace(labels=["a", "b"], confusion_matrix=[[0, 0], [1, 0]]))
    assert found.rows == (((0, 0.0), (0, 0.0)), ((1, 1.0), (0, 0.0)))


def test_recall_changes_begin_with_the_greatest_loss():
    recall = {label: {"recall": value} for label, value in {"a": 0.5, "b": 0.9, "c": 1.0}.items()}
    found = classes.recall_changes({"a": 0.1, "b": -0.1, "c": 0.0}, recall)
    assert [(row["label"], row["before"], row["after"]) for row in found] == [("b", 1.0, 0.9), ("a", 0.4, 0.5)]
