"""Balancers live: a configuration, requests and events as a text, and which node answered each request.

    scenario = read_scenario("weights")
    answers = play(scenario, HttpdFront)       # or RefjkFront: the same files, the same nodes
    assert answers == scenario.expected

A scenario is a file of this folder:

    What it is about, in a sentence or two.
    [httpd.conf]
    …                     Jk directives; the front under test adds where to listen and what else it needs
    [workers.properties]
    …                     {node1} stands for the port of a node; a node exists because it is named here
    [steps]
    get /path -> node1
    get /path cookie=id.node2 -> node2 for node1
    post /path body=1000 -> status 503
    kill node1
    until get /path cookie=id.node1 -> node1
    return node1
    node1 says 500

`node2 for node1` means that node2 answered and was told the route node1; without `for` the route was that
of the node. `until` asks again until the answer is that (a deadline bounds it): for what time decides.
`routes are not compared` takes `for …` out of all answers.
"""

from tests.interop.scenarios.fronts import FrontUnderTest, HttpdFront, RefjkFront
from tests.interop.scenarios.player import play
from tests.interop.scenarios.reading import Scenario, read_scenario, scenario_names

__all__ = [
    "FrontUnderTest",
    "HttpdFront",
    "RefjkFront",
    "Scenario",
    "play",
    "read_scenario",
    "scenario_names",
]
