import threading

from edgecls.device.sources.reader import LatestFrame


def test_newest_wins_and_the_others_are_counted():
    place = LatestFrame()
    for shot in "abc":
        place.put(shot)
    assert (place.take(0), place.dropped) == ("c", 2)
    assert (place.take(0), place.dropped) == (None, 2)


def test_nothing_is_lost_uncounted_and_nothing_comes_twice_or_late():
    place, taken, done = LatestFrame(), [], threading.Event()

    def take():
        while not (done.is_set() and place._frame is None):
            shot = place.take(0.01)
            if shot is not None:
                taken.append(shot)

    taker = threading.Thread(target=take)
    taker.start()
    for n in range(20_000):
        place.put(n)
    done.set()
    taker.join()
    assert len(taken) + place.dropped == 20_000
    assert taken == sorted(set(taken))
    assert taken[-1] == 19_999
