"""A store of objects with the few requests of S3 that log directories need: `python objects_server.py` prints its address.

Objects are in memory and gone with the process. Who asks is not checked. Clients must be told not to send checksums:
AWS_REQUEST_CHECKSUM_CALCULATION=when_required.
"""

from __future__ import annotations

import re
import socket
import sys
from email.utils import formatdate
from hashlib import md5
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, unescape

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
objects: dict[str, dict[str, bytes]] = {"logs": {}}


def headers_of(content: bytes) -> dict[str, str]:
    return {
        "ETag": f'"{md5(content, usedforsecurity=False).hexdigest()}"',
        "Last-Modified": formatdate(usegmt=True),
        "Accept-Ranges": "bytes",
    }


def missing(code: str) -> Response:
    return Response(f"<Error><Code>{code}</Code></Error>", status_code=404, media_type="application/xml")


async def bucket(request: Request) -> Response:
    """List what begins with a prefix, up to the delimiter; or delete many objects."""
    found = objects.get(request.path_params["bucket"])
    if found is None:
        return missing("NoSuchBucket")
    if request.method == "POST":
        for key in re.findall("<Key>(.*?)</Key>", (await request.body()).decode()):
            found.pop(unescape(key), None)
        return Response(f"<DeleteResult {NAMESPACE}/>", media_type="application/xml")
    prefix, delimiter = (request.query_params.get(name, "") for name in ("prefix", "delimiter"))
    keys, folders = [], set()
    for key in sorted(key for key in found if key.startswith(prefix)):
        head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        if cut:
            folders.add(f"{prefix}{head}{cut}")
        else:
            keys.append(key)
    listed = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>{headers_of(found[key])['ETag']}</ETag><Size>{len(found[key])}</Size></Contents>"
        for key in keys
    )
    listed += "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(folders))
    body = f"<ListBucketResult {NAMESPACE}><KeyCount>{len(keys) + len(folders)}</KeyCount>{listed}</ListBucketResult>"
    return Response(body, media_type="application/xml")


async def one(request: Request) -> Response:
    """Put, get (a range of) or delete an object."""
    found, key = objects[request.path_params["bucket"]], request.path_params["key"]
    if request.method == "PUT":
        found[key] = await request.body()
        return Response(headers=headers_of(found[key]))
    if request.method == "DELETE":
        found.pop(key, None)
        return Response(status_code=204)
    if key not in found:
        return missing("NoSuchKey")
    content = found[key]
    headers, status = headers_of(content), 200
    if asked := re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", "")):
        first, last = asked.groups()
        start = int(first) if first else max(0, len(content) - int(last))
        stop = min(int(last) + 1, len(content)) if first and last else len(content)
        headers["Content-Range"], status = f"bytes {start}-{stop - 1}/{len(content)}", 206
        content = content[start:stop]
    return Response(content, status_code=status, headers=headers, media_type="application/octet-stream")


application = Starlette(
    routes=[
        Route("/{bucket}", bucket, methods=["GET", "POST"]),
        Route("/{bucket}/{key:path}", one, methods=["GET", "PUT", "DELETE"]),
    ]
)

if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        uvicorn.Server(uvicorn.Config(application, log_level="warning")).run(sockets=[listener])
