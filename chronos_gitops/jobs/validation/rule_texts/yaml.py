"""Rules about the YAML text."""

from chronos_gitops.jobs.rule import error

RULES = (
    error(
        "syntax",
        "The text is not YAML.",
        'Most often a value needs quotes: text that starts with * @ ` % { [ & ! or contains ": ". A cron expression'
        " that starts with * is read as an alias, and @every starts with a reserved character.",
        "schedule: */5 * * * *",
        'schedule: "*/5 * * * *"',
    ),
    error(
        "merge-conflict",
        "The file has an unresolved merge conflict.",
        "git writes lines of <<<<<<<, ======= or >>>>>>> if it cannot merge two changes. Resolve the conflict.",
        "<<<<<<< HEAD\ntimeout: 5m\n=======\ntimeout: 10m\n>>>>>>> feature",
        "timeout: 10m",
    ),
    error(
        "tab",
        "A tab indents the line.",
        "YAML allows only spaces for indentation.",
        "tags:\n\tteam: platform",
        "tags:\n  team: platform",
    ),
    error(
        "empty-file",
        "The file is empty.",
        "An empty file is usually an accident. To remove a job, delete its file.",
    ),
    error(
        "top-level",
        "The file is not a map of fields.",
        "A file has one job: a map with name, schedule and webhook at the top level.",
    ),
    error(
        "kubernetes-object",
        "The file is a Kubernetes object.",
        "A file with apiVersion and kind is not a job. `chronos-gitops import k8s` converts CronJobs.",
    ),
    error(
        "several-documents",
        "The file has more than one document.",
        "A file has one job, so that each job has its own history and rollback. Move the second job to its own file.",
        "enabled: true\n---\nenabled: false",
        "enabled: true",
    ),
    error(
        "too-deep",
        "The nesting is deeper than 20 levels.",
        "No job needs deeper nesting, which hostile files use to exhaust parsers.",
        "tags: " + "[" * 25 + "]" * 25,
        "tags: {team: platform}",
    ),
    error(
        "too-many-problems",
        "There are more than 100 problems.",
        "The rest of the file was not checked. Fix the first problems; they usually cause most of the others.",
    ),
    error(
        "duplicate-key",
        "A map has the same key twice.",
        "YAML parsers disagree about which one applies, and a reviewer may notice only one of them.",
        "timeout: 5m\ntimeout: 10m",
        "timeout: 10m",
    ),
    error(
        "alias",
        "An alias (*name) stands for a value.",
        "Aliases can expand a small file to gigabytes, and hide values from review. Write the value out. A cron "
        "expression that starts with * needs quotes.",
        "description: *text",
        'description: "*text"',
    ),
    error(
        "anchor",
        "An anchor (&name) marks a value.",
        "Anchors are useful only with aliases, which are refused. Text that starts with & needs quotes.",
        "description: &text Backup",
        "description: Backup",
    ),
    error(
        "merge-key",
        "A merge key (<<) takes fields from elsewhere.",
        "Write the fields out, so that a reviewer sees them in place.",
        "<<: {timeout: 5m}",
        "timeout: 5m",
    ),
    error(
        "tag",
        "A tag (!name) changes the type of a value.",
        "Types follow from the field. Text that starts with ! needs quotes.",
        "description: !!str 5",
        'description: "5"',
    ),
    error(
        "key-type",
        "A key is not text.",
        "Keys are text. Quote keys such as 8080, true and null, keys in brackets, and values that start with {{.",
        "tags:\n  8080: http",
        'tags:\n  "8080": http',
    ),
    error(
        "number",
        "A number is too large or too long, or not a number.",
        "No field accepts more than 18 digits, decimals that would be rounded, infinity or .nan. Quote the "
        "number if it is meant as text.",
        "tags:\n  account: 123456789012345678901234567890",
        'tags:\n  account: "123456789012345678901234567890"',
    ),
)
