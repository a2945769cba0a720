import signal
import threading

import pytest

from edgecls.device.signals import AnyOf, requests_by_signal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_asks_and_the_second_insists(number):
    before = signal.getsignal(number)
    with requests_by_signal() as requests:
        assert not requests.stop.is_set()
        signal.raise_signal(number)
        assert requests.stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_sighup_asks_for_a_reload_only():
    before = signal.getsignal(signal.SIGHUP)
    with requests_by_signal() as requests:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert requests.reload.is_set()
        assert not requests.stop.is_set()
    assert signal.getsignal(signal.SIGHUP) is before


def test_any_of_several_events():
    first, second = threading.Event(), threading.Event()
    both = AnyOf(first, second)
    assert not both.is_set()
    assert not both.wait(0.01)
    second.set()
    assert both.is_set()
    assert both.wait(0.01)
    second.clear()
    first.set()
    assert both.wait(10)
