"""Jobs of a company that copied every file for its second environment."""

from harness.repositories.repository import Repository

COPY = """\
# {title} of {environment}.
name: {name}
description: {title}
schedule: "{minute} {hour} * * *"
timezone: Europe/Paris
enabled: {enabled}

webhook:
  url: https://{host}.example.com/v1/{name}
  method: POST
  headers:
    X-Team: {team}
    Content-Type: application/json
  auth:
    type: bearer
    token: ${{secret:{team}-token}}
timeout: 30s
retry_policy: {{max_attempts: 5, initial_interval: 2s}}
tags: {{team: {team}, environment: {environment}}}
"""


def company(repository: Repository) -> None:
    """40 jobs in two environments as 80 files of 19 lines, which is 1,520."""
    for number in range(40):
        team = ("billing", "growth", "platform", "security")[number % 4]
        for environment, host in (("production", "api"), ("staging", "staging")):
            name = f"{team}-{number:02}-{environment}"
            enabled = "true" if environment == "production" else "false"
            values = {"name": name, "team": team, "environment": environment, "host": host, "enabled": enabled}
            text = COPY.format(title=f"Job {number}", minute=number, hour=number % 24, **values)
            repository.write(f"jobs/{environment}/{team}/{name}.yaml", text)
