"""The farm: one archive in one directory, deployed on every node. `spec/farm-deployment.md`; no I/O.

A watching node looks at its directory, and asks the deployer what follows from what it found:

    for event in watcher.check(entries):                # every second tick of the background work
        if event.happening is Happening.CHANGED:        # copy the archive, verify the copy, then
            actions = deployer.archive_changed(event.name, transfer, digest, size, now_ms)

Every node gives it what the members send, and carries out what it asks for:

    actions = deployer.receive(read_message(octets), now_ms)
    for action in actions: ...                          # Verify, Install, Remove, Send, SendArchive, ...
    deployer.verified(transfer, digest, now_ms)         # the answers to some of them

`FarmSteps` does so in order, with a disk and a container that it is given; `FarmAdmission` is before it, with
the members. The files themselves are those of `refjk.runtime.farm_driver`: `war_archive` checks and unpacks
them, `farm_files` puts them in place of others.
"""

from refjk.farm.actions import (
    Action,
    Install,
    Message,
    Remove,
    Report,
    Send,
    SendArchive,
    ServeOctets,
    Verify,
)
from refjk.farm.admission import CatchingUp, FarmAdmission, oldest_first
from refjk.farm.archive import (
    END_SEARCH_SIZE,
    ArchiveEntry,
    ArchiveLimits,
    SizeGuard,
    check_end,
    check_entries,
    is_public,
)
from refjk.farm.catalog import Catalog, Entry
from refjk.farm.classes import MESSAGE_CLASSES, message_of_record, record_of_message
from refjk.farm.codec import (
    FILE_CLASS,
    MEMBER_CLASS,
    UNDEPLOY_CLASS,
    Layout,
    decode_file_message,
    decode_undeploy_message,
    encode_file_message,
    encode_undeploy_message,
    read_message,
    write_message,
)
from refjk.farm.deployer import FarmDeployer, FarmSettings
from refjk.farm.extension import (
    PIECE_SIZE_MAX,
    ArchivePiece,
    ArchiveRequest,
    CatalogMessage,
    decode_extension,
    read_extension,
    write_extension,
)
from refjk.farm.fetching import FetchRules
from refjk.farm.late_joiner import LateJoinerRules
from refjk.farm.messages import PART_SIZE, FileMessage, Member, UndeployMessage
from refjk.farm.names import SUFFIX, check_archive_name, context_path_of, file_name_of
from refjk.farm.original import OriginalDeployer, OriginalHost
from refjk.farm.parts import OriginalWriter, Part, message_of, part_of, parts_of
from refjk.farm.reassembly import Reassembly, StoreOctets, TransferDropped, TransferLimits
from refjk.farm.steps import FarmSteps
from refjk.farm.surroundings import Applications, Checked, Disk, Lying, Octets, Outgoing, Outgoings, Started
from refjk.farm.watching import Happening, OriginalWatcher, Seen, Watcher, WatchEvent, WatchTicks
from refjk.farm.web_xml import DESCRIPTOR, DESCRIPTOR_SIZE_MAX, WebApplication, read_web_xml

__all__ = [
    "DESCRIPTOR",
    "DESCRIPTOR_SIZE_MAX",
    "END_SEARCH_SIZE",
    "FILE_CLASS",
    "MEMBER_CLASS",
    "MESSAGE_CLASSES",
    "PART_SIZE",
    "PIECE_SIZE_MAX",
    "SUFFIX",
    "UNDEPLOY_CLASS",
    "Action",
    "Applications",
    "ArchiveEntry",
    "ArchiveLimits",
    "ArchivePiece",
    "ArchiveRequest",
    "Catalog",
    "CatalogMessage",
    "CatchingUp",
    "Checked",
    "Disk",
    "Entry",
    "FarmAdmission",
    "FarmDeployer",
    "FarmSettings",
    "FarmSteps",
    "FetchRules",
    "FileMessage",
    "Happening",
    "Install",
    "LateJoinerRules",
    "Layout",
    "Lying",
    "Member",
    "Message",
    "Octets",
    "OriginalDeployer",
    "OriginalHost",
    "OriginalWatcher",
    "OriginalWriter",
    "Outgoing",
    "Outgoings",
    "Part",
    "Reassembly",
    "Remove",
    "Report",
    "Seen",
    "Send",
    "SendArchive",
    "ServeOctets",
    "SizeGuard",
    "Started",
    "StoreOctets",
    "TransferDropped",
    "TransferLimits",
    "UndeployMessage",
    "Verify",
    "WatchEvent",
    "WatchTicks",
    "Watcher",
    "WebApplication",
    "check_archive_name",
    "check_end",
    "check_entries",
    "context_path_of",
    "decode_extension",
    "decode_file_message",
    "decode_undeploy_message",
    "encode_file_message",
    "encode_undeploy_message",
    "file_name_of",
    "is_public",
    "message_of",
    "message_of_record",
    "oldest_first",
    "part_of",
    "parts_of",
    "read_extension",
    "read_message",
    "read_web_xml",
    "record_of_message",
    "write_extension",
    "write_message",
]
