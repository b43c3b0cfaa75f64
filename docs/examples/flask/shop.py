"""A shop in Flask whose carts are in sessions of refjk.

Alone, in this folder:            refjk serve shop:app --listen 127.0.0.1:8009
As a node of a cluster:           <Context path="/shop" docBase="shop:flask_app" distributable="true"/>

The node of a cluster gives its applications their sessions; everywhere else `app` has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, redirect, request, url_for
from markupsafe import escape

from refjk.runtime.session_wsgi import RequestSession, SessionMiddleware, session_of
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings

flask = Flask(__name__)


def session() -> RequestSession:
    """Not `flask.session`, which is a signed cookie and needs no server."""
    return session_of(request.environ)


@flask.get("/")
def show() -> Any:
    cart = session().get("cart", [])
    items = "".join(f"<li>{escape(item)}</li>" for item in cart)
    # encode_url is for clients without cookies; it changes nothing for the others.
    target = escape(session().encode_url(url_for("add")))
    form = f'<form method="post" action="{target}"><input name="item"><button>Add</button></form>'
    return f"<ul>{items}</ul>{form}"


@flask.post("/add")
def add() -> Any:
    cart = session().get("cart", [])
    # A new list, set again: what is only changed inside stays on this node.
    session().set("cart", [*cart, request.form["item"]])
    return redirect(session().encode_url(url_for("show")))


@flask.post("/leave")
def leave() -> Any:
    session().invalidate()
    return redirect(url_for("show"))


def whole(application: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """An application whose answers are lists: Flask's are iterators, which end only after they have left.

    With a list the other nodes know of the change before the client has the answer, whatever the server.
    """

    def in_one_piece(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = application(environ, start_response)
        try:
            return list(body)
        finally:
            if hasattr(body, "close"):
                body.close()

    return in_one_piece


flask_app = whole(flask.wsgi_app)
app = SessionMiddleware(flask_app, Sessions.alone(ManagerSettings()))
