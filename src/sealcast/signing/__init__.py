"""Signing keys: made, saved, described by public records, and opened as signers from URIs.

Private keys are files only their owner can read, or stay in hardware and services that a URI names. Nothing
here asks a person anything: passphrases come through `Secrets`.
"""

from .environment import PIN_VARIABLE, VARIABLE, EnvironmentSecrets, as_passphrase, variable_of
from .examples import EXAMPLE_KEYIDS, is_example
from .key_files import (
    KEY_SUFFIX,
    GeneratedKey,
    change_passphrase,
    free_paths,
    generate,
    is_encrypted,
    open_key_file,
    save_key,
    save_record,
)
from .key_types import DEFAULT_KEY_TYPE, KEY_TYPES, KeyType, advice, key_type, type_of
from .kinds import Located, Secrets
from .pkcs11 import DEFAULT_TOKEN_KEY_TYPE
from .records import RECORD_SUFFIX, PublicRecord, key_of, read_record, read_records, record_bytes, record_of
from .signers import absent, locate, make_in_token, open_signer

__all__ = [
    "DEFAULT_KEY_TYPE",
    "DEFAULT_TOKEN_KEY_TYPE",
    "EXAMPLE_KEYIDS",
    "KEY_SUFFIX",
    "KEY_TYPES",
    "PIN_VARIABLE",
    "RECORD_SUFFIX",
    "VARIABLE",
    "EnvironmentSecrets",
    "GeneratedKey",
    "KeyType",
    "Located",
    "PublicRecord",
    "Secrets",
    "absent",
    "advice",
    "as_passphrase",
    "change_passphrase",
    "free_paths",
    "generate",
    "is_encrypted",
    "is_example",
    "key_of",
    "key_type",
    "locate",
    "make_in_token",
    "open_key_file",
    "open_signer",
    "read_record",
    "read_records",
    "record_bytes",
    "record_of",
    "save_key",
    "save_record",
    "type_of",
    "variable_of",
]
