"""Every fact has its line, and every line is escaped."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from sealcast.ceremony import Facts, Proposal, facts_of, review
from sealcast.cli.ceremony_facts import as_document, name_of, tell
from sealcast.cli.output import Output
from sealcast.cli.session import Session
from sealcast.documents import encode
from sealcast.model import ChannelPolicy, Policy
from sealcast.values import content_of
from tests.unit.ceremony.people import BOOK, NOW, OWN_ROOT, Wish, keyid, later


def told(facts: Facts) -> str:
    out = io.StringIO()
    tell(Session(Output(out, out, {}), lambda: NOW, {}, io.StringIO()), facts)
    return out.getvalue()


def facts(proposal: Proposal, book: Mapping[str, str] = BOOK) -> Facts:
    return facts_of(review(proposal, OWN_ROOT), book)


def with_policy(**fields: Any) -> Proposal:
    proposal = later()
    data = encode(Policy(app="demo", channels={"stable": ChannelPolicy(sealed=True)}, **fields))
    content = content_of(data)
    proposal.files["demo/policy.json"] = data.decode()
    entry = {"hashes": {"sha256": content.sha256}, "length": content.size}
    proposal.targets["targets"]["demo/policy.json"] = entry
    return proposal


def test_a_policy_is_told_whole() -> None:
    pins = {"cdn.example": {"ab" * 32: "2027-01-01T00:00:00Z", "cd" * 32: "2028-01-01T00:00:00Z"}}
    text = told(facts(with_policy(mirrors=("https://one.example",), pins=pins)))
    assert "~ policy of demo: stable (sealed); mirrors https://one.example" in text
    assert f"keys of cdn.example: {'ab' * 32} until 2027-01-01T00:00:00Z, {'cd' * 32} until" in text


def test_a_specification_an_unknown_key_and_a_search_that_goes_on_are_told() -> None:
    wish = Wish(roles={**Wish().roles, "demo-stable": (("ci", "dave"), 1)})
    proposal = later(wish, root=False)
    proposal.targets["spec_version"] = "1.0.99"
    proposal.targets["delegations"]["roles"][0]["terminating"] = False
    text = told(facts(proposal, {}))
    assert "TUF 1.0.31 → 1.0.99" in text
    assert "not terminating" in text
    assert f"+ (no name)  {keyid('dave')}  unverified" in text
    assert name_of(facts(proposal, {}), keyid("dave")) == keyid("dave")[:16]


def test_an_impostor_stands_out() -> None:
    wish = Wish(roles={**Wish().roles, "root": (("alice", "bob", "dave"), 2)})
    text = told(facts(later(wish), {keyid("mallory"): "dave"}))
    assert "NOT the key that your address book has under this name" in text


def test_what_goes_is_told() -> None:
    wish = Wish(channels={"beta": False}, roles={**Wish().roles, "demo-beta": (("ci",), 1)})
    text = told(facts(later(wish)))
    assert "- demo-stable: goes away" in text
    assert "+ demo-beta: 1 of 1 must sign" in text
    proposal = later()
    proposal.targets["targets"], proposal.targets["delegations"] = {}, {"keys": {}, "roles": []}
    proposal.files.clear()
    proposal.root["x-sealcast"]["holders"].pop(keyid("oncall"))
    assert "- policy of demo: goes away" in told(facts(proposal))


def test_the_document_holds_all_of_it() -> None:
    out = io.StringIO()
    output = Output(out, out, {})
    output.json = True
    output.document(as_document(facts(later())))
    value = json.loads(out.getvalue())
    assert value["renewal"] is True
    assert [part["role"] for part in value["parts"]] == ["root", "targets"]
    assert len(value["roles"]) == 6
