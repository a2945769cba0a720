"""A browser without a display, for tests that need no real one."""

import asyncio

HOSTILE = "<img src=x onerror=alert(1)>"


class Browser:
    """Requests pages as a browser does: it keeps cookies, and sends the origin of a form."""

    def __init__(self, site):
        self.site = site
        self.cookies = {}

    def get(self, path, **headers):
        return self._ask("GET", path, headers)

    def post(self, path, data, **headers):
        headers = {"origin": "http://localhost", **headers}
        return self._ask("POST", path, {name: value for name, value in headers.items() if value}, data=data)

    def _ask(self, method, path, headers, **others):
        async def ask():
            ask_site = getattr(self.site.client, method.lower())
            return await ask_site(path, headers=headers, cookies=self.cookies, **others)

        response = asyncio.run(ask())
        self.cookies.update(response.cookies)
        return response
