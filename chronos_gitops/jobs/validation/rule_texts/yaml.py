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
        "An unresolved merge conflict stands in the file.",
        "Lines of <<<<<<<, ======= or >>>>>>> are what git leaves when a merge needs a person.",
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
        "There is nothing in the file.",
        "An empty file is more often an accident than a wish. Delete the file to remove a job.",
    ),
    error(
        "top-level",
        "The file is not a map of fields.",
        "One file holds one job: a map with name, schedule and webhook at the top level.",
    ),
    error(
        "kubernetes-object",
        "The file is an object of Kubernetes.",
        "A file with apiVersion and kind is no job. `chronos-gitops import k8s` converts CronJobs.",
    ),
    error(
        "several-documents",
        "A second document follows.",
        "One file holds one job, so that its history and its rollback are its own. Move the second job to its own "
        "file.",
        "enabled: true\n---\nenabled: false",
        "enabled: true",
    ),
    error(
        "too-deep",
        "The nesting is deeper than 20 levels.",
        "No job needs it; deep nesting is how hostile files exhaust parsers.",
        "tags: " + "[" * 25 + "]" * 25,
        "tags: {team: platform}",
    ),
    error(
        "too-many-problems",
        "There are more than 100 problems.",
        "The rest of the file was not checked. Fix the first ones; most of the others usually follow from them.",
    ),
    error(
        "duplicate-key",
        "A key stands twice in one map.",
        "YAML parsers disagree which one wins, and a reviewer sees only one of them.",
        "timeout: 5m\ntimeout: 10m",
        "timeout: 10m",
    ),
    error(
        "alias",
        "An alias (*name) stands for a value.",
        "Aliases make a file say more than it shows, up to gigabytes. Write the value out. A cron expression that "
        "starts with * needs quotes.",
        "description: *text",
        'description: "*text"',
    ),
    error(
        "anchor",
        "An anchor (&name) marks a value.",
        "Anchors serve aliases only, and those are refused. Text that starts with & needs quotes.",
        "description: &text Backup",
        "description: Backup",
    ),
    error(
        "merge-key",
        "A merge key (<<) takes fields from elsewhere.",
        "A job file shows all its fields where a reviewer sees them.",
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
        "Keys are text. 8080, true, null and what stands in brackets must be quoted; so must a value that starts "
        "with {{.",
        "tags:\n  8080: http",
        'tags:\n  "8080": http',
    ),
    error(
        "number",
        "A number is too large or too long, or not a number.",
        "No field takes more than 18 digits, decimals that would be rounded, infinity or .nan. Quote it when it is "
        "meant as text.",
        "tags:\n  account: 123456789012345678901234567890",
        'tags:\n  account: "123456789012345678901234567890"',
    ),
)
