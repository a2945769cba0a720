import signal

import pytest

from edgecls.device.signals import Requests, requests_by_signal


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


def test_a_request_interrupts_until_the_reload_has_ended():
    requests = Requests()
    assert not requests.interrupt.is_set()
    requests.request_reload()
    assert requests.interrupt.is_set()
    requests.begin_reload()
    assert requests.interrupt.is_set()
    requests.end_reload()
    assert not requests.interrupt.is_set()


@pytest.mark.parametrize("later", [Requests.request_stop, Requests.request_reload])
def test_a_request_during_a_reload_stays(later):
    requests = Requests()
    requests.request_reload()
    requests.begin_reload()
    later(requests)
    requests.end_reload()
    assert requests.interrupt.is_set()
    assert requests.stop.is_set() or requests.reload.is_set()
