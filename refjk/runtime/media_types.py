"""The media types of files by their last extension.

A table of its own, because the system's and the standard library's differ from place to place.
"""

from __future__ import annotations

_WRITTEN = """
application/gzip                gz tgz
application/java-archive        jar
application/json                json map
application/manifest+json       webmanifest
application/pdf                 pdf
application/wasm                wasm
application/xhtml+xml           xhtml xht
application/xml                 xml xsl xsd
application/zip                 zip
audio/mpeg                      mp3
audio/ogg                       ogg oga
font/otf                        otf
font/ttf                        ttf
font/woff                       woff
font/woff2                      woff2
image/avif                      avif
image/bmp                       bmp
image/gif                       gif
image/jpeg                      jpg jpeg jpe
image/png                       png
image/svg+xml                   svg
image/tiff                      tif tiff
image/vnd.microsoft.icon        ico
image/webp                      webp
text/calendar                   ics
text/css                        css
text/csv                        csv
text/html                       html htm
text/javascript                 js mjs
text/markdown                   md
text/plain                      txt text log
video/mp4                       mp4
video/mpeg                      mpg mpeg
video/ogg                       ogv
video/webm                      webm
"""

TYPES = {
    extension.encode(): line.split()[0].encode()
    for line in _WRITTEN.strip().splitlines()
    for extension in line.split()[1:]
}


def type_of(name: bytes) -> bytes | None:
    """The media type of a file of this name; None when there is none.

    SFI-TYP-01
    """
    stem, dot, extension = name.rpartition(b".")
    return TYPES.get(extension.lower()) if dot and stem else None
