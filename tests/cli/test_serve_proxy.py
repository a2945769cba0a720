"""`edgecls serve` and `review` behind a reverse proxy, under a name and a path of its own."""

import html
import http.client
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from example_database import ask, filled
from proxies import proxy

pytest.importorskip("datasette", reason="the extra serve is not installed")

WAYS = [
    pytest.param(True, "", id="host and path passed on"),
    pytest.param(False, "", id="its own host"),
    pytest.param(True, "/edgecls", id="prefix cut off"),
    pytest.param(False, "/edgecls", id="its own host, prefix cut off"),
]


class Visitor:
    """A browser's way with `http://pi.example`, which is at `port` of this machine."""

    def __init__(self, port, host="pi.example"):
        self.port, self.host, self.cookies = port, host, SimpleCookie()

    def ask(self, method, path, body=None, **headers):
        """Status, headers and text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        headers = {"Host": self.host, **({"Cookie": cookie} if cookie else {}), **headers}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        self.cookies.load(answer.headers.get("set-cookie", ""))
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, answer.headers, text

    def review(self, page, origin, **fields):
        token = re.search(r'name="csrftoken" value="([^"]+)"', page)[1]
        action = html.unescape(re.search(r'method="post" action="([^"]+)"', page)[1])
        headers = {"Content-Type": "application/x-www-form-urlencoded", **({"Origin": origin} if origin else {})}
        return self.ask("POST", action, urlencode({"csrftoken": token, **fields}), **headers)


@pytest.fixture
def behind(served, tmp_path):
    """Start `edgecls review` and a proxy before it, see `proxy`; a visitor of that."""
    filled(tmp_path / "results.db")
    with_proxies = []

    def start(*options, keep_host=True, cut=""):
        _, address, _ = served("review", *options)
        running = proxy(urlsplit(address).port, keep_host=keep_host, cut=cut)
        with_proxies.append(running)
        return Visitor(running.__enter__())

    yield start
    for running in with_proxies:
        running.__exit__(None, None, None)


@pytest.mark.parametrize(("keep_host", "cut"), WAYS)
def test_every_link_stays_below_the_base(behind, keep_host, cut):
    visitor = behind("--name", "pi.example", "--base-url", "edgecls", keep_host=keep_host, cut=cut)
    pages = ["", "review", "gallery", "frame/3", "data", "data/results", "data/results/3", "data/labels_by_day"]
    for page in pages:
        base = f"http://pi.example/edgecls/{page}"
        status, _, text = visitor.ask("GET", urlsplit(base).path)
        assert status == 200, page
        shown = re.sub(r'<link rel="alternate"[^>]*>', "", text)  # of Datasette, which believes the Host it gets
        links = [
            urljoin(base, html.unescape(link)) for link in re.findall(r'(?:href|src|action|data-next)="([^"]+)', shown)
        ]
        ours = [link for link in links if "datasette.io" not in link]
        assert [link for link in ours if not link.startswith("http://pi.example/edgecls/")] == []
        for link in [link for link in ours if re.search(r"\.(css|js|svg)\b|/(picture|thumbnail)/[1-9]\.jpg", link)][:6]:
            path = urlsplit(link)._replace(scheme="", netloc="").geturl()
            assert visitor.ask("GET", path)[0] == 200, link


@pytest.mark.parametrize(("keep_host", "cut"), WAYS)
def test_reviews_from_its_own_pages_alone(behind, tmp_path, keep_host, cut):
    visitor = behind("--name", "pi.example", "--base-url", "/edgecls/", keep_host=keep_host, cut=cut)
    page = visitor.ask("GET", "/edgecls/review")[2]
    number = re.search(r'name="id" value="(\d+)"', page)[1]
    before = len(ask(tmp_path / "results.db", "SELECT * FROM reviews"))
    for origin in ("http://evil.example", "https://pi.example.evil.example", "null", "", "http://[", "pi.example"):
        assert visitor.review(page, origin, id=number, label="tabby")[0] == 403, origin
    for attempt, origin in enumerate(("http://pi.example", "https://pi.example", "http://PI.example:8080"), 1):
        status, headers, _ = visitor.review(page, origin, id=number, label="tabby")
        assert status == 303
        assert headers["location"].startswith("/edgecls/review?")
        assert len(ask(tmp_path / "results.db", "SELECT * FROM reviews")) == before + 1, attempt
    visitor.cookies.clear()
    assert visitor.review(page, "http://pi.example", id=number, label="lynx")[0] == 403


def test_other_names_are_refused_if_the_proxy_passes_them_on(behind):
    visitor = behind("--name", "pi.example")
    for host, status in (("pi.example:8443", 200), ("PI.EXAMPLE", 200), ("evil.example", 403), ("pi.example.", 403)):
        visitor.host = host
        assert visitor.ask("GET", "/")[0] == status, host


def test_a_name_with_a_port_allows_reviews_of_this_port_alone(behind):
    visitor = behind("--name", "pi.example:8443", keep_host=False)
    page = visitor.ask("GET", "/review")[2]
    number = re.search(r'name="id" value="(\d+)"', page)[1]
    assert visitor.review(page, "https://pi.example:9", id=number, label="tabby")[0] == 403
    assert visitor.review(page, "https://pi.example", id=number, label="tabby")[0] == 403
    assert visitor.review(page, "https://pi.example:8443", id=number, label="tabby")[0] == 303


def test_with_a_name_others_are_refused_also_where_they_may_come_in(served, tmp_path):
    filled(tmp_path / "results.db")
    _, address, _ = served("serve", "--host", "0.0.0.0", "--name", "pi.example")
    port = urlsplit(address).port
    assert [Visitor(port, host).ask("GET", "/")[0] for host in ("pi.example", "127.0.0.1", "10.0.0.7")] == [
        200,
        200,
        403,
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--name https://pi.example", "invalid --name https://pi.example: use the host only"),
        ("--name pi.example/x", "use the host only"),
        ("--name pi.example:x", "use the host only"),
        ("--name :80", "use the host only"),
        (
            "--base-url https://pi.example/x/",
            "invalid --base-url https://pi.example/x/: use the path only, such as /edgecls/",
        ),
        ("--base-url /a?b", "use the path only"),
    ],
)
def test_names_and_paths_that_are_none(edgecls, tmp_path, options, said):
    filled(tmp_path / "results.db")
    assert said in edgecls("serve", *options.split(), code=2).stderr
