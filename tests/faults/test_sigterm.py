"""SIGTERM in every phase, from the start of the process on: a clean end, and nothing lost by it."""

import random
import signal
import time
from collections import Counter

from pictures import COLOURS, picture

STOPS, FILES_EACH = 40, 5


def test_sigterm_at_forty_random_moments(place, counted, tiny_model):
    place.configure(tiny_model.path, 'path = "inbox"', "settle_seconds = 0.1", 'after = "move"')
    begun = time.monotonic()
    assert place.finish("0.1") == 0
    start = time.monotonic() - begun
    chance = random.Random(40)
    codes, phases = Counter(), Counter()
    for n in range(STOPS):
        for k in range(FILES_EACH):
            place.put(f"{n}-{k}.png", picture(chance.choice(list(COLOURS))))
        code, phase = _stop(place, chance.uniform(0, 1.3 * start))
        codes[code] += 1
        phases[phase] += 1
        assert place.is_whole()
    assert place.finish() == 0
    log = place.log.read_text()
    assert "Traceback" not in log
    assert "error" not in log
    assert place.count() == place.count("DISTINCT key") == STOPS * FILES_EACH
    assert place.files() == {f"done/{n}-{k}.png" for n in range(STOPS) for k in range(FILES_EACH)}
    assert {reason for (reason,) in place.ask("SELECT DISTINCT stop_reason FROM runs")} == {"signal", "idle"}
    counted(
        "SIGTERM from the start of the process on",
        f"{STOPS}: " + ", ".join(f"{phases[phase]} {phase}" for phase in sorted(phases)),
        f"exit code 0 {codes[0]} times, ended by the signal {codes[-signal.SIGTERM]} times, before it was heeded; "
        f"{STOPS * FILES_EACH} files, {STOPS * FILES_EACH} rows; integrity ok each time",
    )


def _stop(place, seconds):
    """Its exit code, and the phase that it was in."""
    ready, lines = len(place.log_lines("ready: ")), len(place.log_lines())
    rows = place.count()
    with place.daemon() as process:
        time.sleep(seconds)
        was_ready = len(place.log_lines("ready: ")) > ready
        did_rows = place.count() > rows
        process.terminate()
        code = process.wait(30)
    new_lines = place.log_lines()[lines:]
    assert code == 0 or (code == -signal.SIGTERM and not new_lines), new_lines
    return (
        code,
        "at work" if did_rows else "after READY" if was_ready else "in its start" if new_lines else "before that",
    )
