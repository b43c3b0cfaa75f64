"""The only styles of page and picture; their hashes stand in Content-Security-Policy."""

from __future__ import annotations

PICTURE_STYLE = """
.pic { font: 13px system-ui, sans-serif; color: #1c1e21; }
.pic text { fill: currentColor; }
.pic .head { font-weight: 600; }
.pic .quiet { fill: #5b626b; }
.pic .box { fill: #f2f4f7; stroke: #8a929c; }
.pic .link { stroke: #8a929c; fill: none; }
.pic .bad-link { stroke: #c62828; stroke-dasharray: 5 4; }
.pic .good { fill: #2e7d32; }
.pic .degraded { fill: #b07800; }
.pic .bad { fill: #c62828; }
.pic .track { fill: #1c1e21; fill-opacity: .1; }
.pic .share { fill: #4477aa; }
.pic .value { fill: #9a7bc4; }
@media (prefers-color-scheme: dark) {
.pic { color: #e6e8ea; }
.pic .quiet { fill: #a3aab2; }
.pic .box { fill: #22262c; stroke: #6c7580; }
.pic .link { stroke: #6c7580; }
.pic .bad-link { stroke: #ff6b63; }
.pic .good { fill: #66bb6a; }
.pic .degraded { fill: #e0b93c; }
.pic .bad { fill: #ff6b63; }
.pic .track { fill: #e6e8ea; }
.pic .share { fill: #6fa3d8; }
.pic .value { fill: #b79be0; }
}
"""
PAGE_STYLE = (
    PICTURE_STYLE
    + """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.2rem auto; padding: 0 1rem; max-width: 90rem;
  background: #ffffff; color: #1c1e21; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
h4 { margin: 1rem 0 0; }
a { color: #1a5fb4; }
nav a, nav form { margin-right: .9rem; }
form { display: inline; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .4rem 0 1rem; font-size: .9rem; }
th, td { border: 1px solid #c9ced4; padding: .2rem .5rem; text-align: left; white-space: nowrap; }
th { background: #f2f4f7; font-weight: 600; }
.result { padding: .5rem .8rem; border-left: .3rem solid #2e7d32; background: #eef6ee; }
.error { border-color: #c62828; background: #fbeeee; }
.good { color: #2e7d32; } .degraded { color: #8a5d00; } .bad { color: #c62828; }
.edit label { display: grid; margin: .35rem 0; gap: .6rem;
  grid-template-columns: minmax(8rem, 16rem) minmax(8rem, 18rem); }
svg { max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) {
body { background: #16181c; color: #e6e8ea; }
a { color: #8ab8f0; }
th, td { border-color: #444b54; } th { background: #22262c; }
.result { background: #1c2a1d; border-color: #66bb6a; } .error { background: #331c1c; border-color: #ff6b63; }
.good { color: #66bb6a; } .degraded { color: #e0b93c; } .bad { color: #ff8a84; }
}
"""
)
