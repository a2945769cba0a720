"""What is refused, and what every response says."""

import re

import pytest
from example_rows import frame

pytest.importorskip("datasette", reason="the extra serve is not installed")

PAGES = ("/", "/gallery", "/frame/1", "/frame/9", "/review", "/picture/1.jpg", "/-/edgecls/edgecls.css", "/data",
         "/data/results", "/data/results/1", "/data/labels_by_day", "/data?sql=select+1", "/data/results.json",
         "/data/results.csv", "/-/static/app.css", "/-/static/none", "/nonsense", "/data/labels_by_day?_size=x")  # fmt: skip


@pytest.fixture
def site(store, browse):
    store.write(frame("a"))
    return browse(reviewing=True)


@pytest.mark.parametrize("page", PAGES)
def test_every_response_has_its_policy(site, page):
    headers = site.get(page).headers
    policy = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'nonce-[\w-]{22}'", policy["script-src"])
    assert "unsafe" not in headers["content-security-policy"]
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("page", PAGES)
def test_every_script_and_style_has_the_nonce_and_no_element_a_style(site, page):
    response = site.get(page)
    if "html" not in response.headers["content-type"]:
        return
    nonce = re.search(r"'nonce-([\w-]+)'", response.headers["content-security-policy"])[1]
    elements = re.findall(r"<(?:script|style)\b[^>]*>", response.text)
    assert all(f'nonce="{nonce}"' in each for each in elements)
    assert not re.search(r"<[^>]*\s(?:style|on\w+)=", response.text)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//(?!datasette\.io|localhost/)', response.text)


def test_a_nonce_is_used_once(site):
    first, second = (site.get("/").headers["content-security-policy"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("host", ["localhost", "localhost:8001", "127.0.0.1:9", "[::1]:8001"])
def test_names_of_this_machine(site, host):
    assert site.get("/", host=host).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8001", "", "[", "192.168.1.2"])
def test_other_names_are_those_of_pages_from_elsewhere(site, host):
    assert site.get("/", host=host).status_code == 403


@pytest.mark.usefixtures("store")
def test_where_others_may_come_in_any_name_will_do(browse):
    assert browse(names=None).get("/", host="pi.local:8001").status_code == 200


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_other_methods(site, method):
    assert site._ask(method, "/review", {}).status_code == 405


@pytest.mark.usefixtures("store")
def test_without_reviewing_there_is_nothing_to_send(browse):
    site = browse()
    for path in ("/review", "/", "/data", "/-/permissions", "/data/results/1"):
        assert site.post(path, {"id": 1, "label": "x"}).status_code == 405, path
    assert site.get("/review").status_code == 404
