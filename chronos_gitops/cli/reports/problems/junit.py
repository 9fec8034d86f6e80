"""JUnit XML, as test reports of continuous integration read it: one test case per file with problems."""

from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from chronos_gitops.cli.reports.problems import concise
from chronos_gitops.jobs.problem import Problem, is_error
from chronos_gitops.plurals import plural

_NAME = "chronos-gitops"


def render(problems: Sequence[Problem], files: int) -> str:
    """Errors fail a case; warnings and notes stand in its output. Files without problems are one case together."""
    suites = Element("testsuites")
    suite = SubElement(suites, "testsuite", name=_NAME)
    by_file = [(file, list(found)) for file, found in groupby(problems, key=lambda problem: problem.file)]
    for file, found in by_file:
        _case(suite, file, found)
    if files > len(by_file):
        clean = f"{plural(files - len(by_file), 'file')} without problems"
        SubElement(suite, "testcase", classname=_NAME, name=clean)
    failed = sum(any(map(is_error, found)) for _, found in by_file)
    suite.attrib |= {"tests": str(len(suite)), "failures": str(failed), "errors": "0"}
    indent(suites)
    return tostring(suites, "unicode", xml_declaration=True) + "\n"


def _case(suite: Element, file: str, problems: Sequence[Problem]) -> None:
    case = SubElement(suite, "testcase", classname=_NAME, name=file)
    errors = [problem for problem in problems if is_error(problem)]
    if errors:
        failure = SubElement(case, "failure", type=errors[0].rule, message=errors[0].message)
        failure.text = "\n".join(map(concise.line, errors))
    others = [concise.line(problem) for problem in problems if not is_error(problem)]
    if others:
        SubElement(case, "system-out").text = "\n".join(others)
