"""A bucket on a server that calls itself S3 and differs from Amazon's in ways that a test chooses.

The real server of the tests is SeaweedFS (tests/support/s3.py). This one shows what other servers, gateways and proxies
were seen to do: ETags that are no MD5, weak ones or none, headers that are refused, answers without a length.
"""

import dataclasses
import email.utils
import functools
import hashlib
import urllib.parse
from collections.abc import Callable
from xml.sax import saxutils

from aiohttp import web

from tests.support import httpserver

MODIFIED = 1_790_000_000.0
_PAGE = 1000


@functools.cache
def md5(content: bytes) -> str:
    """The ETag that Amazon S3 gives an object that was put in one part."""
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def refuse(status: int, code: str, headers: dict[str, str] | None = None) -> httpserver.Act:
    """An act: an error as S3 writes it."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said S3</Message></Error>"
    return httpserver.answer(status, body.encode(), headers)


def asks_with(header: str) -> httpserver.Matches:
    """Requests that have this header."""
    return lambda request: header in request.headers


def is_for(key: str) -> httpserver.Matches:
    """Requests for this object."""
    return lambda request: request.path.endswith(key) and "list-type" not in request.query


@dataclasses.dataclass
class Bucket:
    """What it holds, and how it answers."""

    objects: dict[str, bytes]
    etag: Callable[[bytes], str] = md5
    """The ETag of an object, with its quotes; "" for none."""
    etag_of_answers: Callable[[bytes], str] | None = None
    """The same in answers to GET and HEAD, where it differs from the listing's."""
    headers: Callable[[bytes], dict[str, str]] = lambda _: {}
    """Further headers of answers to GET and HEAD of a whole object."""
    part_size: int = 0
    """The size of the parts that objects were put in."""
    is_chunked: bool = False
    """Whether answers have no Content-Length."""
    ignores_range: bool = False
    page: int = _PAGE
    """Keys of one page of a listing."""

    def __post_init__(self) -> None:
        self.server = httpserver.Server(self._answer)
        self.modified = MODIFIED

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        bucket, _, key = request.path.removeprefix("/").partition("/")
        if "list-type" in request.query:
            return self._list(bucket, request.query["prefix"], request.query.get("continuation-token", ""))
        content = self.objects.get(key)
        if content is None:
            return _error(404, "NoSuchKey")
        etag = (self.etag_of_answers or self.etag)(content)
        match = request.headers.get("If-Match")
        if match is not None and (match != etag or etag.startswith("W/")):
            return _error(412, "PreconditionFailed")
        return await self._send(request, content, etag)

    async def _send(self, request: web.Request, content: bytes, etag: str) -> web.StreamResponse:
        headers = {"Last-Modified": email.utils.formatdate(self.modified, usegmt=True), "Accept-Ranges": "bytes"}
        headers |= {"ETag": etag} if etag else {}
        status, body = 200, content
        asked = request.headers.get("Range", "")
        if asked and not self.ignores_range:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            status, body = 206, content[int(first) : int(last) + 1]
            headers["Content-Range"] = f"bytes {first}-{int(first) + len(body) - 1}/{len(content)}"
        elif "partNumber" in request.query:
            if self.part_size:
                body = content[: self.part_size]
                headers["x-amz-mp-parts-count"] = str(-(-len(content) // self.part_size))
        else:
            headers |= self.headers(content)
        if request.method == "HEAD":
            return web.Response(status=status, headers=headers | {"Content-Length": str(len(body))})
        if not self.is_chunked:
            return web.Response(status=status, headers=headers, body=body)
        response = web.StreamResponse(status=status, headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(body)
        await response.write_eof()
        return response

    def _list(self, bucket: str, prefix: str, after: str) -> web.Response:
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        shown, is_cut = keys[: self.page], len(keys) > self.page
        lines = "".join(self._describe(key) for key in shown)
        token = f"<NextContinuationToken>{saxutils.escape(shown[-1])}</NextContinuationToken>" if is_cut else ""
        body = (
            f"<ListBucketResult><Name>{bucket}</Name><EncodingType>url</EncodingType><KeyCount>{len(shown)}</KeyCount>"
            f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>{token}{lines}</ListBucketResult>"
        )
        return web.Response(body=body.encode(), content_type="application/xml")

    def _describe(self, key: str) -> str:
        content = self.objects[key]
        etag = self.etag(content)
        tag = f"<ETag>{saxutils.escape(etag)}</ETag>" if etag else ""
        return f"<Contents><Key>{urllib.parse.quote(key)}</Key>{tag}<Size>{len(content)}</Size></Contents>"


def _error(status: int, code: str) -> web.Response:
    return web.Response(status=status, body=f"<Error><Code>{code}</Code><Message>said S3</Message></Error>".encode())
