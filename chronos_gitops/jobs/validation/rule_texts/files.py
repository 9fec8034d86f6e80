"""Rules about a file as a whole and its place in the tree."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "too-large",
        "The file is too large for a job.",
        "A job file has at most 256 KiB and 20,000 values. Store larger data in the target, and refer to it.",
    ),
    error(
        "encoding",
        "The file is not UTF-8.",
        "Job files are UTF-8, with or without a byte order mark. Latin-1 and UTF-16 read differently on every machine.",
    ),
    error(
        "control-character",
        "The file contains an invisible character.",
        "Control characters, the line breaks NEL, LS and PS, and bidirectional controls can make the text in a "
        "review differ from the text that runs (CVE-2021-42574). In a double-quoted string, write them as an escape.",
        'description: "before\u202eafter"',
        'description: "before\\u202eafter"',
    ),
    error(
        "symlink",
        "The entry is a symbolic link.",
        "Links are never followed, because their target is not part of the reviewed content. Commit the file itself.",
    ),
    error(
        "submodule",
        "The entry is a submodule.",
        "Submodules are never fetched. Commit the job file itself.",
    ),
    error(
        "lfs-pointer",
        "The file is a Git LFS pointer, not the content.",
        "Job files are read from git objects, which contain only the pointer. Take *.yaml out of .gitattributes.",
    ),
    error(
        "unreadable",
        "The file could not be read.",
        "It was deleted between listing and reading, or its permissions forbid reading. No job is removed "
        "because of this.",
    ),
    error(
        "duplicate-name",
        "Two files define a job with the same name.",
        "The name identifies a job, and is unique in the whole tree. The file that had the name at the parent "
        "commit keeps it as long as the file exists; other files are refused. If that file no longer has the "
        "name, a file with the same content gets it, otherwise the first in path order, as for a new name.",
    ),
    warning(
        "file-name",
        "The file name differs from the job name.",
        "Readers look for daily-backup in daily-backup.yaml. The name in the file identifies the job, so a "
        "renamed file keeps its history.",
    ),
    warning(
        "suppression",
        "An ignore comment is invalid.",
        "`# chronos: ignore[rule] reason` at the end of a line, or on a line of its own above it, suppresses a "
        "warning or a note. The reason is required. Errors cannot be ignored: a job with an error does not run.",
        "webhook: {url: http://10.0.0.7/backup} # chronos: ignore[private-host]",
        "webhook: {url: http://10.0.0.7/backup} # chronos: ignore[private-host] the backup host has no public name",
    ),
    note(
        "unused-suppression",
        "An ignore comment matches no finding.",
        "The problem was fixed, or has moved to another line. If the comment stays, it suppresses the next "
        "problem there.",
        "webhook: {url: https://api.example.com/} # chronos: ignore[private-host] the backup host has no public name",
        "webhook: {url: https://api.example.com/}",
    ),
)
