"""Runs two linters of IAM policies over documents: parliament, and over those of identities cloudsplaining as well.

Reads a JSON list of {"name", "kind": "identity" or "resource", "document"} on standard input and writes a JSON list of
{"tool", "name", "issue", "severity", "about"}, one for each finding. What is found twice in a document is written once.
"""

import json
import sys
from fnmatch import fnmatchcase

from cloudsplaining.command.scan_policy_file import scan_policy
from parliament import analyze_policy_string, enhance_finding


def written(statement, action):
    """The actions of the statement that stand for this one."""
    actions = statement.get("Action", [])
    return {one for one in ([actions] if isinstance(actions, str) else actions) if fnmatchcase(action.lower(), one.lower())}


def by_parliament(document):
    for finding in analyze_policy_string(json.dumps(document)).findings:
        if not isinstance(finding.detail, list):
            about = finding.detail or (finding.location or {}).get("string") or ""
            yield finding.issue, enhance_finding(finding).severity.lower(), str(about)
    # A finding on a list of actions does not say of which statement. They are told as the document writes them, with wildcards.
    for statement in document["Statement"]:
        for finding in analyze_policy_string(json.dumps({**document, "Statement": [statement]})).findings:
            if isinstance(finding.detail, list):
                actions = {one["action"] if isinstance(one, dict) else one for one in finding.detail}
                for about in set().union(*(written(statement, action) for action in actions)):
                    yield finding.issue, enhance_finding(finding).severity.lower(), about


def by_cloudsplaining(document):
    results = scan_policy(document)
    # A plain list of names, without a severity: what the findings below are about.
    results.pop("ServicesAffected")
    for issue, result in results.items():
        for about in result["findings"]:
            yield issue, result["severity"].lower(), about if isinstance(about, str) else json.dumps(about, sort_keys=True)


findings = set()
for entry in json.load(sys.stdin):
    tools = {"parliament": by_parliament}
    if entry["kind"] == "identity":
        tools["cloudsplaining"] = by_cloudsplaining
    for tool, run in tools.items():
        findings |= {(tool, entry["name"], *found) for found in run(entry["document"])}
words = ("tool", "name", "issue", "severity", "about")
json.dump([dict(zip(words, found)) for found in sorted(findings)], sys.stdout)
