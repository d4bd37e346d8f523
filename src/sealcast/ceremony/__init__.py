"""Ceremonies: how several people, on machines that never see a network, sign root and targets (DESIGN section 8).

A `Proposal` says what shall be signed. Each holder lets `review` hold it against their own last root, reads the facts
that `facts_of` computes, and answers with a `Statement`; `count_statements` puts the answers together. All of it is
pure: the only thing that acts is the signer that is handed to `sign`.
"""

from .evidence import ROOT_LIMIT, is_signed
from .facts import AddressBook, Change, Facts, FileFacts, Holder, PartFacts, RoleFacts, Standing, facts_of
from .limits import check_limits
from .proposal import PROPOSAL_LIMIT, Proposal, digest_of, proposal_bytes, read_proposal
from .quorum import Count, Quorum, count_statements
from .reviewing import MAX_SKIP, Review, review
from .statement import (
    STATEMENT_LIMIT,
    Statement,
    read_statement,
    roles_to_sign,
    sign,
    statement_bytes,
)
from .words import words_of

__all__ = [
    "MAX_SKIP",
    "PROPOSAL_LIMIT",
    "ROOT_LIMIT",
    "STATEMENT_LIMIT",
    "AddressBook",
    "Change",
    "Count",
    "Facts",
    "FileFacts",
    "Holder",
    "PartFacts",
    "Proposal",
    "Quorum",
    "Review",
    "RoleFacts",
    "Standing",
    "Statement",
    "check_limits",
    "count_statements",
    "digest_of",
    "facts_of",
    "is_signed",
    "proposal_bytes",
    "read_proposal",
    "read_statement",
    "review",
    "roles_to_sign",
    "sign",
    "statement_bytes",
    "words_of",
]
