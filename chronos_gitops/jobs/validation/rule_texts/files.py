"""Rules about a file as a whole and its place in the tree."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "too-large",
        "The file is larger than any job.",
        "A job file has at most 256 KiB and 20,000 values. Data that large belongs behind the webhook, not in its "
        "schedule.",
    ),
    error(
        "encoding",
        "The file is not UTF-8.",
        "Job files are UTF-8, with or without a byte order mark. Latin-1 and UTF-16 read differently on every machine.",
    ),
    error(
        "control-character",
        "An invisible character stands in the file.",
        "Control characters, the line breaks NEL, LS and PS, and bidirectional controls make a review show another "
        "text than the one that runs (CVE-2021-42574). Inside a double-quoted string they can be written as an "
        "escape.",
        'description: "before\u202eafter"',
        'description: "before\\u202eafter"',
    ),
    error(
        "symlink",
        "The entry is a symbolic link.",
        "Links are never followed: what they point at is not part of the reviewed content. Commit the file itself.",
    ),
    error(
        "submodule",
        "The entry is a submodule.",
        "Submodules are never fetched. Commit the job file itself.",
    ),
    error(
        "lfs-pointer",
        "The file is a Git LFS pointer, not the content.",
        "Job files are read from git objects, where Git LFS leaves a pointer only. Take *.yaml out of .gitattributes.",
    ),
    error(
        "unreadable",
        "The file could not be read.",
        "It vanished between listing and reading, or its permissions forbid it. Nothing is removed because of this.",
    ),
    error(
        "duplicate-name",
        "Two files define a job of the same name.",
        "The name is the identity of a job, unique in the whole tree. It belongs to the file that had it at the parent "
        "commit, while that file is there; every other file is refused. When that file leaves the name, a file with "
        "its content comes first, then path order, which also decides where no file had the name before.",
    ),
    warning(
        "file-name",
        "The file is not named like its job.",
        "A reader looks for daily-backup in daily-backup.yaml. The name inside counts, so a renamed file keeps its "
        "history.",
    ),
    warning(
        "suppression",
        "A comment to this program ignores nothing.",
        "`# chronos: ignore[rule] reason` at the end of a line, or on a line of its own above it, takes a warning or a "
        "note out of the report. The reason is required. Errors cannot be ignored: a job with an error does not run.",
        "webhook: {url: http://10.0.0.7/backup} # chronos: ignore[private-host]",
        "webhook: {url: http://10.0.0.7/backup} # chronos: ignore[private-host] the backup host has no public name",
    ),
    note(
        "unused-suppression",
        "An ignore comment matches no finding.",
        "The problem was fixed, or is on another line now. Left in place, the comment would hide the next problem.",
        "webhook: {url: https://api.example.com/} # chronos: ignore[private-host] the backup host has no public name",
        "webhook: {url: https://api.example.com/}",
    ),
)
