"""Compare the kept counts of a database with what counting its rows gives."""

COUNTED = """
    SELECT run_id, substr(classified_at, 1, 13), coalesce(label, ''),
           coalesce(max(0, min(9, CAST(score * 10 AS INTEGER))), -1), count(*),
           coalesce(sum(CAST(round(score * 1000000) AS INTEGER)), 0)
    FROM results GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
KEPT = "SELECT run_id, hour, label, bin, rows, score_sum_micros FROM hourly_counts ORDER BY 1, 2, 3, 4"
BEYOND = """
    SELECT id FROM results JOIN hourly_counts ON hourly_counts.run_id = results.run_id AND hour = substr(classified_at, 1, 13)
        AND hourly_counts.label = coalesce(results.label, '')
        AND bin = coalesce(max(0, min(9, CAST(score * 10 AS INTEGER))), -1)
    WHERE id NOT BETWEEN first_id AND last_id OR score < min_score OR score > max_score OR (score IS NULL) <> (min_score IS NULL)
"""
SUMMED_UP = "SELECT run_id, day, label, bin, rows, score_sum_micros FROM daily_counts ORDER BY 1, 2, 3, 4"


def assert_they_agree(db):
    counted = db.execute(COUNTED).fetchall()
    assert db.execute(KEPT).fetchall() == counted
    assert db.execute(BEYOND).fetchall() == []
    (up_to,) = db.execute("SELECT day FROM daily_counts_up_to").fetchone()
    days = {}
    for run, hour, label, place, rows, score_sum_micros in counted:
        if hour[:10] < up_to:
            key = (run, hour[:10], label, place)
            days[key] = [a + b for a, b in zip(days.get(key, (0, 0)), (rows, score_sum_micros), strict=True)]
    assert db.execute(SUMMED_UP).fetchall() == sorted((*key, *sums) for key, sums in days.items())
    return counted
